//! Executes the effects of the state machine in the browser, and reports what happened as events.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use js_sys::{Function, Math, Promise};
use uuid::Uuid;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{StorageEvent, VisibilityState};
use yew::Callback;

use super::machine::{Effect, Event, MAX_JITTER, Machine, Notification, Request, Response};
use super::outbox_storage;
use crate::api::tasks as api;
use crate::browser::{dom, lock};
use crate::failure::Failure;
use crate::tasks::store::{Edit, Entry, Op, State};

/// The lock that a tab holds while it sends entries of the outbox.
const OUTBOX_LOCK: &str = "docket.outbox";

/// How long the sign-out waits for the outbox to be sent, in milliseconds.
const FLUSH_TIMEOUT: i32 = 5_000;

/// The tasks of a user, synchronised with the server.
#[derive(Clone)]
pub struct TaskSync(Rc<Inner>);

struct Inner {
    user_id: String,
    machine: RefCell<Machine>,
    /// Events that are not handled yet.
    events: RefCell<VecDeque<Event>>,
    handling: Cell<bool>,
    notify: Callback<Notification>,
    /// Releases the lock.
    unlock: RefCell<Option<Function>>,
    /// Resolves the promise of [`TaskSync::flush`].
    flushed: RefCell<Option<Function>>,
    retry: RefCell<Option<Timeout>>,
    listeners: RefCell<Vec<EventListener>>,
}

impl PartialEq for TaskSync {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl TaskSync {
    /// Loads the stored outbox of a user.
    pub fn new(user_id: &str, notify: Callback<Notification>) -> Self {
        let machine = Machine::new(user_id, outbox_storage::load(user_id));
        Self(Rc::new(Inner {
            user_id: user_id.to_owned(),
            machine: RefCell::new(machine),
            events: RefCell::default(),
            handling: Cell::default(),
            notify,
            unlock: RefCell::default(),
            flushed: RefCell::default(),
            retry: RefCell::default(),
            listeners: RefCell::default(),
        }))
    }

    /// Fetches the list, and listens to the browser.
    pub fn start(&self) {
        let mut listeners = Vec::new();
        if let Some(window) = web_sys::window() {
            let mut listen = |name: &'static str, event: fn() -> Event| {
                let sync = self.clone();
                listeners.push(EventListener::new(&window, name, move |_| sync.post(event())));
            };
            listen("online", || Event::Retry);
            listen("focus", || Event::Reload);
            listen("pagehide", || Event::PageHidden);
            let sync = self.clone();
            listeners.push(EventListener::new(&window, "storage", move |event| {
                if let Some(id) = event.dyn_ref().and_then(|event| sync.changed_entry(event)) {
                    // The value in the event may be outdated.
                    let entry = outbox_storage::get(&sync.0.user_id, id);
                    sync.post(Event::StorageChanged { id, entry });
                }
            }));
        }
        if let Some(document) = dom::document() {
            let sync = self.clone();
            listeners.push(EventListener::new(&document, "visibilitychange", move |_| {
                if dom::document().is_some_and(|page| page.visibility_state() == VisibilityState::Visible) {
                    sync.post(Event::Reload);
                }
            }));
        }
        *self.0.listeners.borrow_mut() = listeners;
        self.post(Event::Start);
    }

    fn changed_entry(&self, event: &StorageEvent) -> Option<Uuid> {
        outbox_storage::entry_id(&self.0.user_id, &event.key()?)
    }

    /// Stops. Unsent entries stay in the outbox.
    pub fn stop(&self) {
        self.post(Event::Stop);
        self.0.retry.take();
        self.0.listeners.take();
    }

