//! The tasks of one person as this browser knows them: what the server last said, with everything that it has not
//! confirmed yet applied on top. Taking back a refused change is therefore nothing but forgetting it.
//!
//! Pure: no browser and no network, so the tests beside this run natively.

mod outbox;
mod view;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use shared::task::Task;
use uuid::Uuid;

pub use outbox::{Entry, Op, Outbox};
pub use view::{Counts, View};

/// The tasks, the outbox, and how the connection is.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    user_id: String,
    server: BTreeMap<Uuid, Task>,
    outbox: Outbox,
    loaded: bool,
    trouble: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The server answered with the whole list.
    Load(Vec<Task>),
    /// A person did something, here or in another tab.
    Queue(Entry),
    /// A held entry can no longer be undone.
    Release(Uuid),
    /// An entry was undone, or another tab has sent it.
    Withdraw(Uuid),
    /// The server did as told; a deletion leaves no task.
    Confirm {
        /// Which entry.
        entry: Uuid,
        /// The task as it is now.
        task: Option<Task>,
    },
    /// The server refused.
    Refuse {
        /// Which entry.
        entry: Uuid,
        /// The task does not exist (any more).
        gone: bool,
    },
    /// The server cannot be reached; the text says so to a person.
    Lose(String),
}

impl State {
    /// Nothing is known but what was left in the outbox.
    pub fn new(user_id: &str, outbox: Outbox) -> Self {
        Self {
            user_id: user_id.to_owned(),
            server: BTreeMap::new(),
            outbox,
            loaded: false,
            trouble: None,
        }
    }

    /// Whose tasks these are.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// What the server has not confirmed yet.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether the server's list is known.
    pub fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Why the server cannot be reached, if it cannot.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// The entry to send next.
    pub fn next_entry(&self) -> Option<&Entry> {
        self.outbox.values().find(|entry| !entry.held)
    }

    /// The state after `action`.
    pub fn reduce(&mut self, action: Action) {
        match action {
            Action::Load(tasks) => {
                self.server = tasks.into_iter().map(|task| (task.id, task)).collect();
                self.loaded = true;
                self.trouble = None;
            }
            Action::Queue(entry) => {
                if entry.held {
                    // Only the latest deletion can be undone.
                    for earlier in self.outbox.values_mut() {
                        earlier.held = false;
                    }
                }
                self.outbox.insert(entry.id, entry);
            }
            Action::Release(id) => {
                if let Some(entry) = self.outbox.get_mut(&id) {
                    entry.held = false;
                }
            }
            Action::Withdraw(id) => {
                self.outbox.remove(&id);
            }
            Action::Confirm { entry, task } => {
                self.trouble = None;
                let Some(entry) = self.outbox.remove(&entry) else {
                    return;
                };
                match task {
                    Some(task) => self.server.insert(task.id, task),
                    None => self.server.remove(&entry.op.task_id()),
                };
            }
            Action::Refuse { entry, gone } => {
                self.trouble = None;
                let Some(entry) = self.outbox.remove(&entry) else {
                    return;
                };
                // What was to follow on a task that does not exist has lost its object.
                if gone || matches!(entry.op, Op::Create { .. }) {
                    let id = entry.op.task_id();
                    self.server.remove(&id);
                    self.outbox.retain(|_, later| later.op.task_id() != id);
                }
            }
            Action::Lose(why) => self.trouble = Some(why),
        }
    }
}
