//! What a person did and the server has not confirmed yet.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use shared::task::{Completion, NewTask, Task, TaskChange};
use shared::times;
use uuid::Uuid;

use super::edit::{self, Edit};

/// One thing to tell the server.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Entry {
    /// Its place in the outbox: a UUIDv7, so it also tells when it was made.
    pub id: Uuid,
    /// The task it is about. The id of a new one is made here and sent as `Idempotency-Key`, so that it never changes.
    pub task_id: Uuid,
    /// What to tell.
    pub op: Op,
    /// Waits, because it can still be undone.
    pub held: bool,
}

/// What a person did to a task. Sending it twice does no harm.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(from = "StoredOp")]
pub enum Op {
    /// Add it.
    Create(NewTask),
    /// Change what it says.
    Change(Edit),
    /// Mark it as done or as still to do.
    Complete(Completion),
    /// Remove it.
    Delete,
    /// Change what it says without a comparison: a `Change` that an earlier version of the client stored, which has no
    /// base.
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

/// Tells null, which clears the field, from a field that is absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn present_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<NaiveDate>>, D::Error> {
    times::day(deserializer).map(Some)
}

impl Entry {
    /// An entry to send as soon as its turn comes.
    pub fn new(task_id: Uuid, op: Op) -> Self {
        Self {
            id: Uuid::now_v7(),
            task_id,
            op,
            held: false,
        }
    }

    /// An entry that waits until it is released.
    pub fn held(task_id: Uuid, op: Op) -> Self {
        Self {
            held: true,
            ..Self::new(task_id, op)
        }
    }

    /// Whether it changes what the task says.
    pub fn is_edit(&self) -> bool {
        matches!(self.op, Op::Change(_))
    }

    /// Does to `tasks` what the server will do. `revision` stands in for the one the server will give.
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
                created_at: self.made_at(),
                updated_at: self.made_at(),
                revision,
            }),
            (Op::Change(edit), Some(task)) => change(task, edit.changes(&edit::members(task)), revision),
            (Op::Overwrite(new), Some(task)) => change(task, new.clone(), revision),
            (Op::Complete(completion), Some(task)) => {
                task.revision = revision;
                task.completed = completion.completed;
            }
            (Op::Delete, Some(_)) => tasks.retain(|task| task.id != self.task_id),
            // The answer to a create came before its confirmation, or another device deleted the task.
            (Op::Create(_), Some(_)) | (_, None) => {}
        }
    }

    fn made_at(&self) -> DateTime<Utc> {
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