    /// Reads the tasks and the outbox.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(self.0.machine.borrow().state())
    }

    /// Whether the outbox has an entry that is lost if the tab is closed.
    pub fn has_unstored(&self) -> bool {
        self.0.machine.borrow().has_unstored()
    }

    /// Applies a change and sends it.
    pub fn queue(&self, task_id: Uuid, op: Op) {
        self.post(Event::Queue(Entry::new(task_id, op)));
    }

    /// Applies a change, and sends it after [`Self::expire_undo`]. Returns the id of its entry.
    pub fn queue_undoable(&self, task_id: Uuid, op: Op) -> Uuid {
        let entry = Entry::undoable(task_id, op);
        let id = entry.id;
        self.post(Event::Queue(entry));
        id
    }

    /// Sends an undoable change.
    pub fn expire_undo(&self, entry: Uuid) {
        self.post(Event::UndoExpired(entry));
    }

    /// Undoes an undoable change.
    pub fn undo(&self, entry: Uuid) {
        self.post(Event::Undo(entry));
    }

    /// Resolves a conflict: sends `edit` instead of the edits of the task in the outbox, or nothing.
    pub fn resolve(&self, task_id: Uuid, edit: Option<Edit>) {
        self.post(Event::Resolve { task_id, edit });
    }

    /// Makes the next attempt now.
    pub fn retry(&self) {
        self.post(Event::Retry);
    }

    /// Sends what can be sent, because the user signs out.
    pub async fn flush(&self) {
        let flushed = Promise::new(&mut |resolve, _| {
            if let Some(window) = web_sys::window() {
                // Fails only if the window is closed. Resolving a resolved promise has no effect.
                let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, FLUSH_TIMEOUT);
            }
            *self.0.flushed.borrow_mut() = Some(resolve);
        });
        self.post(Event::Flush);
        // Cannot be rejected.
        let _ = JsFuture::from(flushed).await;
    }

    /// Handles an event after those before it: an effect may cause the next event.
    fn post(&self, event: Event) {
        self.0.events.borrow_mut().push_back(event);
        if self.0.handling.replace(true) {
            return;
        }
        loop {
            let next = self.0.events.borrow_mut().pop_front();
            let Some(event) = next else { break };
            let effects = self.0.machine.borrow_mut().handle(event);
            for effect in effects {
                self.execute(effect);
            }
        }
        self.0.handling.set(false);
    }

    fn execute(&self, effect: Effect) {
        let user_id = &self.0.user_id;
        match effect {
            Effect::Insert(entry) if !outbox_storage::insert(user_id, &entry) => {
                self.post(Event::StorageFailed(entry.id));
            }
            Effect::Update(entry) if !outbox_storage::update(user_id, &entry) => {
                self.post(Event::StorageFailed(entry.id));
            }
            Effect::Insert(_) | Effect::Update(_) => {}
            Effect::Remove(id) => outbox_storage::remove(user_id, id),
            Effect::Lock(entries) => self.lock(entries),
            Effect::Unlock => resolve(&self.0.unlock),
            Effect::Send(request) => {
                let sync = self.clone();
                spawn_local(async move {
                    let result = send(&sync.0.user_id, request).await;
                    let jitter = jitter();
                    sync.post(Event::Responded { result, jitter });
                });
            }
            Effect::RetryAfter(delay) => {
                let sync = self.clone();
                let timer = Timeout::new(delay, move || sync.post(Event::Retry));
                *self.0.retry.borrow_mut() = Some(timer);
            }
            Effect::Notify(notification) => self.0.notify.emit(notification),
            Effect::Flushed => resolve(&self.0.flushed),
        }
    }

    /// Holds the lock from [`Event::Locked`] to [`Effect::Unlock`].
    fn lock(&self, entries: Vec<Uuid>) {
        let sync = self.clone();
        spawn_local(lock::exclusive(OUTBOX_LOCK, async move {
            let unlocked = Promise::new(&mut |resolve, _| *sync.0.unlock.borrow_mut() = Some(resolve));
            let is_stored = |id: &Uuid| outbox_storage::contains(&sync.0.user_id, *id);
            let not_stored = entries.into_iter().filter(|id| !is_stored(id)).collect();
            sync.post(Event::Locked { not_stored });
            // Cannot be rejected.
            let _ = JsFuture::from(unlocked).await;
        }));
    }
}

/// Resolves a promise by its function.
fn resolve(function: &RefCell<Option<Function>>) {
    if let Some(resolve) = function.take() {
        // Cannot throw.
        let _ = resolve.call0(&JsValue::UNDEFINED);
    }
}

/// A random number up to [`MAX_JITTER`].
fn jitter() -> u32 {
    (Math::random() * f64::from(MAX_JITTER)) as u32
}

async fn send(user_id: &str, request: Request) -> Result<Response, Failure> {
    let write = match request {
        Request::List => return api::list(user_id).await.map(Response::List),
        Request::Get(id) => return api::get(user_id, id).await.map(Response::Task),
        Request::Create(id, new) => api::create(user_id, id, &new),
        Request::Change(id, change, revision) => api::change(user_id, id, &change, revision),
        Request::Complete(id, completion) => api::complete(user_id, id, &completion),
        Request::Delete(id) => api::delete(user_id, id),
    };
    api::write(user_id, write).await.map(Response::Task)
}
