//! The HTTP/1 and HTTP/2 server: the accept loop, timeouts and connection limits.
//!
//! A connection waits either for the server (a handler runs) or for the client (to send a header or a body, or to receive the
//! response). [`connection_state`] tracks which one, and since when. When the client exceeds a timeout, the connection is closed, except
//! for a request body: then the handler that reads it gets an error and answers 408.

mod body;
mod connection;
mod connection_state;
mod descriptors;
mod stop;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::Endpoint;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use connection::Server;
use connection_state::ConnectionState;
pub use stop::{Draining, stop_signal};

/// Pause of the accept loop after a failed `accept`, or while the connection limit is reached.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Minimum time that a connection must have waited for its client before it is evicted for a new connection.
const EVICTION_AGE: Duration = Duration::from_millis(500);

/// Minimum interval between warnings about the connection limit or failed `accept` calls.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// Timeouts and limits of connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Timeout of a request header, from its first byte; of the first header, from the opening of the connection.
    pub header_timeout: Duration,
    /// Timeout of sending a body or receiving a response. It is extended as long as the client keeps
    /// [`min_rate`](Self::min_rate).
    pub body_timeout: Duration,
    /// Timeout of a connection without a request.
    pub idle_timeout: Duration,
    /// Minimum transfer rate of bodies and responses, in bytes per second.
    pub min_rate: u32,
    /// Maximum number of concurrent requests on an HTTP/2 connection.
    pub max_streams: u32,
    /// Maximum number of connections. Beyond it, the connection that has waited longest for its client is closed.
    pub max_connections: usize,
    /// How long requests in progress may take after shutdown has begun.
    pub grace_period: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            // Longer than the upstream keep-alive of reverse proxies, which is 60 seconds in nginx.
            idle_timeout: Duration::from_secs(75),
            min_rate: 1024,
            max_streams: 100,
            max_connections: 10_000,
            grace_period: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The default, with `max_connections` reduced to what the file descriptor limit of the process allows besides
    /// `database_connections`.
    pub fn for_process(database_connections: u32) -> Self {
        let limits = Self::default();
        Self {
            max_connections: limits
                .max_connections
                .min(descriptors::for_connections(database_connections)),
            ..limits
        }
    }
}

/// Serves until `stop` completes, then waits until requests in progress are answered or `limits.grace_period` has elapsed.
pub async fn serve<E>(listener: TcpListener, endpoint: E, limits: Limits, stop: impl Future<Output = ()>)
where
    E: Endpoint + 'static,
{
    let (stopping, is_stopping) = watch::channel(false);
    let mut connections = Connections {
        server: Arc::new(Server::new(endpoint, limits.clone(), is_stopping)),
        tasks: JoinSet::new(),
        open: HashMap::new(),
        last_warning: None,
    };
    // Whether the last `accept` failed.
    let mut is_failing = false;
    tokio::pin!(stop);
    loop {
        // One connection beyond the limit is accepted, which shows that a client is waiting.
        let is_full = connections.open.len() > limits.max_connections && !connections.evict();
        tokio::select! {
            () = &mut stop => break,
            Some(ended) = connections.tasks.join_next_with_id() => {
                connections.open.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
                // A file descriptor is free again.
                is_failing = false;
            }
            () = sleep(ACCEPT_PAUSE), if is_full || is_failing => is_failing = false,
            accepted = listener.accept(), if !is_full && !is_failing => match accepted {
                Ok((stream, address)) => connections.open(stream, address),
                // The client closed the connection before it was accepted.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    connections.warn(&format!("cannot accept a connection: {error}"));
                    is_failing = true;
                }
            }
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let mut tasks = connections.tasks;
    let finished = async { while tasks.join_next().await.is_some() {} };
    if timeout(limits.grace_period, finished).await.is_err() {
        tracing::warn!(
            connections = tasks.len(),
            "the grace period is over; closing connections with unfinished requests"
        );
        tasks.shutdown().await;
    }
}

/// The open connections, each served by a task.
struct Connections<E> {
    server: Arc<Server<E>>,
    tasks: JoinSet<()>,
    open: HashMap<Id, (Arc<ConnectionState>, AbortHandle)>,
    last_warning: Option<Instant>,
}

impl<E: Endpoint + 'static> Connections<E> {
    fn open(&mut self, stream: TcpStream, address: SocketAddr) {
        let state = Arc::new(ConnectionState::new());
        let task = connection::serve(Arc::clone(&self.server), stream, address, Arc::clone(&state));
        let task = self.tasks.spawn(task);
        self.open.insert(task.id(), (state, task));
    }

    /// Closes the connection that has waited longest for its client. False if there is none.
    fn evict(&mut self) -> bool {
        let waiting = self
            .open
            .iter()
            .filter_map(|(id, (state, _))| Some((state.awaiting_client_since()?, *id)));
        let oldest = waiting.min_by_key(|(since, _)| *since);
        let Some((_, id)) = oldest.filter(|(since, _)| since.elapsed() >= EVICTION_AGE) else {
            return false;
        };
        if let Some((_, task)) = self.open.remove(&id) {
            task.abort();
        }
        self.warn("the connection limit is reached; closing connections that wait for their clients");
        true
    }

    /// Logs a warning, at most one per [`WARNING_INTERVAL`].
    fn warn(&mut self, text: &str) {
        if self.last_warning.is_none_or(|last| last.elapsed() >= WARNING_INTERVAL) {
            self.last_warning = Some(Instant::now());
            tracing::warn!(open = self.open.len(), "{text}");
        }
    }
}
