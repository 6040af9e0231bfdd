//! Serving HTTP/1 and HTTP/2: the accept loop, deadlines and connection limits.
//!
//! On a connection either the server owes the next step (a handler runs) or the client does (a header, a body, taking the
//! response). [`turn`] keeps whose turn it is and since when. A client that lets its time pass loses the connection; a
//! body that is late is an error to the handler that reads it, which answers 408.

mod body;
mod connection;
mod descriptors;
mod stop;
mod turn;

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
pub use stop::{Draining, stop_signal};
use turn::Turn;

/// How long the accept loop rests when it cannot accept, or must not.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A connection is closed in favour of a new one only if its client has been due for this long.
const EVICTION_AGE: Duration = Duration::from_millis(500);

/// How often the log repeats that the server is short of connections or descriptors.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// What a client may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a request header may take from its first byte, and the first one from the opening of the connection.
    pub headers: Duration,
    /// How long a client may take for a body, or for taking a response. It gets as long again whenever it kept [`rate`](Self::rate).
    pub body: Duration,
    /// How long a connection may be open without a request.
    pub idle: Duration,
    /// The least rate of bodies and responses, in bytes per second.
    pub rate: u32,
    /// The most concurrent requests on an HTTP/2 connection.
    pub streams: u32,
    /// The most connections. Beyond that, the one that has waited longest for its client is closed.
    pub connections: usize,
    /// How long requests that are under way may take after the server was told to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(10),
            body: Duration::from_secs(30),
            // Longer than proxies keep an idle connection to a server: nginx does for 60 seconds.
            idle: Duration::from_secs(75),
            rate: 1024,
            streams: 100,
            connections: 10_000,
            grace: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The default, with no more connections than this process may have file descriptors for beside
    /// `database_connections`.
    pub fn of_process(database_connections: u32) -> Self {
        let limits = Self::default();
        Self {
            connections: limits
                .connections
                .min(descriptors::for_connections(database_connections)),
            ..limits
        }
    }
}

/// Serves until `stop` is ready and the requests under way are answered, or `limits.grace` is over.
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
        // One connection beyond the limit is accepted, to detect that a client is waiting.
        let is_full = connections.open.len() > limits.connections && !connections.evict();
        tokio::select! {
            () = &mut stop => break,
            Some(ended) = connections.tasks.join_next_with_id() => {
                connections.open.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
                // It has left its descriptor.
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
    if timeout(limits.grace, finished).await.is_err() {
        tracing::warn!(
            connections = tasks.len(),
            "closing connections whose requests are not finished"
        );
        tasks.shutdown().await;
    }
}

/// The open connections, each served by a task.
struct Connections<E> {
    server: Arc<Server<E>>,
    tasks: JoinSet<()>,
    open: HashMap<Id, (Arc<Turn>, AbortHandle)>,
    last_warning: Option<Instant>,
}

impl<E: Endpoint + 'static> Connections<E> {
    fn open(&mut self, stream: TcpStream, address: SocketAddr) {
        let turn = Arc::new(Turn::new());
        let task = connection::serve(Arc::clone(&self.server), stream, address, Arc::clone(&turn));
        let task = self.tasks.spawn(task);
        self.open.insert(task.id(), (turn, task));
    }

    /// Closes the connection whose client has been due for longest. False if there is none.
    fn evict(&mut self) -> bool {
        let due = self
            .open
            .iter()
            .filter_map(|(id, (turn, _))| Some((turn.client_due_since()?, *id)));
        let oldest = due.min_by_key(|(since, _)| *since);
        let Some((_, id)) = oldest.filter(|(since, _)| since.elapsed() >= EVICTION_AGE) else {
            return false;
        };
        if let Some((_, task)) = self.open.remove(&id) {
            task.abort();
        }
        self.warn("the limit of connections is reached: closing those that wait for their clients");
        true
    }

    /// Logs a warning, unless there was one in the last minute.
    fn warn(&mut self, text: &str) {
        if self.last_warning.is_none_or(|last| last.elapsed() >= WARNING_INTERVAL) {
            self.last_warning = Some(Instant::now());
            tracing::warn!(open = self.open.len(), "{text}");
        }
    }
}
