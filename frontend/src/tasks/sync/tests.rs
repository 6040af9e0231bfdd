//! Tests of the state machine: tabs with a simulated storage and lock, and the test as the server.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;

use chrono::DateTime;
use shared::problem::Problem;
use shared::task::{Completion, NewTask, Task};
use uuid::Uuid;

use super::machine::{Effect, Event, MAX_JITTER, Machine, Notification, Request, Response};
use crate::failure::Failure;
use crate::tasks::store::{Edit, Entry, Op};

const USER: &str = "owner";

/// The storage that the tabs share.
#[derive(Clone, Default)]
struct Storage {
    entries: Rc<RefCell<BTreeMap<Uuid, Entry>>>,
    is_full: bool,
}

impl Storage {
    fn ids(&self) -> Vec<Uuid> {
        self.entries.borrow().keys().copied().collect()
    }
}

/// A tab that executes the effects of its machine. The test grants locks and answers requests.
struct Tab {
    machine: Machine,
    storage: Storage,
    /// The entries of a lock that is not granted yet.
    waiting: Option<Vec<Uuid>>,
    has_lock: bool,
    request: Option<Request>,
    /// Delays of retries, in milliseconds.
    retries: Vec<u32>,
    notifications: Vec<Notification>,
    flushed: bool,
}

impl Tab {
    /// A tab that has loaded the list.
    fn open(storage: &Storage, tasks: &[Task]) -> Self {
        let outbox = storage.entries.borrow().values().cloned().collect();
        let mut tab = Self {
            machine: Machine::new(USER, outbox),
            storage: storage.clone(),
            waiting: None,
            has_lock: false,
            request: None,
            retries: Vec::new(),
            notifications: Vec::new(),
            flushed: false,
        };
        tab.handle(Event::Start);
        assert_eq!(tab.request.take(), Some(Request::List));
        tab.respond(Ok(Response::List(tasks.to_vec())));
        tab
    }

    fn handle(&mut self, event: Event) {
        for effect in self.machine.handle(event) {
            self.execute(effect);
        }
    }

    fn execute(&mut self, effect: Effect) {
        let is_stored = |id: Uuid| self.storage.entries.borrow().contains_key(&id);
        match effect {
            Effect::Insert(entry) if self.storage.is_full => self.handle(Event::StorageFailed(entry.id)),
            Effect::Update(entry) if !is_stored(entry.id) => {}
            Effect::Insert(entry) | Effect::Update(entry) => {
                self.storage.entries.borrow_mut().insert(entry.id, entry);
            }
            Effect::Remove(id) => {
                self.storage.entries.borrow_mut().remove(&id);
            }
            Effect::Lock(entries) => assert_eq!(self.waiting.replace(entries), None, "one lock at a time"),
            Effect::Unlock => assert!(mem::replace(&mut self.has_lock, false), "has the lock"),
            Effect::Send(request) => assert_eq!(self.request.replace(request), None, "one request at a time"),
            Effect::RetryAfter(delay) => self.retries.push(delay),
            Effect::Notify(notification) => self.notifications.push(notification),
            Effect::Flushed => self.flushed = true,
        }
    }

    fn queue(&mut self, op: Op) -> Uuid {
        let entry = Entry::new(id(), op);
        let id = entry.id;
        self.handle(Event::Queue(entry));
        id
    }

    fn grant_lock(&mut self) {
        let entries = self.waiting.take().unwrap();
        self.has_lock = true;
        let stored = self.storage.ids();
        let not_stored = entries.into_iter().filter(|id| !stored.contains(id)).collect();
        self.handle(Event::Locked { not_stored });
    }

    fn respond(&mut self, result: Result<Response, Failure>) {
        self.respond_with(result, 0);
    }

    fn respond_with(&mut self, result: Result<Response, Failure>, jitter: u32) {
        self.handle(Event::Responded { result, jitter });
    }

    /// The request that is under way, which gets its response later.
    fn sent(&mut self) -> Request {
        self.request.take().unwrap()
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_none() && !self.has_lock && self.request.is_none()
    }
}

fn id() -> Uuid {
    Uuid::from_u128(1)
}

fn fields(title: &str) -> NewTask {
    NewTask {
        title: title.to_owned(),
        ..NewTask::default()
    }
}

