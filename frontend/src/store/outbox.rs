//! What a person did and the server has not confirmed yet.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::task::{Completion, NewTask, Task, TaskChange};
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
pub enum Op {
    /// Add it.
    Create(NewTask),
    /// Change what it says.
    Change(Edit),
    /// Mark it as done or as still to do.
    Complete(Completion),
    /// Remove it.
    Delete,
    /// Change what it says, whatever another device made of it: a `Change` that an earlier version of the client kept,
    /// without a base to compare.
    #[serde(untagged)]
    Overwrite {
        /// What to change.
        #[serde(rename = "Change")]
        change: TaskChange,
    },
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
            (Op::Overwrite { change: new }, Some(task)) => change(task, new.clone(), revision),
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
