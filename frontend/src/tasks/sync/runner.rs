//! Carries the outbox to the server and the list back, one request at a time.
//!
//! The outbox is in the browser's local storage, one key per entry: a reload or a closed tab loses nothing, and every tab
//! shows the same. A lock lets one tab send at a time; should two send the same entry all the same, that does no harm.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use js_sys::{Function, Promise};
use shared::task::Task;
use uuid::Uuid;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{StorageEvent, VisibilityState};
use yew::Callback;

use crate::api::{self, Failure};
use crate::storage::Area;
use crate::store::{Action, Batch, Edit, Entry, Op, Question, State, members};
use crate::{dom, lock};

/// The longest pause between two attempts, in seconds.
const LONGEST_PAUSE: u32 = 60;

/// How long somebody who leaves waits for the work to end, in milliseconds.
const LONGEST_REST: i32 = 5_000;

/// What the page has to know.
#[derive(Clone, PartialEq)]
pub enum News {
    /// The state changed.
    Changed,
    /// The server refused something, which is taken back.
    Refused(Op, Failure),
    /// A task that was ticked was deleted on another device; none if the list did not have it any more either.
    Deleted(Option<Task>),
    /// An edit cannot be sent before the person has decided something.
    Asked(Question),
    /// The server cannot be reached.
    Lost(String),
    /// Nobody is signed in any more.
    SessionEnded,
}

/// The tasks of one person, kept in step with the server.
#[derive(Clone)]
pub struct TaskSync(Rc<Inner>);

struct Inner {
    user_id: String,
    state: RefCell<State>,
    news: Callback<News>,
    /// Entries that the browser could not keep; this tab alone knows them.
    unkept: RefCell<Vec<Uuid>>,
    /// The list may have changed on the server.
    stale: Cell<bool>,
    running: Cell<bool>,
    /// Called when the work has ended.
    rested: RefCell<Option<Function>>,
    stopped: Cell<bool>,
    attempts: Cell<u32>,
    timer: RefCell<Option<Timeout>>,
    listeners: RefCell<Vec<EventListener>>,
}

impl PartialEq for TaskSync {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl TaskSync {
    /// Picks up what was left in the outbox of `user_id`.
    pub fn new(user_id: &str, news: Callback<News>) -> Self {
        let mut state = State::new(user_id);
        for entry in Area::Local.all::<Entry>(&prefix(user_id)) {
            // The chance to undo ended with the page that offered it.
            state.reduce(Action::Queue(Entry { held: false, ..entry }));
        }
        Self(Rc::new(Inner {
            user_id: user_id.to_owned(),
            state: RefCell::new(state),
            news,
            unkept: RefCell::default(),
            stale: Cell::new(true),
            running: Cell::new(false),
            rested: RefCell::default(),
            stopped: Cell::new(false),
            attempts: Cell::new(0),
            timer: RefCell::default(),
            listeners: RefCell::default(),
        }))
    }

    /// Begins: fetches the list, and listens to the browser.
    pub fn start(&self) {
        let mut listeners = Vec::new();
        if let Some(window) = web_sys::window() {
            let mut listen = |event: &'static str, react: fn(&Self, &web_sys::Event)| {
                let sync = self.clone();
                listeners.push(EventListener::new(&window, event, move |event| react(&sync, event)));
            };
            listen("online", |sync, _| sync.wake());
            listen("focus", |sync, _| sync.refresh());
            listen("pagehide", |sync, _| sync.release_all());
            listen("storage", |sync, event| {
                if let Some(event) = event.dyn_ref() {
                    sync.hear(event);
                }
            });
        }
        if let Some(document) = dom::document() {
            let sync = self.clone();
            listeners.push(EventListener::new(&document, "visibilitychange", move |_| {
                if dom::document().is_some_and(|page| page.visibility_state() == VisibilityState::Visible) {
                    sync.refresh();
                }
            }));
        }
        *self.0.listeners.borrow_mut() = listeners;
        self.wake();
    }

