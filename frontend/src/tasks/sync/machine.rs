//! The synchronisation as a state machine: takes an [`Event`], changes its state, returns [`Effect`]s. It has no access to
//! the browser, the clock or the network, so that its tests run natively.

use std::mem;

use shared::problem::Problem;
use shared::task::{Completion, NewTask, Task, TaskChange};
use uuid::Uuid;

use crate::failure::Failure;
use crate::tasks::store::{Action, Batch, Conflict, Edit, Entry, Op, State, fields};

/// The longest time between two attempts before jitter, in seconds.
const MAX_RETRY_DELAY: u32 = 60;

/// The greatest jitter.
pub const MAX_JITTER: u32 = 1000;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// The page is shown.
    Start,
    /// The page is no longer shown. Unsent entries stay in the outbox.
    Stop,
    /// The user changed a task.
    Queue(Entry),
    /// The user undid an entry.
    Undo(Uuid),
    /// The user can no longer undo an entry.
    UndoExpired(Uuid),
    /// The user resolved the conflict of a task.
    Resolve { task_id: Uuid, edit: Option<Edit> },
    /// The list may have changed on the server.
    Reload,
    /// It is time for the next attempt.
    Retry,
    /// The page is hidden, and may not be shown again: undoable changes become final.
    PageHidden,
    /// The user signs out: send what can be sent. Answered by [`Effect::Flushed`].
    Flush,
    /// The browser did not store an entry.
    StorageFailed(Uuid),
    /// Another tab stored an entry, or removed it.
    StorageChanged { id: Uuid, entry: Option<Entry> },
    /// This tab has the lock. Lists the entries of the [`Effect::Lock`] that are not stored.
    Locked { not_stored: Vec<Uuid> },
    /// The response to an [`Effect::Send`], and a random number up to [`MAX_JITTER`].
    Responded {
        result: Result<Response, Failure>,
        jitter: u32,
    },
}

/// Something to do. The effects of an event are executed in order.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Store a new entry.
    Insert(Entry),
    /// Store an entry in place of the stored one, unless another tab has removed that.
    Update(Entry),
    /// Remove a stored entry.
    Remove(Uuid),
    /// Wait for the lock, then look which of these entries are stored.
    Lock(Vec<Uuid>),
    /// Release the lock.
    Unlock,
    /// Send a request.
    Send(Request),
    /// Make the next attempt in so many milliseconds. Replaces an earlier one.
    RetryAfter(u32),
    /// Tell the page.
    Notify(Notification),
    /// The work for [`Event::Flush`] has ended, successfully or not.
    Flushed,
}

/// A request to the API.
#[derive(Debug, PartialEq)]
pub enum Request {
    List,
    Get(Uuid),
    Create(Uuid, NewTask),
    /// With a revision the server refuses (412) if the task has another one.
    Change(Uuid, TaskChange, Option<i64>),
    Complete(Uuid, Completion),
    Delete(Uuid),
}

/// A successful response.
#[derive(Debug)]
pub enum Response {
    List(Vec<Task>),
    /// The task after the request; none if there is none.
    Task(Option<Task>),
}

/// What the page has to show or announce.
#[derive(Clone, Debug, PartialEq)]
pub enum Notification {
    /// The state changed.
    Changed,
    /// The server refused a change, which is undone.
    Refused(Op, Failure),
    /// A task that the user completed was deleted on another device. None if its title is not known.
    DeletedElsewhere(Option<Task>),
    /// The user has to resolve a conflict.
    Conflict(Conflict),
    /// The server cannot be reached, with the message for the user.
    ConnectionLost(String),
    /// The browser did not store a change, so it is lost if the tab is closed before it is sent.
    NotStored,
    /// The user is not signed in any more.
    SessionEnded,
}

/// What is under way. A write and the request for its task hold the lock.
enum Phase {
    Idle,
    /// The list is requested. Then these entries are removed, which another tab has sent.
    LoadingList(Vec<Uuid>),
    /// The lock is requested.
    Locking(Batch),
    /// A change is sent, which is based on this version of the task.
    Writing(Batch, Option<Task>),
    /// The task is requested, because it is not known or has changed, so that the edit can be merged with it.
    LoadingTask(Batch, Option<Task>),
}

