//! The tasks of a user as this browser knows them: the server's tasks with the unconfirmed changes of the outbox applied.
//! Undoing a refused change is therefore just removing its entry. An edit that cannot be merged with the server's task is
//! a [`Conflict`], which stays in the outbox until the user resolves it.
//!
//! Pure: no browser and no network, so that it is tested natively.

mod edit;
mod outbox;
mod view;

#[cfg(test)]
mod tests;

use shared::task::Task;
use uuid::Uuid;

pub use edit::{Edit, Side, Sides, fields};
pub use outbox::{Entry, Op};
pub use view::{Counts, View};

/// The tasks, the outbox, and the state of the connection.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    user_id: String,
    /// The tasks as the server last sent them.
    server: Vec<Task>,
    /// Tasks that the server has deleted although the outbox has edits of them. A deleted task never comes back.
    deleted: Vec<Uuid>,
    /// Sorted by id, which is the order of the changes: the ids are UUIDv7.
    outbox: Vec<Entry>,
    loaded: bool,
    connection_error: Option<String>,
}

/// An edit that the user has to decide about before it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The edited task.
    pub task_id: Uuid,
    /// All edits of the task in the outbox, combined.
    pub edit: Edit,
    /// The server's task; none if it was deleted.
    pub theirs: Option<Task>,
}

/// What one request sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The ids of its entries, oldest first.
    pub entries: Vec<Uuid>,
    pub task_id: Uuid,
    /// All entries combined.
    pub op: Op,
}

/// A change of the state.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The server sent the list.
    ListLoaded(Vec<Task>),
    /// The server sent a task.
    TaskLoaded(Task),
    /// The user changed a task, in this tab or in another one.
    Queue(Entry),
    /// The user can no longer undo an entry.
    UndoExpired(Uuid),
    /// Entries were undone, or sent by another tab.
    Remove(Vec<Uuid>),
    /// The user resolved the conflict of a task.
    Resolve {
        task_id: Uuid,
        /// What to send instead of the edits in the outbox, if anything.
        edit: Option<Edit>,
    },
    /// The server confirmed a [`Batch`].
    Confirm {
        entries: Vec<Uuid>,
        /// The task after the change; none after a deletion.
        task: Option<Task>,
    },
    /// The server refused a [`Batch`].
    Refuse {
        entries: Vec<Uuid>,
        /// The task does not exist.
        deleted: bool,
    },
    /// The server cannot be reached, with the message for the user.
    ConnectionFailed(String),
}

impl State {
    /// The state before the list is loaded.
    pub fn new(user_id: &str) -> Self {
        Self {
            user_id: user_id.to_owned(),
            server: Vec::new(),
            deleted: Vec::new(),
            outbox: Vec::new(),
            loaded: false,
            connection_error: None,
        }
    }

    /// The owner of the tasks.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The unconfirmed changes.
    pub fn outbox(&self) -> &[Entry] {
        &self.outbox
    }

    /// Whether the server has sent the list.
    pub fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Why the server cannot be reached.
    pub fn connection_error(&self) -> Option<&str> {
        self.connection_error.as_deref()
    }

    /// What to send next. All edits of a task are sent as one, because they are merged with the server's task as one.
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

    fn next_entry(&self) -> Option<&Entry> {
        self.outbox.iter().find(|entry| !self.is_waiting(entry))
    }

    /// Whether an entry waits for the user: it can be undone, or is part of a conflict.
    pub fn is_waiting(&self, entry: &Entry) -> bool {
        entry.undoable || (entry.is_edit() && self.conflict(entry.task_id).is_some())
    }

    /// The task as the server last sent it.
    pub fn server_task(&self, task_id: Uuid) -> Option<&Task> {
        self.server.iter().find(|task| task.id == task_id)
    }