    /// Ends. What is not sent stays in the outbox.
    pub fn stop(&self) {
        self.release_all();
        self.0.stopped.set(true);
        self.0.timer.take();
        self.0.listeners.take();
    }

    /// Looks at the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.state.borrow())
    }

    /// Shows a change at once, and sends it when it can.
    pub fn queue(&self, task_id: Uuid, op: Op) {
        self.dispatch(Action::Queue(Entry::new(task_id, op)));
        self.wake();
    }

    /// Shows a change at once, and sends it when it is released. Tells the id of its entry.
    pub fn hold(&self, task_id: Uuid, op: Op) -> Uuid {
        let entry = Entry::held(task_id, op);
        let id = entry.id;
        self.dispatch(Action::Queue(entry));
        // It released the one before.
        self.wake();
        id
    }

    /// Sends a held change.
    pub fn release(&self, entry: Uuid) {
        self.dispatch(Action::Release(entry));
        self.wake();
    }

    /// Takes back a held change.
    pub fn undo(&self, entry: Uuid) {
        if self.read(|state| state.entry(entry).is_some_and(|entry| entry.held)) {
            self.dispatch(Action::Withdraw(vec![entry]));
        }
    }

    /// Sends `edit` instead of the edits of a task that wait; without one they are dropped.
    pub fn answer(&self, task_id: Uuid, edit: Option<Edit>) {
        self.dispatch(Action::Answer { task_id, edit });
        self.wake();
    }

    /// Fetches the list again.
    pub fn refresh(&self) {
        self.0.stale.set(true);
        self.wake();
    }

    /// Goes to work unless it is at work already.
    pub fn wake(&self) {
        if self.0.stopped.get() || self.0.running.replace(true) {
            return;
        }
        self.0.timer.take();
        let sync = self.clone();
        spawn_local(async move {
            let result = sync.work().await;
            sync.0.running.set(false);
            if let Err(failure) = result {
                sync.give_up(failure);
            }
            if let Some(rested) = sync.0.rested.take() {
                // What settles a promise cannot fail.
                let _ = rested.call0(&JsValue::UNDEFINED);
            }
        });
    }

    /// Sends what waits now, as far as that is possible, because the person is leaving.
    pub async fn flush(&self) {
        self.release_all();
        if self.0.running.get() {
            self.rest().await;
        }
        if !self.0.running.replace(true) {
            // What cannot be sent waits in the outbox for the next time.
            let _ = self.work().await;
            self.0.running.set(false);
        }
    }

    /// Waits until the work has ended, but not for ever.
    async fn rest(&self) {
        let rested = Promise::new(&mut |resolve, _| {
            if let Some(window) = web_sys::window() {
                // A promise that is settled already does not mind.
                let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, LONGEST_REST);
            }
            *self.0.rested.borrow_mut() = Some(resolve);
        });
        // Either way it is time to go on.
        let _ = JsFuture::from(rested).await;
    }

    /// Sends what waits and fetches what is stale, until nothing is left to do.
    async fn work(&self) -> Result<(), Failure> {
        while !self.0.stopped.get() {
            let (loaded, next) = self.read(|state| (state.is_loaded(), state.next_batch()));
            match next {
                Some(batch) if loaded => self.send(batch).await?,
                _ if self.0.stale.get() => self.load().await?,
                _ => return Ok(()),
            }
            self.0.attempts.set(0);
        }
        Ok(())
    }

    async fn load(&self) -> Result<(), Failure> {
        let tasks = api::tasks(&self.0.user_id).await?;
        self.0.stale.set(false);
        self.dispatch(Action::Load(tasks));
        Ok(())
    }

    async fn send(&self, batch: Batch) -> Result<(), Failure> {
        // The outcome is kept before the lock is let go, so that the next tab sees it.
        let sent = lock::exclusive("docket.outbox", self.clone().attempt(batch)).await?;
        if !sent.is_empty() {
            // The list will tell.
            self.load().await?;
            self.dispatch(Action::Withdraw(sent));
        }
        Ok(())
    }

    /// Sends a batch, unless it has entries that another tab has sent: then it returns those.
    async fn attempt(self, batch: Batch) -> Result<Vec<Uuid>, Failure> {
        let user_id = &self.0.user_id;
        let is_sent = |id: &Uuid| !self.0.unkept.borrow().contains(id) && !Area::Local.has(&key(user_id, *id));
        let sent: Vec<Uuid> = batch.entries.iter().copied().filter(is_sent).collect();
        // While the other tabs had the lock, an entry may have been changed, or a question come up.
        if !sent.is_empty() || self.read(State::next_batch).as_ref() != Some(&batch) {
            return Ok(sent);
        }
        let task_id = batch.task_id;
        let known = self.read(|state| state.known(task_id).cloned());
        let write = match (&batch.op, &known) {
            (Op::Create(new), _) => api::create_task(user_id, task_id, new),
            (Op::Complete(completion), _) => api::complete_task(user_id, task_id, completion),
            (Op::Delete, _) => api::delete_task(user_id, task_id),
            (Op::Change(edit), Some(known)) => {
                let change = edit.changes(&members(known));
                if change.is_empty() {
                    let (entries, task) = (batch.entries, Some(known.clone()));
                    self.dispatch(Action::Confirm { entries, task });
                    return Ok(sent);
                }
                api::change_task(user_id, task_id, &change, Some(known.revision))
            }
            (Op::Overwrite(change), _) => api::change_task(user_id, task_id, change, None),
            // There is nothing to merge the edit with.
            (Op::Change(_), None) => return self.fetch(batch, None).await.map(|()| sent),
        };
        match api::write(user_id, write).await {
            Ok(task) => {
                let entries = batch.entries;
                self.dispatch(Action::Confirm { entries, task });
            }
            Err(Failure::Refused(problem)) if problem.status == 412 => self.fetch(batch, known).await?,
            Err(Failure::Refused(problem)) => self.refused(batch, known, Failure::Refused(problem)),
            Err(failure) => return Err(failure),
        }
        Ok(sent)
    }

    /// Asks for a task that is not as it is `known`, so that the edit in `batch` can be merged with it.
    async fn fetch(&self, batch: Batch, known: Option<Task>) -> Result<(), Failure> {
        match api::task(&self.0.user_id, batch.task_id).await? {
            // An old answer, from something on the way: the edit would be refused again, without end.
            Some(task) if known.is_some_and(|known| known.revision == task.revision) => {
                return Err(Failure::Unreachable);
            }
            Some(task) => self.dispatch(Action::Learn(task)),
            None => self.dispatch(Action::Refuse {
                entries: batch.entries,
                gone: true,
            }),
        }
        Ok(())
    }

    fn refused(&self, batch: Batch, known: Option<Task>, failure: Failure) {
        let gone = matches!(&failure, Failure::Refused(problem) if problem.status == 404 || problem.code == "deleted");
        let refused = self.read(|state| state.refused(&batch, gone));
        let entries = batch.entries;
        self.dispatch(Action::Refuse { entries, gone });
        match refused {
            Some(Op::Complete(_)) if gone => self.0.news.emit(News::Deleted(known)),
            Some(op) => self.0.news.emit(News::Refused(op, failure)),
            None => {}
        }
    }

    /// Tries again later, or ends.
    fn give_up(&self, failure: Failure) {
        if self.0.stopped.get() {
            return;
        }
        let why = match &failure {
            Failure::SessionEnded => {
                self.0.news.emit(News::SessionEnded);
                return;
            }
            Failure::Unreachable => "Offline.".to_owned(),
            Failure::Busy(problem, _) | Failure::Refused(problem) => problem.detail.clone(),
            Failure::Wrong(_) => failure.message(),
        };
        let attempts = self.0.attempts.get();
        self.0.attempts.set(attempts.saturating_add(1));
        let pause = match failure {
            Failure::Busy(_, Some(seconds)) => seconds.max(1),
            _ => 2_u32.saturating_pow(attempts + 1),
        };
        if self.read(|state| state.trouble() != Some(&why)) {
            self.0.news.emit(News::Lost(why.clone()));
        }
        self.dispatch(Action::Lose(why));
        let sync = self.clone();
        let timer = Timeout::new(pause.min(LONGEST_PAUSE) * 1000, move || sync.wake());
        *self.0.timer.borrow_mut() = Some(timer);
    }

    fn release_all(&self) {
        let held: Vec<Uuid> = self.read(|state| {
            let held = state.outbox().iter().filter(|entry| entry.held);
            held.map(|entry| entry.id).collect()
        });
        for entry in held {
            self.dispatch(Action::Release(entry));
        }
    }

    /// Another tab changed the outbox.
    fn hear(&self, event: &StorageEvent) {
        let prefix = prefix(&self.0.user_id);
        let Some(id) = event.key().and_then(|key| key.strip_prefix(&prefix)?.parse().ok()) else {
            return;
        };
        // What the event tells may be over by now.
        match Area::Local.get(&key(&self.0.user_id, id)) {
            // Not kept again: that could bring back what the other tab is just removing.
            Some(entry) => self.apply(Action::Queue(entry)),
            // Undone or decided there; anything else was sent, and the list will tell.
            None if self.read(|state| state.entry(id).is_some_and(|entry| state.waits(entry))) => {
                self.apply(Action::Withdraw(vec![id]));
            }
            None => {}
        }
        self.refresh();
    }

    /// Changes the state, tells the page, keeps the outbox.
    fn dispatch(&self, action: Action) {
        let before = self.read(|state| state.outbox().to_vec());
        self.apply(action);
        self.read(|state| self.keep(&before, state.outbox()));
    }

    /// Changes the state and tells the page.
    fn apply(&self, action: Action) {
        let before = self.read(State::questions);
        self.0.state.borrow_mut().reduce(action);
        if self.0.stopped.get() {
            return;
        }
        self.0.news.emit(News::Changed);
        let is_new = |new: &Question| before.iter().all(|old| old.task_id != new.task_id);
        for question in self.read(State::questions).into_iter().filter(is_new) {
            self.0.news.emit(News::Asked(question));
        }
    }

    fn keep(&self, before: &[Entry], after: &[Entry]) {
        let mut unkept = self.0.unkept.borrow_mut();
        for gone in before
            .iter()
            .filter(|gone| after.iter().all(|entry| entry.id != gone.id))
        {
            Area::Local.remove(&key(&self.0.user_id, gone.id));
            unkept.retain(|id| *id != gone.id);
        }
        for entry in after.iter().filter(|entry| !before.contains(entry)) {
            let key = key(&self.0.user_id, entry.id);
            let is_new = before.iter().all(|known| known.id != entry.id);
            // One that is not new and not there was sent or undone by another tab, which is not to be reversed.
            if (is_new || Area::Local.has(&key)) && !Area::Local.set(&key, entry) {
                unkept.push(entry.id);
            }
        }
    }
}

/// Forgets what `user_id` has not sent: there is no account any more.
pub fn forget(user_id: &str) {
    for entry in Area::Local.all::<Entry>(&prefix(user_id)) {
        Area::Local.remove(&key(user_id, entry.id));
    }
}

fn prefix(user_id: &str) -> String {
    // Encoded, no id can hold the slash that ends it.
    format!("docket.outbox.{}/", js_sys::encode_uri_component(user_id))
}

fn key(user_id: &str, entry: Uuid) -> String {
    format!("{}{entry}", prefix(user_id))
}