fn task(title: &str, revision: i64) -> Task {
    Task {
        id: id(),
        user_id: USER.to_owned(),
        title: title.to_owned(),
        description: None,
        completed: false,
        due_date: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        revision,
    }
}

fn rename(base: &str, mine: &str) -> Op {
    let (base, mine) = (fields(base), fields(mine));
    Op::Change(Edit { base, mine })
}

fn complete() -> Op {
    Op::Complete(Completion { completed: true })
}

fn done(task: Task) -> Result<Response, Failure> {
    Ok(Response::Task(Some(task)))
}

fn problem(status: u16) -> Box<Problem> {
    Box::new(Problem {
        kind: String::new(),
        title: String::new(),
        status,
        detail: "Not now.".to_owned(),
        code: String::new(),
        message: None,
        errors: Vec::new(),
    })
}

fn refused(status: u16) -> Result<Response, Failure> {
    Err(Failure::Refused(problem(status)))
}

fn unavailable(retry_after: Option<u32>) -> Result<Response, Failure> {
    Err(Failure::Unavailable(problem(503), retry_after))
}

#[test]
fn a_change_is_stored_at_once_and_sent_with_the_lock() {
    let storage = Storage::default();
    let mut tab = Tab::open(&storage, &[task("Tea", 1)]);
    let entry = tab.queue(rename("Tea", "Green tea"));
    assert_eq!(storage.ids(), [entry]);
    assert_eq!(tab.request, None);
    tab.grant_lock();
    let change = shared::task::TaskChange {
        title: Some("Green tea".to_owned()),
        ..shared::task::TaskChange::default()
    };
    assert_eq!(tab.sent(), Request::Change(id(), change, Some(1)));

    // The entry is removed before the lock is released, so that the next tab does not send it.
    let jitter = 0;
    let result = done(task("Green tea", 2));
    let effects = tab.machine.handle(Event::Responded { result, jitter });
    let removed = effects.iter().position(|effect| *effect == Effect::Remove(entry));
    let unlocked = effects.iter().position(|effect| *effect == Effect::Unlock);
    assert!(removed.unwrap() < unlocked.unwrap(), "{effects:?}");
}

#[test]
fn the_delay_of_retries_doubles_up_to_a_limit_and_jitter_spreads_it() {
    for (jitter, expected) in [
        (0, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]),
        (MAX_JITTER / 2, [1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000]),
        (MAX_JITTER, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]),
    ] {
        let mut tab = Tab::open(&Storage::default(), &[task("Tea", 1)]);
        tab.handle(Event::Reload);
        for _ in expected {
            assert_eq!(tab.sent(), Request::List);
            tab.respond_with(Err(Failure::Unreachable), jitter);
            tab.handle(Event::Retry);
        }
        assert_eq!(tab.retries, expected, "jitter {jitter}");
    }
}

#[test]
fn a_success_resets_the_delay_of_retries() {
    let mut tab = Tab::open(&Storage::default(), &[]);
    for _ in 0..2 {
        tab.handle(Event::Reload);
        tab.sent();
        tab.respond(Err(Failure::Unreachable));
        tab.handle(Event::Retry);
        tab.sent();
        tab.respond(Ok(Response::List(Vec::new())));
    }
    assert_eq!(tab.retries, [1_000, 1_000]);
}

#[test]
fn no_retry_is_earlier_than_the_server_asks_for() {
    for (retry_after, jitter, expected) in [
        (10, 0, 10_000),
        (10, MAX_JITTER, 15_000),
        (1, MAX_JITTER, 1_500),
        (3, MAX_JITTER / 2, 3_750),
        (0, 0, 1_000),
        // Longer than the limit.
        (3_600, 0, 60_000),
    ] {
        let mut tab = Tab::open(&Storage::default(), &[]);
        tab.handle(Event::Reload);
        tab.sent();
        tab.respond_with(unavailable(Some(retry_after)), jitter);
        assert_eq!(tab.retries, [expected], "{retry_after} {jitter}");
    }
}