    /// The conflicts, in the order of the edits. A task that the user has deleted has none.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let mut conflicts: Vec<Conflict> = Vec::new();
        for entry in self.outbox.iter().filter(|entry| entry.is_edit()) {
            let id = entry.task_id;
            let deletes = |entry: &Entry| entry.task_id == id && entry.op == Op::Delete;
            if conflicts.iter().all(|known| known.task_id != id) && !self.outbox.iter().any(deletes) {
                conflicts.extend(self.conflict(id));
            }
        }
        conflicts
    }

    fn conflict(&self, task_id: Uuid) -> Option<Conflict> {
        let edit = self.edit(task_id)?;
        // The edit is merged once the server has confirmed the earlier changes.
        let overwrites = |entry: &Entry| entry.task_id == task_id && matches!(entry.op, Op::Overwrite(_));
        if self.outbox.iter().any(overwrites) {
            return None;
        }
        let theirs = self.server_task(task_id).cloned();
        let is_conflict = match &theirs {
            Some(task) => edit.sides(&fields(task)).has_conflict(),
            None => self.deleted.contains(&task_id),
        };
        is_conflict.then_some(Conflict { task_id, edit, theirs })
    }

    /// All edits of a task, combined.
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

    /// What to report when the server refuses a batch: of a create the task with all its later edits. None if the task is
    /// `deleted` and the batch deletes it, or a [`Conflict`] offers the text.
    pub fn refusal_to_report(&self, batch: &Batch, deleted: bool) -> Option<Op> {
        match &batch.op {
            Op::Delete | Op::Change(_) if deleted => None,
            Op::Create(_) if deleted && self.edits(batch.task_id).next().is_some() => None,
            Op::Create(_) => {
                let mut tasks = Vec::new();
                let same_task = self.outbox.iter().filter(|entry| entry.task_id == batch.task_id);
                for entry in same_task.filter(|entry| entry.op != Op::Delete) {
                    entry.apply(&mut tasks, &self.user_id, 0);
                }
                tasks.first().map(|task| Op::Create(fields(task)))
            }
            op => Some(op.clone()),
        }
    }

    /// Applies an action.
    pub fn reduce(&mut self, action: Action) {
        match action {
            Action::ListLoaded(tasks) => {
                self.server = tasks;
                self.loaded = true;
                self.connection_error = None;
            }
            Action::TaskLoaded(task) => {
                self.connection_error = None;
                self.set_server_task(task.id, Some(task));
            }
            Action::Queue(entry) => self.queue(entry),
            Action::UndoExpired(id) => {
                if let Some(entry) = self.outbox.iter_mut().find(|entry| entry.id == id) {
                    entry.undoable = false;
                }
            }
            Action::Remove(entries) => self.outbox.retain(|entry| !entries.contains(&entry.id)),
            Action::Resolve { task_id, edit } => self.resolve(task_id, edit),
            Action::Confirm { entries, task } => self.confirm(&entries, task),
            Action::Refuse { entries, deleted } => self.refuse(&entries, deleted),
            Action::ConnectionFailed(why) => self.connection_error = Some(why),
        }
    }

    fn set_server_task(&mut self, id: Uuid, task: Option<Task>) {
        self.server.retain(|known| known.id != id);
        self.server.extend(task);
    }

    fn queue(&mut self, entry: Entry) {
        if entry.undoable {
            // Only the latest deletion can be undone.
            for earlier in &mut self.outbox {
                earlier.undoable = false;
            }
        }
        self.outbox.retain(|known| known.id != entry.id);
        let index = self.outbox.partition_point(|earlier| earlier.id < entry.id);
        self.outbox.insert(index, entry);
    }

    fn resolve(&mut self, task_id: Uuid, mut edit: Option<Edit>) {
        // The first edit keeps its place in the order.
        self.outbox.retain_mut(|entry| match &mut entry.op {
            Op::Change(old) if entry.task_id == task_id => edit.take().map(|new| *old = new).is_some(),
            _ => true,
        });
    }

    fn confirm(&mut self, entries: &[Uuid], task: Option<Task>) {
        self.connection_error = None;
        let Some(entry) = entries.iter().find_map(|id| self.entry(*id)) else {
            return;
        };
        // Confirming a deletion confirms the earlier changes of the task too.
        let (id, deletes) = (entry.task_id, entry.op == Op::Delete);
        let is_confirmed = |other: &Entry| entries.contains(&other.id) || (deletes && other.task_id == id);
        self.outbox.retain(|other| !is_confirmed(other));
        self.set_server_task(id, task);
    }

    fn refuse(&mut self, entries: &[Uuid], deleted: bool) {
        self.connection_error = None;
        let Some(entry) = entries.iter().find_map(|id| self.entry(*id)) else {
            return;
        };
        let id = entry.task_id;
        if !deleted && !matches!(entry.op, Op::Create(_)) {
            self.outbox.retain(|entry| !entries.contains(&entry.id));
            return;
        }
        self.set_server_task(id, None);
        // The other changes of a task that does not exist are removed. Edits of a task that another device deleted are
        // kept for the user to decide about, unless the user has deleted the task too.
        let deletes = |entry: &Entry| entry.task_id == id && entry.op == Op::Delete && !entry.undoable;
        let deleted_here = self.outbox.iter().any(deletes);
        self.outbox
            .retain(|other| other.task_id != id || (other.is_edit() && deleted && !deleted_here));
        if self.edits(id).next().is_some() {
            self.deleted.push(id);
        }
    }
}
