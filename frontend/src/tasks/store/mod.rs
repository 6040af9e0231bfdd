//! The tasks of one person as this browser knows them: what the server last said, with everything that it has not
//! confirmed yet applied on top. Taking back a refused change is therefore nothing but forgetting it. An edit that cannot
//! be merged with what the server has is a [`Question`] for the person, and waits in the outbox for the answer.
//!
//! Pure: no browser and no network, so the tests beside this run natively.

mod edit;
mod outbox;
mod view;

#[cfg(test)]
mod tests;

use shared::task::Task;
use uuid::Uuid;

pub use edit::{Edit, Side, Sides, members};
pub use outbox::{Entry, Op};
pub use view::{Counts, View};

/// The tasks, the outbox, and how the connection is.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    user_id: String,
    server: Vec<Task>,
    /// Tasks that the server does not have, although an edit of them waits. A deleted task never comes back.
    missing: Vec<Uuid>,
    /// In the order they were made: their ids are UUIDv7.
    outbox: Vec<Entry>,
    loaded: bool,
    trouble: Option<String>,
}

/// Something that a person has to decide before an edit is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The task that was edited.
    pub task_id: Uuid,
    /// Everything about it that waits, as one edit.
    pub edit: Edit,
    /// The task as the server has it; none if it was deleted.
    pub theirs: Option<Task>,
}