#[test]
fn a_change_beyond_the_limit_of_writes_is_kept_and_sent_again_when_the_server_allows() {
    let storage = Storage::default();
    let mut tab = Tab::open(&storage, &[task("Tea", 1)]);
    let entry = tab.queue(rename("Tea", "Green tea"));
    tab.grant_lock();
    let change = tab.sent();
    tab.respond(Err(Failure::Unavailable(problem(429), Some(7))));
    assert_eq!(tab.retries, [7_000]);
    assert_eq!(storage.ids(), [entry]);
    tab.handle(Event::Retry);
    tab.grant_lock();
    assert_eq!(tab.sent(), change);
    tab.respond(done(task("Green tea", 2)));
    assert!(storage.ids().is_empty());
}

#[test]
fn a_reload_during_a_load_loads_again() {
    let mut tab = Tab::open(&Storage::default(), &[]);
    tab.handle(Event::Reload);
    assert_eq!(tab.sent(), Request::List);
    // The list that is loading may be older than this.
    tab.handle(Event::Reload);
    tab.respond(Ok(Response::List(Vec::new())));
    assert_eq!(tab.sent(), Request::List);
    tab.respond(Ok(Response::List(Vec::new())));
    assert!(tab.is_idle());
}

#[test]
fn the_user_is_told_once_that_the_server_cannot_be_reached() {
    let mut tab = Tab::open(&Storage::default(), &[]);
    tab.handle(Event::Reload);
    tab.notifications.clear();
    for _ in 0..3 {
        tab.sent();
        tab.respond(unavailable(None));
        tab.handle(Event::Retry);
    }
    let lost = Notification::ConnectionLost("Not now.".to_owned());
    assert_eq!(tab.notifications.iter().filter(|known| **known == lost).count(), 1);
    assert_eq!(tab.machine.state().connection_error(), Some("Not now."));
}

#[test]
fn a_change_that_is_not_stored_is_reported_and_sent_from_this_tab() {
    let storage = Storage {
        is_full: true,
        ..Storage::default()
    };
    let mut tab = Tab::open(&storage, &[task("Tea", 1)]);
    let reports = |tab: &Tab| {
        let reports = tab.notifications.iter();
        reports.filter(|known| **known == Notification::NotStored).count()
    };
    tab.queue(complete());
    assert_eq!(reports(&tab), 1);
    assert!(tab.machine.has_unstored());
    assert!(storage.ids().is_empty());
    tab.grant_lock();
    assert_eq!(tab.sent(), Request::Complete(id(), Completion { completed: true }));
    tab.respond(Err(Failure::Unreachable));
    assert!(tab.machine.has_unstored(), "kept for the next attempt");
    assert_eq!(tab.machine.state().outbox().len(), 1);

    tab.queue(rename("Tea", "Green tea"));
    assert_eq!(reports(&tab), 1, "reported once");
    for result in [done(task("Tea", 2)), done(task("Green tea", 3))] {
        tab.grant_lock();
        tab.sent();
        tab.respond(result);
    }
    assert!(!tab.machine.has_unstored());
    assert!(tab.is_idle());
}

#[test]
fn a_tab_closed_with_the_lock_leaves_its_entry_to_the_next_tab() {
    let storage = Storage::default();
    let mut closed = Tab::open(&storage, &[task("Tea", 1)]);
    closed.queue(complete());
    closed.grant_lock();
    closed.sent();
    let mut next = Tab::open(&storage, &[task("Tea", 1)]);
    drop(closed);
    // The browser releases the lock of the closed tab.
    next.grant_lock();
    assert_eq!(next.sent(), Request::Complete(id(), Completion { completed: true }));
    next.respond(done(task("Tea", 2)));
    assert!(storage.ids().is_empty());
    assert!(next.is_idle());
}

#[test]
fn an_edit_that_a_closed_tab_has_sent_is_not_sent_twice() {
    let storage = Storage::default();
    let mut closed = Tab::open(&storage, &[task("Tea", 1)]);
    closed.queue(rename("Tea", "Green tea"));
    closed.grant_lock();
    closed.sent();
    let mut next = Tab::open(&storage, &[task("Tea", 1)]);
    drop(closed);
    next.grant_lock();
    assert!(matches!(next.sent(), Request::Change(_, _, Some(1))));
    // The server has the edit of the closed tab already, so the task has another revision.
    next.respond(refused(412));
    assert_eq!(next.sent(), Request::Get(id()));
    next.respond(done(task("Green tea", 2)));
    // There is nothing left to change.
    next.grant_lock();
    assert!(next.is_idle());
    assert!(storage.ids().is_empty());
    assert_eq!(next.machine.state().conflicts(), []);
    assert_eq!(next.machine.state().tasks(), [task("Green tea", 2)]);
}

