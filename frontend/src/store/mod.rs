//! The tasks of one person as this browser knows them: what the server last said, with everything that it has not
//! confirmed yet applied on top. Taking back a refused change is therefore nothing but forgetting it.
//!
//! Pure: no browser and no network, so the tests beside this run natively.

mod outbox;
mod view;

#[cfg(test)]
mod tests;

use shared::task::Task;
use uuid::Uuid;

pub use outbox::{Entry, Op};
pub use view::{Counts, View};

/// The tasks, the outbox, and how the connection is.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    user_id: String,
    server: Vec<Task>,
    /// In the order they were made: their ids are UUIDv7.
    outbox: Vec<Entry>,
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
    /// Nothing is known yet.
    pub fn new(user_id: &str) -> Self {
        Self {
            user_id: user_id.to_owned(),
            server: Vec::new(),
            outbox: Vec::new(),
            loaded: false,
            trouble: None,
        }
    }

    /// Whose tasks these are.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// What the server has not confirmed yet.
    pub fn outbox(&self) -> &[Entry] {
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
        self.outbox.iter().find(|entry| !entry.held)
    }

    /// The entry with this id, if it is still in the outbox.
    pub fn entry(&self, id: Uuid) -> Option<&Entry> {
        self.outbox.iter().find(|entry| entry.id == id)
    }

    fn take(&mut self, id: Uuid) -> Option<Entry> {
        let place = self.outbox.iter().position(|entry| entry.id == id)?;
        Some(self.outbox.remove(place))
    }

    /// The state after `action`.
    pub fn reduce(&mut self, action: Action) {
        match action {
            Action::Load(tasks) => {
                self.server = tasks;
                self.loaded = true;
                self.trouble = None;
            }
            Action::Queue(entry) => {
                if entry.held {
                    // Only the latest deletion can be undone.
                    for earlier in &mut self.outbox {
                        earlier.held = false;
                    }
                }
                self.take(entry.id);
                let place = self.outbox.partition_point(|earlier| earlier.id < entry.id);
                self.outbox.insert(place, entry);
            }
            Action::Release(id) => {
                if let Some(entry) = self.outbox.iter_mut().find(|entry| entry.id == id) {
                    entry.held = false;
                }
            }
            Action::Withdraw(id) => {
                self.take(id);
            }
            Action::Confirm { entry, task } => {
                self.trouble = None;
                let Some(entry) = self.take(entry) else {
                    return;
                };
                let id = entry.task_id;
                self.server.retain(|known| known.id != id);
                self.server.extend(task);
            }
            Action::Refuse { entry, gone } => {
                self.trouble = None;
                let Some(entry) = self.take(entry) else {
                    return;
                };
                // What was to follow on a task that does not exist has lost its object.
                if gone || matches!(entry.op, Op::Create(_)) {
                    let id = entry.task_id;
                    self.server.retain(|known| known.id != id);
                    self.outbox.retain(|later| later.task_id != id);
                }
            }
            Action::Lose(why) => self.trouble = Some(why),
        }
    }
}
