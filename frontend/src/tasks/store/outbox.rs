//! The entries of the outbox: changes that the server has not confirmed yet.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use shared::task::{Completion, NewTask, Task, TaskChange};
use shared::times;
use uuid::Uuid;

use super::edit::{self, Edit};

/// A change to send.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Entry {
    /// The order in the outbox: a UUIDv7, which also tells the time of the change.
    pub id: Uuid,
    /// The task. The client generates the id of a new task and sends it as `Idempotency-Key`, so that it never changes.
    pub task_id: Uuid,
    pub op: Op,
    /// The user can still undo it, so it is not sent yet.
    #[serde(rename = "held")]
    pub undoable: bool,
}

/// A change of a task. All are idempotent.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(from = "StoredOp")]
pub enum Op {
    Create(NewTask),
    /// Changes the fields that no other device changed.
    Change(Edit),
    /// Marks it as completed or as pending.
    Complete(Completion),
    Delete,
    /// Changes fields without a comparison with the current task: a `Change` that an earlier version of the client
    /// stored, which has no base.
    #[serde(rename = "Change")]
    Overwrite(TaskChange),
}

/// An [`Op`] as it is stored. Both kinds of `Change` have one shape here, because an untagged enum would add 4.6 kB to
/// the first visit (brotli).
#[derive(Deserialize)]
enum StoredOp {
    Create(NewTask),
    Change(StoredChange),
    Complete(Completion),
    Delete,
}

/// The fields of an [`Edit`], or those of a `TaskChange`.
#[derive(Deserialize)]
struct StoredChange {
    base: Option<NewTask>,
    mine: Option<NewTask>,
    title: Option<String>,
    #[serde(default, deserialize_with = "present")]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "present_day")]
    due_date: Option<Option<NaiveDate>>,
}

impl From<StoredOp> for Op {
    fn from(stored: StoredOp) -> Self {
        match stored {
            StoredOp::Create(new) => Self::Create(new),
            StoredOp::Change(change) => change.into(),
            StoredOp::Complete(completion) => Self::Complete(completion),
            StoredOp::Delete => Self::Delete,
        }
    }
}

impl From<StoredChange> for Op {
    fn from(stored: StoredChange) -> Self {
        if let (Some(base), Some(mine)) = (stored.base, stored.mine) {
            return Self::Change(Edit { base, mine });
        }
        Self::Overwrite(TaskChange {
            title: stored.title,
            description: stored.description,
            due_date: stored.due_date,
        })
    }
}

/// Distinguishes null, which clears the field, from an absent field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn present_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<NaiveDate>>, D::Error> {
    times::day(deserializer).map(Some)
}

impl Entry {
    /// An entry that is ready to be sent.
    pub fn new(task_id: Uuid, op: Op) -> Self {
        Self {
            id: Uuid::now_v7(),
            task_id,
            op,
            undoable: false,
        }
    }

    /// An entry that the user can still undo.
    pub fn undoable(task_id: Uuid, op: Op) -> Self {
        Self {
            undoable: true,
            ..Self::new(task_id, op)
        }
    }

    /// Whether it is an edit that is merged with the current task.
    pub fn is_edit(&self) -> bool {
        matches!(self.op, Op::Change(_))
    }

    /// Applies the change to `tasks` as the server will. `revision` stands in for the one that the server will assign.
    pub fn apply(&self, tasks: &mut Vec<Task>, user_id: &str, revision: i64) {
        let known = tasks.iter().position(|task| task.id == self.task_id);
        match (&self.op, known.and_then(|place| tasks.get_mut(place))) {
            (Op::Create(new), None) => tasks.push(Task {
                id: self.task_id,
                user_id: user_id.to_owned(),
                title: new.title.clone(),
                description: new.description.clone(),
                completed: false,
                due_date: new.due_date,
                created_at: self.created_at(),
                updated_at: self.created_at(),
                revision,
            }),
            (Op::Change(edit), Some(task)) => change(task, edit.changes(&edit::fields(task)), revision),
            (Op::Overwrite(new), Some(task)) => change(task, new.clone(), revision),
            (Op::Complete(completion), Some(task)) => {
                task.revision = revision;
                task.completed = completion.completed;
            }
            (Op::Delete, Some(_)) => tasks.retain(|task| task.id != self.task_id),
            // The list with the new task came before its confirmation, or another device deleted the task.
            (Op::Create(_), Some(_)) | (_, None) => {}
        }
    }

    fn created_at(&self) -> DateTime<Utc> {
        let (seconds, nanoseconds) = self.id.get_timestamp().map_or((0, 0), |time| time.to_unix());
        i64::try_from(seconds)
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, nanoseconds))
            .unwrap_or_default()
    }
}

fn change(task: &mut Task, change: TaskChange, revision: i64) {
    task.revision = revision;
    if let Some(title) = change.title {
        task.title = title;
    }
    if let Some(description) = change.description {
        task.description = description;
    }
    if let Some(due_date) = change.due_date {
        task.due_date = due_date;
    }
}