#[test]
fn an_entry_that_another_tab_has_sent_is_removed_after_the_list_is_loaded() {
    let storage = Storage::default();
    let mut first = Tab::open(&storage, &[task("Tea", 1)]);
    first.queue(complete());
    let mut second = Tab::open(&storage, &[task("Tea", 1)]);
    first.grant_lock();
    first.sent();
    first.respond(done(task("Tea", 2)));

    second.grant_lock();
    assert!(!second.has_lock, "other tabs need not wait for the list");
    assert_eq!(second.sent(), Request::List);
    assert!(second.machine.state().tasks()[0].completed, "no flicker");
    let mut completed = task("Tea", 2);
    completed.completed = true;
    second.respond(Ok(Response::List(vec![completed.clone()])));
    assert_eq!(second.machine.state().outbox(), []);
    assert_eq!(second.machine.state().tasks(), [completed]);
    assert!(second.is_idle());
}

#[test]
fn a_change_by_another_tab_is_shown_and_not_stored_again() {
    let storage = Storage::default();
    let mut first = Tab::open(&storage, &[task("Tea", 1)]);
    let mut second = Tab::open(&storage, &[task("Tea", 1)]);
    let id = first.queue(rename("Tea", "Green tea"));
    let entry = storage.entries.borrow().get(&id).cloned();
    storage.entries.borrow_mut().clear();
    second.handle(Event::StorageChanged { id, entry });
    assert_eq!(second.machine.state().tasks()[0].title, "Green tea");
    assert!(storage.ids().is_empty());
}

#[test]
fn a_batch_that_changed_while_the_tab_waited_for_the_lock_is_not_sent() {
    let mut tab = Tab::open(&Storage::default(), &[task("Tea", 1)]);
    tab.queue(rename("Tea", "Green tea"));
    tab.queue(rename("Green tea", "Mint tea"));
    tab.grant_lock();
    assert!(!tab.has_lock);
    assert_eq!(tab.request, None);
    // The lock for both edits.
    tab.grant_lock();
    let Request::Change(_, change, _) = tab.sent() else {
        panic!("another request");
    };
    assert_eq!(change.title.as_deref(), Some("Mint tea"));
}

#[test]
fn a_sign_out_waits_for_the_request_and_sends_the_rest() {
    let storage = Storage::default();
    let mut tab = Tab::open(&storage, &[task("Tea", 1)]);
    tab.queue(complete());
    tab.grant_lock();
    tab.sent();
    tab.handle(Event::Queue(Entry::undoable(id(), Op::Delete)));
    tab.handle(Event::Flush);
    assert!(!tab.flushed);
    tab.respond(done(task("Tea", 2)));
    assert!(!tab.flushed);
    // The deletion can no longer be undone.
    tab.grant_lock();
    assert_eq!(tab.sent(), Request::Delete(id()));
    tab.respond(Ok(Response::Task(None)));
    assert!(tab.flushed);
    assert!(storage.ids().is_empty());
}

#[test]
fn a_sign_out_without_a_connection_keeps_the_outbox() {
    let storage = Storage::default();
    let mut tab = Tab::open(&storage, &[task("Tea", 1)]);
    let entry = tab.queue(complete());
    tab.grant_lock();
    tab.sent();
    tab.handle(Event::Flush);
    tab.respond(Err(Failure::Unreachable));
    assert!(tab.flushed);
    assert_eq!(storage.ids(), [entry]);
}

#[test]
fn a_sign_out_does_not_wait_for_the_next_retry() {
    let mut tab = Tab::open(&Storage::default(), &[task("Tea", 1)]);
    tab.queue(complete());
    tab.grant_lock();
    tab.sent();
    tab.respond(Err(Failure::Unreachable));
    tab.handle(Event::Flush);
    assert!(tab.waiting.is_some());
    assert!(!tab.flushed);
}

#[test]
fn a_sign_out_with_an_empty_outbox_is_flushed_at_once() {
    let mut tab = Tab::open(&Storage::default(), &[]);
    tab.handle(Event::Flush);
    assert!(tab.flushed);
}

