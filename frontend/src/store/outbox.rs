//! What a person did and the server has not confirmed yet.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::task::{NewTask, Task, TaskChange};
use uuid::Uuid;

/// Entries in the order they were made: their ids are UUIDv7.
pub type Outbox = BTreeMap<Uuid, Entry>;

/// One thing to tell the server.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Entry {
    /// Its place in the outbox.
    pub id: Uuid,
    /// What to tell.
    pub op: Op,
    /// Waits, because it can still be undone.
    pub held: bool,
}

impl Entry {
    /// An entry to send as soon as its turn comes.
    pub fn new(op: Op) -> Self {
        Self {
            id: Uuid::now_v7(),
            op,
            held: false,
        }
    }

    /// An entry that waits until it is released.
    pub fn held(op: Op) -> Self {
        Self {
            held: true,
            ..Self::new(op)
        }
    }
}

/// A change of the tasks. Sending one twice does no harm.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Op {
    /// Add a task. The id is made here, so that it never changes.
    Create {
        /// The id of the task, sent as `Idempotency-Key`.
        id: Uuid,
        /// What the task shall say.
        new: NewTask,
        /// When it was made.
        at: DateTime<Utc>,
    },
    /// Change what a task says.
    Change {
        /// Which task.
        id: Uuid,
        /// What to change.
        change: TaskChange,
    },
    /// Mark a task as done or as still to do.
    Complete {
        /// Which task.
        id: Uuid,
        /// What it shall be.
        completed: bool,
    },
    /// Remove a task.
    Delete {
        /// Which task.
        id: Uuid,
    },
}

impl Op {
    /// The task it is about.
    pub fn task_id(&self) -> Uuid {
        match self {
            Self::Create { id, .. }
            | Self::Change { id, .. }
            | Self::Complete { id, .. }
            | Self::Delete { id } => *id,
        }
    }

    /// Does to `tasks` what the server will do. `revision` stands in for the one the server will give.
    pub fn apply(&self, tasks: &mut BTreeMap<Uuid, Task>, user_id: &str, revision: i64) {
        if let Self::Create { id, new, at } = self {
            tasks.entry(*id).or_insert_with(|| Task {
                id: *id,
                user_id: user_id.to_owned(),
                title: new.title.clone(),
                description: new.description.clone(),
                completed: false,
                due_date: new.due_date,
                created_at: *at,
                updated_at: *at,
                revision,
            });
            return;
        }
        if let Self::Delete { id } = self {
            tasks.remove(id);
            return;
        }
        let Some(task) = tasks.get_mut(&self.task_id()) else {
            return;
        };
        task.revision = revision;
        match self {
            Self::Change { change, .. } => {
                if let Some(title) = &change.title {
                    task.title.clone_from(title);
                }
                if let Some(description) = &change.description {
                    task.description.clone_from(description);
                }
                if let Some(due_date) = change.due_date {
                    task.due_date = due_date;
                }
            }
            Self::Complete { completed, .. } => task.completed = *completed,
            Self::Create { .. } | Self::Delete { .. } => {}
        }
    }
}
