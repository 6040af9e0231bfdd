//! Whose turn it is on a connection, and how long the client may take for its own.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::Limits;

/// How long a connection that was told to close may take for it.
const CLOSING: Duration = Duration::from_secs(1);

/// Whose turn it is. The server and the requests of one connection share it.
pub struct Turn(Mutex<State>);

struct State {
    /// The requests that are being served.
    serving: usize,
    /// Those of them whose handler waits for the body. [`super::body`] limits that.
    receiving: usize,
    /// What the client owes when both are 0.
    due: Due,
    /// Since when the client owes that, or is measured anew. The clock is read by [`Watch`], so that a request whose header
    /// comes in one piece needs it once.
    since: Option<Instant>,
    /// The bytes that the client took since then.
    taken: u64,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Due {
    /// The rest of a request header, or all of the first.
    Header,
    /// Another request, if it wants one.
    Request,
    /// Taking the response: the system's buffer is full.
    Taking,
    /// Closing the connection.
    Close,
}

impl Turn {
    /// A connection that was just opened.
    pub fn new() -> Self {
        Self(Mutex::new(State {
            serving: 0,
            receiving: 0,
            due: Due::Header,
            since: Some(Instant::now()),
            taken: 0,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when the client owes the next step of every request; none while the server owes one.
    pub fn client_due_since(&self) -> Option<Instant> {
        let state = self.state();
        state.since.filter(|_| !state.server_owes())
    }

    /// Bytes came from the client.
    pub fn read(&self) {
        let mut state = self.state();
        if state.serving == 0 && state.due == Due::Request {
            state.begin(Due::Header);
        }
    }

    /// The client took so many bytes, or, for none, does not take any more at the moment.
    pub fn wrote(&self, bytes: usize) {
        let mut state = self.state();
        state.taken += bytes as u64;
        state.due = match (state.due, bytes) {
            (Due::Request, 0) => Due::Taking,
            (Due::Taking, 1..) => Due::Request,
            (due, _) => due,
        };
    }

    /// The connection was told to close.
    pub fn close(&self) {
        self.state().begin(Due::Close);
    }
}

impl State {
    fn begin(&mut self, due: Due) {
        self.due = due;
        self.since = None;
        self.taken = 0;
    }

    fn server_owes(&self) -> bool {
        self.serving > self.receiving
    }

    /// Begins the client's time if the server owes nothing any more.
    fn settle(&mut self) {
        if !self.server_owes() {
            let due = if self.due == Due::Close {
                Due::Close
            } else {
                Due::Request
            };
            self.begin(due);
        }
    }

    /// When the client's time is over; none while it owes nothing that is measured here.
    fn deadline(&mut self, limits: &Limits) -> Option<Instant> {
        let since = *self.since.get_or_insert_with(Instant::now);
        (self.serving + self.receiving == 0).then(|| since + self.due.limit(limits))
    }
}

impl Due {
    fn limit(self, limits: &Limits) -> Duration {
        match self {
            Self::Header => limits.headers,
            Self::Request => limits.idle,
            Self::Taking => limits.body,
            Self::Close => CLOSING,
        }
    }
}

impl Limits {
    /// Whether so many bytes in that time are enough.
    pub(super) fn allow(&self, bytes: u64, time: Duration) -> bool {
        u128::from(bytes) * 1000 >= u128::from(self.rate) * time.as_millis()
    }
}

/// While it lives, a request is being served.
pub struct Serving(Arc<Turn>);

impl Serving {
    pub fn new(turn: Arc<Turn>) -> Self {
        turn.state().serving += 1;
        Self(turn)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.serving -= 1;
        state.settle();
    }
}

/// While it lives, a request that is being served waits for its body.
pub struct Receiving(Arc<Turn>);

impl Receiving {
    pub fn new(turn: Arc<Turn>) -> Self {
        let mut state = turn.state();
        state.receiving += 1;
        state.settle();
        drop(state);
        Self(turn)
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.state().receiving -= 1;
    }
}

/// Wakes the task of a connection when the client's deadline has passed.
///
/// The timer is reset only when the deadline moves closer or the timer has fired, so a request does not touch it.
pub struct Watch {
    turn: Arc<Turn>,
    timer: Pin<Box<Sleep>>,
}

impl Watch {
    pub fn new(turn: Arc<Turn>, limits: &Limits) -> Self {
        Self {
            turn,
            timer: Box::pin(sleep(limits.headers)),
        }
    }

    /// Ready when the client's time is over. To be called after each step of the connection.
    pub fn poll(&mut self, context: &mut Context<'_>, limits: &Limits) -> Poll<()> {
        loop {
            let deadline = self.turn.state().deadline(limits);
            if let Some(deadline) = deadline.filter(|deadline| *deadline < self.timer.deadline()) {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(context));
            let now = Instant::now();
            let mut state = self.turn.state();
            let next = match state.deadline(limits) {
                None => now + limits.idle,
                Some(deadline) if deadline > now => deadline,
                Some(_) => {
                    if !limits.allow(state.taken, state.due.limit(limits)) {
                        return Poll::Ready(());
                    }
                    let due = state.due;
                    state.begin(due);
                    continue;
                }
            };
            drop(state);
            self.timer.as_mut().reset(next);
        }
    }
}
