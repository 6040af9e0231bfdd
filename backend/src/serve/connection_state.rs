//! Whether a connection waits for the client or the server, and the deadline of the client.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::Limits;

/// Timeout of a graceful close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The state of a connection, shared by its task and its requests.
pub struct ConnectionState(Mutex<Inner>);

struct Inner {
    /// The number of requests in progress.
    serving: usize,
    /// The number of these whose handler waits for the request body. [`super::body`] enforces their timeout.
    receiving: usize,
    /// What the client has to do next, if both counts are 0.
    awaited: Awaited,
    /// The start of the current timeout. [`Watchdog`] sets it at its next poll, so that a request whose header arrives in one
    /// piece reads the clock only once.
    since: Option<Instant>,
    /// The number of response bytes that were sent since then.
    sent: u64,
}

/// What the client has to do next.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Awaited {
    /// Send the rest of a request header, or the whole of the first one.
    Header,
    /// Send another request; the connection is idle.
    Request,
    /// Receive the response: the send buffer of the socket is full.
    Receive,
    /// Close the connection.
    Close,
}

impl ConnectionState {
    /// The state of a new connection.
    pub fn new() -> Self {
        Self(Mutex::new(Inner {
            serving: 0,
            receiving: 0,
            awaited: Awaited::Header,
            since: Some(Instant::now()),
            sent: 0,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when the connection has waited for the client only; none while a request waits for the server.
    pub fn awaiting_client_since(&self) -> Option<Instant> {
        let state = self.lock();
        state.since.filter(|_| !state.is_server_busy())
    }

    /// Records that bytes were received.
    pub fn read(&self) {
        let mut state = self.lock();
        if state.serving == 0 && state.awaited == Awaited::Request {
            state.begin(Awaited::Header);
        }
    }

    /// Records that `bytes` were written; 0 means that the send buffer is full.
    pub fn wrote(&self, bytes: usize) {
        let mut state = self.lock();
        state.sent += bytes as u64;
        state.awaited = match (state.awaited, bytes) {
            (Awaited::Request, 0) => Awaited::Receive,
            (Awaited::Receive, 1..) => Awaited::Request,
            (awaited, _) => awaited,
        };
    }

    /// Records that a graceful close has begun.
    pub fn close(&self) {
        self.lock().begin(Awaited::Close);
    }
}

impl Inner {
    fn begin(&mut self, awaited: Awaited) {
        self.awaited = awaited;
        self.since = None;
        self.sent = 0;
    }

    fn is_server_busy(&self) -> bool {
        self.serving > self.receiving
    }

    /// Starts the client's timeout if no request waits for the server.
    fn update(&mut self) {
        if !self.is_server_busy() {
            let awaited = if self.awaited == Awaited::Close {
                Awaited::Close
            } else {
                Awaited::Request
            };
            self.begin(awaited);
        }
    }

    /// The client's deadline; none while a request is in progress.
    fn deadline(&mut self, limits: &Limits) -> Option<Instant> {
        let since = *self.since.get_or_insert_with(Instant::now);
        (self.serving + self.receiving == 0).then(|| since + self.awaited.limit(limits))
    }
}

impl Awaited {
    fn limit(self, limits: &Limits) -> Duration {
        match self {
            Self::Header => limits.header_timeout,
            Self::Request => limits.idle_timeout,
            Self::Receive => limits.body_timeout,
            Self::Close => CLOSE_TIMEOUT,
        }
    }
}

impl Limits {
    /// Whether `bytes` in `time` are at least the minimum rate.
    pub(super) fn meets_min_rate(&self, bytes: u64, time: Duration) -> bool {
        u128::from(bytes) * 1000 >= u128::from(self.min_rate) * time.as_millis()
    }
}

/// Counts a request as in progress until it is dropped.
pub struct ServingGuard(Arc<ConnectionState>);

impl ServingGuard {
    pub fn new(state: Arc<ConnectionState>) -> Self {
        state.lock().serving += 1;
        Self(state)
    }
}

impl Drop for ServingGuard {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.serving -= 1;
        state.update();
    }
}

/// Counts a request as waiting for its body until it is dropped.
pub struct ReceivingGuard(Arc<ConnectionState>);

impl ReceivingGuard {
    pub fn new(state: Arc<ConnectionState>) -> Self {
        let mut inner = state.lock();
        inner.receiving += 1;
        inner.update();
        drop(inner);
        Self(state)
    }
}

impl Drop for ReceivingGuard {
    fn drop(&mut self) {
        self.0.lock().receiving -= 1;
    }
}

/// Enforces the client's deadline.
///
/// The timer is reset only when the deadline moves closer or the timer has fired, so most requests do not touch it.
pub struct Watchdog {
    state: Arc<ConnectionState>,
    timer: Pin<Box<Sleep>>,
}

impl Watchdog {
    pub fn new(state: Arc<ConnectionState>, limits: &Limits) -> Self {
        Self {
            state,
            timer: Box::pin(sleep(limits.header_timeout)),
        }
    }

    /// Ready when the client has exceeded its deadline. Must be polled after each poll of the connection.
    pub fn poll(&mut self, context: &mut Context<'_>, limits: &Limits) -> Poll<()> {
        loop {
            let deadline = self.state.lock().deadline(limits);
            if let Some(deadline) = deadline.filter(|deadline| *deadline < self.timer.deadline()) {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(context));
            let now = Instant::now();
            let mut state = self.state.lock();
            let next = match state.deadline(limits) {
                None => now + limits.idle_timeout,
                Some(deadline) if deadline > now => deadline,
                Some(_) => {
                    if !limits.meets_min_rate(state.sent, state.awaited.limit(limits)) {
                        return Poll::Ready(());
                    }
                    let awaited = state.awaited;
                    state.begin(awaited);
                    continue;
                }
            };
            drop(state);
            self.timer.as_mut().reset(next);
        }
    }
}