/// What one request tells the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The ids of the entries in it, oldest first.
    pub entries: Vec<Uuid>,
    /// The task they are about.
    pub task_id: Uuid,
    /// All of them as one.
    pub op: Op,
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
    /// Entries were undone, or another tab has sent them.
    Withdraw(Vec<Uuid>),
    /// The server has this task now.
    Learn(Task),
    /// A person decided what becomes of the edits of a task. Without an edit they are dropped.
    Answer {
        /// Which task.
        task_id: Uuid,
        /// What to send instead of them.
        edit: Option<Edit>,
    },
    /// The server did as told; a deletion leaves no task.
    Confirm {
        /// Which entries: those of one [`Batch`].
        entries: Vec<Uuid>,
        /// The task as it is now.
        task: Option<Task>,
    },
    /// The server refused.
    Refuse {
        /// Which entries: those of one [`Batch`].
        entries: Vec<Uuid>,
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
            missing: Vec::new(),
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

    /// What to send next. All edits of a task are sent as one, as they are compared with what the server has.
    pub fn next_batch(&self) -> Option<Batch> {
        let Entry {
            id, task_id, ref op, ..
        } = *self.next_entry()?;
        let (entries, op) = match op {
            Op::Change(_) => {
                let edits = self.outbox.iter();
                let edits = edits.filter(|entry| entry.task_id == task_id && entry.is_edit());
                (edits.map(|entry| entry.id).collect(), Op::Change(self.edit(task_id)?))
            }
            op => (vec![id], op.clone()),
        };
        Some(Batch { entries, task_id, op })
    }

    /// The entry to send next. Edits of a task with a question wait for the answer.
    fn next_entry(&self) -> Option<&Entry> {
        self.outbox.iter().find(|entry| !self.waits(entry))
    }

    /// Whether an entry waits for the person: to be released, or for the answer to a question.
    pub fn waits(&self, entry: &Entry) -> bool {
        entry.held || (entry.is_edit() && self.question(entry.task_id).is_some())
    }

    /// The task as the server last told it.
    pub fn known(&self, task_id: Uuid) -> Option<&Task> {
        self.server.iter().find(|task| task.id == task_id)
    }

    /// What a person has to decide, in the order of the edits. There is nothing to decide about a task that the person
    /// has deleted since.
    pub fn questions(&self) -> Vec<Question> {
        let mut questions: Vec<Question> = Vec::new();
        for entry in self.outbox.iter().filter(|entry| entry.is_edit()) {
            let id = entry.task_id;
            let deleted = |entry: &Entry| entry.task_id == id && entry.op == Op::Delete;
            if questions.iter().all(|known| known.task_id != id) && !self.outbox.iter().any(deleted) {
                questions.extend(self.question(id));
            }
        }
        questions
    }

    fn question(&self, task_id: Uuid) -> Option<Question> {
        let edit = self.edit(task_id)?;
        // The edit is compared with the server once the server has what was changed before.
        let overwrites = |entry: &Entry| entry.task_id == task_id && matches!(entry.op, Op::Overwrite(_));
        if self.outbox.iter().any(overwrites) {
            return None;
        }
        let theirs = self.known(task_id).cloned();
        let open = match &theirs {
            Some(task) => edit.sides(&members(task)).conflict(),
            None => self.missing.contains(&task_id),
        };
        open.then_some(Question { task_id, edit, theirs })
    }

    /// All edits of a task as one.
    fn edit(&self, task_id: Uuid) -> Option<Edit> {
        self.edits(task_id)
            .cloned()
            .reduce(|earlier, later| earlier.then(&later))
    }

    fn edits(&self, task_id: Uuid) -> impl Iterator<Item = &Edit> {
        self.outbox.iter().filter_map(move |entry| match &entry.op {
            Op::Change(edit) if entry.task_id == task_id => Some(edit),
            _ => None,
        })
    }

    /// The entry with this id, if it is still in the outbox.
    pub fn entry(&self, id: Uuid) -> Option<&Entry> {
        self.outbox.iter().find(|entry| entry.id == id)
    }

    /// What to report when the server refuses a batch: a create with the edits that wait. None if the task is `gone` and
    /// the batch deletes it, or a [`Question`] offers what was typed.
    pub fn refused(&self, batch: &Batch, gone: bool) -> Option<Op> {
        match &batch.op {
            Op::Delete | Op::Change(_) if gone => None,
            Op::Create(_) if gone && self.edits(batch.task_id).next().is_some() => None,
            Op::Create(_) => {
                let mut tasks = Vec::new();
                let same_task = self.outbox.iter().filter(|entry| entry.task_id == batch.task_id);
                for entry in same_task.filter(|entry| entry.op != Op::Delete) {
                    entry.apply(&mut tasks, &self.user_id, 0);
                }
                tasks.first().map(|task| Op::Create(members(task)))
            }
            op => Some(op.clone()),
        }
    }

    fn take(&mut self, id: Uuid) -> Option<Entry> {
        let place = self.outbox.iter().position(|entry| entry.id == id)?;
        Some(self.outbox.remove(place))
    }

    fn learn(&mut self, id: Uuid, task: Option<Task>) {
        self.server.retain(|known| known.id != id);
        self.server.extend(task);
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
            Action::Withdraw(entries) => self.outbox.retain(|entry| !entries.contains(&entry.id)),
            Action::Learn(task) => {
                self.trouble = None;
                self.learn(task.id, Some(task));
            }
            Action::Answer { task_id, mut edit } => {
                // The first entry keeps its place in the order.
                self.outbox.retain_mut(|entry| match &mut entry.op {
                    Op::Change(old) if entry.task_id == task_id => edit.take().map(|new| *old = new).is_some(),
                    _ => true,
                });
            }
            Action::Confirm { entries, task } => {
                self.trouble = None;
                let confirmed: Vec<Entry> = entries.into_iter().filter_map(|id| self.take(id)).collect();
                let Some(entry) = confirmed.first() else {
                    return;
                };
                if entry.op == Op::Delete {
                    // Earlier edits of a deleted task are dropped.
                    self.outbox.retain(|other| other.task_id != entry.task_id);
                }
                self.learn(entry.task_id, task);
            }
            Action::Refuse { entries, gone } => {
                self.trouble = None;
                let Some(entry) = entries.iter().find_map(|id| self.entry(*id)) else {
                    return;
                };
                let id = entry.task_id;
                if !gone && !matches!(entry.op, Op::Create(_)) {
                    self.outbox.retain(|entry| !entries.contains(&entry.id));
                    return;
                }
                self.learn(id, None);
                // Other pending changes of a task that does not exist are dropped. What was typed for a task that was
                // deleted elsewhere is kept for the person to decide, unless the person has deleted it, too.
                let deletes = |entry: &Entry| entry.task_id == id && entry.op == Op::Delete && !entry.held;
                let deleted = self.outbox.iter().any(deletes);
                self.outbox
                    .retain(|other| other.task_id != id || (other.is_edit() && gone && !deleted));
                if self.edits(id).next().is_some() {
                    self.missing.push(id);
                }
            }
            Action::Lose(why) => self.trouble = Some(why),
        }
    }
}