/// The state machine.
pub struct Machine {
    state: State,
    phase: Phase,
    /// The list may have changed on the server.
    stale: bool,
    /// Entries that the browser did not store: only this tab has them.
    not_stored: Vec<Uuid>,
    /// The user has been told that an entry was not stored.
    storage_failed: bool,
    /// The attempts since the last successful one.
    failures: u32,
    flushing: bool,
    stopped: bool,
    effects: Vec<Effect>,
}

impl Machine {
    /// A machine that continues with the stored outbox of a user.
    pub fn new(user_id: &str, outbox: Vec<Entry>) -> Self {
        let mut state = State::new(user_id);
        for entry in outbox {
            // The page that offered to undo it is closed.
            let undoable = false;
            state.reduce(Action::Queue(Entry { undoable, ..entry }));
        }
        Self {
            state,
            phase: Phase::Idle,
            stale: true,
            not_stored: Vec::new(),
            storage_failed: false,
            failures: 0,
            flushing: false,
            stopped: false,
            effects: Vec::new(),
        }
    }

    /// The tasks and the outbox.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether the outbox has an entry that is lost if the tab is closed.
    pub fn has_unstored(&self) -> bool {
        !self.not_stored.is_empty()
    }

    /// Handles an event. Returns what to do.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        // The others leave nothing to send, or come with an event that starts the next request.
        let mut advances = !matches!(event, Event::Undo(_) | Event::PageHidden | Event::StorageFailed(_));
        match event {
            Event::Start | Event::Retry => {}
            Event::Stop => self.stop(),
            Event::Queue(entry) => self.dispatch(Action::Queue(entry)),
            Event::Undo(id) => self.undo(id),
            Event::UndoExpired(id) => self.dispatch(Action::UndoExpired(id)),
            Event::Resolve { task_id, edit } => self.dispatch(Action::Resolve { task_id, edit }),
            Event::Reload => self.stale = true,
            Event::PageHidden => self.expire_undo(),
            Event::Flush => {
                self.flushing = true;
                self.expire_undo();
            }
            Event::StorageFailed(id) => self.storage_failed(id),
            Event::StorageChanged { id, entry } => self.storage_changed(id, entry),
            Event::Locked { not_stored } => self.locked(&not_stored),
            Event::Responded { result, jitter } => {
                if let Err(failure) = self.responded(result) {
                    self.fail(&failure, jitter);
                    advances = false;
                }
            }
        }
        if advances {
            self.advance();
        }
        mem::take(&mut self.effects)
    }

    /// Starts the next request, if none is under way.
    fn advance(&mut self) {
        if !matches!(self.phase, Phase::Idle) {
            return;
        }
        let next = self.state.next_batch().filter(|_| self.state.is_loaded());
        match next {
            _ if self.stopped => self.finish_flush(),
            Some(batch) => {
                self.effects.push(Effect::Lock(batch.entries.clone()));
                self.phase = Phase::Locking(batch);
            }
            None if self.stale => self.load_list(Vec::new()),
            None => self.finish_flush(),
        }
    }

    fn send(&mut self, request: Request, phase: Phase) {
        self.effects.push(Effect::Send(request));
        self.phase = phase;
    }

    /// Loads the list, then removes entries that another tab has sent. What happens from now on may be missing in the list.
    fn load_list(&mut self, sent: Vec<Uuid>) {
        self.stale = false;
        self.send(Request::List, Phase::LoadingList(sent));
    }

    fn unlock(&mut self) {
        self.effects.push(Effect::Unlock);
    }

    fn locked(&mut self, not_stored: &[Uuid]) {
        let Phase::Locking(batch) = mem::replace(&mut self.phase, Phase::Idle) else {
            return self.unlock();
        };
        let is_sent = |id: &Uuid| !self.not_stored.contains(id) && not_stored.contains(id);
        let sent: Vec<Uuid> = batch.entries.iter().copied().filter(is_sent).collect();
        if self.stopped {
            self.unlock();
        } else if !sent.is_empty() {
            self.unlock();
            self.load_list(sent);
        } else if self.state.next_batch().as_ref() == Some(&batch) {
            self.write(batch);
        } else {
            // An entry was changed, or has a conflict, since the lock was requested.
            self.unlock();
        }
    }

    fn write(&mut self, batch: Batch) {
        let id = batch.task_id;
        let known = self.state.server_task(id).cloned();
        let request = match (&batch.op, &known) {
            (Op::Create(new), _) => Request::Create(id, new.clone()),
            (Op::Complete(completion), _) => Request::Complete(id, *completion),
            (Op::Delete, _) => Request::Delete(id),
            (Op::Overwrite(change), _) => Request::Change(id, change.clone(), None),
            (Op::Change(_), None) => return self.send(Request::Get(id), Phase::LoadingTask(batch, None)),
            (Op::Change(edit), Some(task)) => {
                let change = edit.changes(&fields(task));
                if change.is_empty() {
                    return self.confirm(batch, known);
                }
                Request::Change(id, change, Some(task.revision))
            }
        };
        self.send(request, Phase::Writing(batch, known));
    }

    /// The entries are removed from the storage before the lock is released, so that the next tab does not send them.
    fn confirm(&mut self, batch: Batch, task: Option<Task>) {
        let entries = batch.entries;
        self.dispatch(Action::Confirm { entries, task });
        self.unlock();
    }

    fn responded(&mut self, result: Result<Response, Failure>) -> Result<(), Failure> {
        match mem::replace(&mut self.phase, Phase::Idle) {
            Phase::LoadingList(sent) => {
                self.stale |= result.is_err();
                self.list_loaded(result?, sent);
            }
            Phase::Writing(batch, known) => self.written(batch, known, result)?,
            Phase::LoadingTask(batch, known) => self.task_loaded(batch, known.as_ref(), result)?,
            // There is no response without a request.
            phase @ (Phase::Idle | Phase::Locking(_)) => {
                self.phase = phase;
                return Ok(());
            }
        }
        self.failures = 0;
        Ok(())
    }

    fn list_loaded(&mut self, response: Response, sent: Vec<Uuid>) {
        if let Response::List(tasks) = response {
            self.dispatch(Action::ListLoaded(tasks));
        }
        if !sent.is_empty() {
            self.dispatch(Action::Remove(sent));
        }
    }

    fn written(&mut self, batch: Batch, known: Option<Task>, result: Result<Response, Failure>) -> Result<(), Failure> {
        match result {
            Ok(Response::Task(task)) => self.confirm(batch, task),
            Ok(Response::List(_)) => self.unlock(),
            Err(Failure::Refused(problem)) if problem.status == 412 && !self.stopped => {
                self.send(Request::Get(batch.task_id), Phase::LoadingTask(batch, known));
            }
            Err(Failure::Refused(problem)) if problem.status != 412 => self.refuse(batch, known, problem),
            Err(failure) => {
                self.unlock();
                return Err(failure);
            }
        }
        Ok(())
    }

    fn task_loaded(
        &mut self,
        batch: Batch,
        known: Option<&Task>,
        result: Result<Response, Failure>,
    ) -> Result<(), Failure> {
        let result = match result {
            // The response of a cache in between. The edit would be refused again, in an endless loop.
            Ok(Response::Task(Some(task))) if known.is_some_and(|known| known.revision == task.revision) => {
                Err(Failure::Unreachable)
            }
            Ok(Response::Task(Some(task))) => {
                self.dispatch(Action::TaskLoaded(task));
                Ok(())
            }
            Ok(_) => {
                let (entries, deleted) = (batch.entries, true);
                self.dispatch(Action::Refuse { entries, deleted });
                Ok(())
            }
            Err(failure) => Err(failure),
        };
        self.unlock();
        result
    }

    fn refuse(&mut self, batch: Batch, known: Option<Task>, problem: Box<Problem>) {
        let deleted = problem.status == 404 || problem.code == "deleted";
        let refused = self.state.refusal_to_report(&batch, deleted);
        let entries = batch.entries;
        self.dispatch(Action::Refuse { entries, deleted });
        match refused {
            Some(Op::Complete(_)) if deleted => self.notify(Notification::DeletedElsewhere(known)),
            Some(op) => self.notify(Notification::Refused(op, Failure::Refused(problem))),
            None => {}
        }
        self.unlock();
    }

    /// Schedules the next attempt, unless only a sign-in helps.
    fn fail(&mut self, failure: &Failure, jitter: u32) {
        let (why, retry_after) = match failure {
            Failure::SessionEnded => {
                self.notify(Notification::SessionEnded);
                return self.finish_flush();
            }
            Failure::Unreachable => ("Offline.".to_owned(), None),
            Failure::Unavailable(_, retry_after) => (failure.message(), *retry_after),
            Failure::Refused(_) | Failure::Invalid(_) => (failure.message(), None),
        };
        self.failures = self.failures.saturating_add(1);
        if self.state.connection_error() != Some(&why) {
            self.notify(Notification::ConnectionLost(why.clone()));
        }
        self.apply(Action::ConnectionFailed(why));
        if !self.stopped {
            let delay = retry_delay(self.failures, retry_after, jitter);
            self.effects.push(Effect::RetryAfter(delay));
        }
        self.finish_flush();
    }

    fn finish_flush(&mut self) {
        if mem::take(&mut self.flushing) {
            self.effects.push(Effect::Flushed);
        }
    }

    fn stop(&mut self) {
        self.expire_undo();
        self.stopped = true;
    }

    fn undo(&mut self, id: Uuid) {
        if self.state.entry(id).is_some_and(|entry| entry.undoable) {
            self.dispatch(Action::Remove(vec![id]));
        }
    }

    fn expire_undo(&mut self) {
        let undoable = self.state.outbox().iter().filter(|entry| entry.undoable);
        let undoable: Vec<Uuid> = undoable.map(|entry| entry.id).collect();
        for id in undoable {
            self.dispatch(Action::UndoExpired(id));
        }
    }

    fn storage_failed(&mut self, id: Uuid) {
        if self.state.entry(id).is_none() {
            return;
        }
        self.not_stored.push(id);
        if !mem::replace(&mut self.storage_failed, true) {
            self.notify(Notification::NotStored);
        }
    }

    fn storage_changed(&mut self, id: Uuid, entry: Option<Entry>) {
        match entry {
            // Not stored again: that could restore an entry that the other tab is about to remove.
            Some(entry) => self.apply(Action::Queue(entry)),
            // Undone or resolved in the other tab. Otherwise it was sent, and the list shows the result.
            None if self.state.entry(id).is_some_and(|entry| self.state.is_waiting(entry)) => {
                self.apply(Action::Remove(vec![id]));
            }
            None => {}
        }
        self.stale = true;
    }

    /// Changes the state, and the stored outbox with it.
    fn dispatch(&mut self, action: Action) {
        let before = self.state.outbox().to_vec();
        self.apply(action);
        let has = |entries: &[Entry], id: Uuid| entries.iter().any(|entry| entry.id == id);
        let after = self.state.outbox();
        for removed in before.iter().filter(|entry| !has(after, entry.id)) {
            self.effects.push(Effect::Remove(removed.id));
            self.not_stored.retain(|id| *id != removed.id);
        }
        for entry in after.iter().filter(|entry| !before.contains(entry)) {
            self.effects.push(if has(&before, entry.id) {
                Effect::Update(entry.clone())
            } else {
                Effect::Insert(entry.clone())
            });
        }
    }

    /// Changes the state.
    fn apply(&mut self, action: Action) {
        let before = self.state.conflicts();
        self.state.reduce(action);
        self.notify(Notification::Changed);
        let is_new = |new: &Conflict| before.iter().all(|old| old.task_id != new.task_id);
        for conflict in self.state.conflicts().into_iter().filter(is_new) {
            self.notify(Notification::Conflict(conflict));
        }
    }

    fn notify(&mut self, notification: Notification) {
        if !self.stopped {
            self.effects.push(Effect::Notify(notification));
        }
    }
}

/// The time before the next attempt, in milliseconds: doubles with each failure, and is spread by the jitter so that the
/// clients of a server that was down do not all return at once. Never less than the server's `Retry-After`, unless that is
/// more than [`MAX_RETRY_DELAY`].
fn retry_delay(failures: u32, retry_after: Option<u32>, jitter: u32) -> u32 {
    let (min, spread) = match retry_after {
        Some(seconds) => {
            let seconds = seconds.clamp(1, MAX_RETRY_DELAY);
            (seconds * 1000, seconds * 500)
        }
        None => {
            let seconds = 2_u32.saturating_pow(failures).min(MAX_RETRY_DELAY);
            (seconds * 500, seconds * 500)
        }
    };
    min + spread * jitter.min(MAX_JITTER) / MAX_JITTER
}