#[test]
fn a_response_after_the_stop_updates_the_storage_and_nothing_else() {
    let storage = Storage::default();
    let mut tab = Tab::open(&storage, &[task("Tea", 1)]);
    tab.queue(complete());
    let later = tab.queue(rename("Tea", "Green tea"));
    tab.grant_lock();
    tab.sent();
    tab.handle(Event::Stop);
    tab.notifications.clear();
    tab.respond(done(task("Tea", 2)));
    assert_eq!(storage.ids(), [later], "the confirmed entry is not sent again");
    assert_eq!(tab.notifications, []);
    assert!(tab.is_idle());
}

#[test]
fn a_failure_after_the_stop_is_not_retried() {
    let storage = Storage::default();
    for result in [Err(Failure::Unreachable), Err(Failure::SessionEnded), refused(412)] {
        let mut tab = Tab::open(&storage, &[task("Tea", 1)]);
        let entry = tab.queue(rename("Tea", "Green tea"));
        tab.grant_lock();
        tab.sent();
        tab.handle(Event::Stop);
        tab.notifications.clear();
        tab.respond(result);
        assert!(tab.is_idle());
        assert!(tab.retries.is_empty());
        assert_eq!(tab.notifications, []);
        assert_eq!(storage.ids(), [entry]);
        storage.entries.borrow_mut().clear();
    }
}

#[test]
fn a_lock_granted_after_the_stop_is_released() {
    let storage = Storage::default();
    let mut tab = Tab::open(&storage, &[task("Tea", 1)]);
    let entry = tab.queue(complete());
    tab.handle(Event::Stop);
    tab.grant_lock();
    assert!(tab.is_idle());
    assert_eq!(storage.ids(), [entry]);
}

#[test]
fn an_undo_offered_by_a_closed_page_has_expired() {
    let storage = Storage::default();
    let mut closed = Tab::open(&storage, &[task("Tea", 1)]);
    closed.handle(Event::Queue(Entry::undoable(id(), Op::Delete)));
    assert!(closed.is_idle());
    drop(closed);
    let mut tab = Tab::open(&storage, &[task("Tea", 1)]);
    tab.grant_lock();
    assert_eq!(tab.sent(), Request::Delete(id()));
}

#[test]
fn an_undo_removes_only_an_entry_that_can_be_undone() {
    let storage = Storage::default();
    let mut tab = Tab::open(&storage, &[task("Tea", 1)]);
    let undoable = Entry::undoable(id(), Op::Delete);
    let entry = undoable.id;
    tab.handle(Event::Queue(undoable));
    tab.handle(Event::PageHidden);
    tab.handle(Event::Undo(entry));
    assert_eq!(storage.ids(), [entry], "the undo expired with the page");
}

#[test]
fn an_outdated_response_of_a_cache_is_no_endless_loop() {
    let mut tab = Tab::open(&Storage::default(), &[task("Tea", 1)]);
    tab.queue(rename("Tea", "Green tea"));
    tab.grant_lock();
    tab.sent();
    tab.respond(refused(412));
    assert_eq!(tab.sent(), Request::Get(id()));
    tab.respond(done(task("Tea", 1)));
    assert!(tab.is_idle());
    assert_eq!(tab.retries.len(), 1);
}

#[test]
fn an_ended_session_is_reported_and_not_retried() {
    let storage = Storage::default();
    let mut tab = Tab::open(&storage, &[task("Tea", 1)]);
    let entry = tab.queue(complete());
    tab.grant_lock();
    tab.sent();
    tab.respond(Err(Failure::SessionEnded));
    assert_eq!(tab.notifications.last(), Some(&Notification::SessionEnded));
    assert!(tab.retries.is_empty());
    assert!(tab.is_idle());
    assert_eq!(storage.ids(), [entry]);
}

#[test]
fn a_refused_completion_of_a_deleted_task_names_the_task() {
    let mut tab = Tab::open(&Storage::default(), &[task("Tea", 1)]);
    tab.queue(complete());
    tab.grant_lock();
    tab.sent();
    tab.respond(refused(404));
    let deleted = Notification::DeletedElsewhere(Some(task("Tea", 1)));
    assert!(tab.notifications.contains(&deleted), "{:?}", tab.notifications);
    assert!(tab.is_idle());
}
