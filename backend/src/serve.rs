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
use std::collections::hash_map::Entry;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use poem::Endpoint;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use crate::network::network;
use connection::Server;
use connection_state::ConnectionState;
pub use stop::{Draining, stop_signal};

/// Pause of the accept loop after a failed `accept`, or while the connection limit is reached.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Minimum time that a connection must have waited for its client before it is evicted for a new connection.
const EVICTION_AGE: Duration = Duration::from_millis(500);

/// The prefix length of the IPv6 network by which clients are counted: that of one subscriber.
const CLIENT_PREFIX: u8 = 64;
/// The share of all connections that one client can have.
const CLIENT_SHARE: usize = 4;

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
    /// Maximum number of connections of a client: an IPv4 address, or a /64 network of IPv6. Beyond it, the connection of the
    /// client that has waited longest for the client is closed, or the new one if none waits.
    pub max_connections_per_client: usize,
    /// Networks without a maximum per client, because they forward connections of many clients.
    pub trusted_proxies: Arc<[IpNet]>,
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
            max_connections_per_client: 10_000 / CLIENT_SHARE,
            trusted_proxies: Arc::default(),
            grace_period: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The default, with the numbers of connections reduced to what the file descriptor limit of the process allows besides
    /// `database_connections`.
    pub fn for_process(database_connections: u32, trusted_proxies: &[IpNet]) -> Self {
        let limits = Self::default();
        let max_connections = limits
            .max_connections
            .min(descriptors::for_connections(database_connections));
        Self {
            max_connections,
            max_connections_per_client: (max_connections / CLIENT_SHARE).max(1),
            trusted_proxies: trusted_proxies.into(),
            ..limits
        }
    }

    /// The client of a connection; none if it is a trusted proxy.
    fn client(&self, address: IpAddr) -> Option<IpNet> {
        let address = address.to_canonical();
        let is_proxy = self.trusted_proxies.iter().any(|proxies| proxies.contains(&address));
        (!is_proxy).then(|| network(address, CLIENT_PREFIX))
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
        of_client: HashMap::new(),
        limits: limits.clone(),
        last_warning: None,
    };
    // Whether the last `accept` failed.
    let mut is_failing = false;
    tokio::pin!(stop);
    loop {
        // One connection beyond the limit is accepted, which shows that a client is waiting.
        let is_full = connections.open.len() > limits.max_connections && !connections.make_room();
        tokio::select! {
            () = &mut stop => break,
            Some(ended) = connections.tasks.join_next_with_id() => {
                connections.remove(ended.map_or_else(|error| error.id(), |(id, ())| id));
                // A file descriptor is free again.
                is_failing = false;
            }
            () = sleep(ACCEPT_PAUSE), if is_full || is_failing => is_failing = false,
            accepted = listener.accept(), if !is_full && !is_failing => match accepted {
                Ok((stream, address)) => connections.accept(stream, address),
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

/// An open connection.
struct Connection {
    state: Arc<ConnectionState>,
    task: AbortHandle,
    /// None for a trusted proxy.
    client: Option<IpNet>,
}

/// The open connections, each served by a task.
struct Connections<E> {
    server: Arc<Server<E>>,
    tasks: JoinSet<()>,
    open: HashMap<Id, Connection>,
    /// The number of open connections of each client.
    of_client: HashMap<IpNet, usize>,
    limits: Limits,
    last_warning: Option<Instant>,
}

impl<E: Endpoint + 'static> Connections<E> {
    /// Serves a connection, unless its client has too many.
    fn accept(&mut self, stream: TcpStream, address: SocketAddr) {
        let client = self.limits.client(address.ip());
        if let Some(client) = client
            && self.of_client.get(&client).copied().unwrap_or_default() >= self.limits.max_connections_per_client
        {
            self.warn("a client has reached its connection limit; closing its connections that wait for it");
            if !self.evict(Duration::ZERO, |connection| connection.client == Some(client)) {
                return;
            }
        }
        let state = Arc::new(ConnectionState::new());
        let task = connection::serve(Arc::clone(&self.server), stream, address, Arc::clone(&state));
        let task = self.tasks.spawn(task);
        if let Some(client) = client {
            *self.of_client.entry(client).or_default() += 1;
        }
        self.open.insert(task.id(), Connection { state, task, client });
    }

    /// Forgets a connection. None if it is already forgotten.
    fn remove(&mut self, id: Id) -> Option<Connection> {
        let connection = self.open.remove(&id)?;
        if let Some(client) = connection.client
            && let Entry::Occupied(mut count) = self.of_client.entry(client)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        Some(connection)
    }

    /// Closes a connection that waits for its client, to accept a new one. False if there is none.
    fn make_room(&mut self) -> bool {
        let has_room = self.evict(EVICTION_AGE, |_| true);
        if has_room {
            self.warn("the connection limit is reached; closing connections that wait for their clients");
        }
        has_room
    }

    /// Closes the connection that has waited longest for its client, of those that `is_candidate`. False if none has waited for
    /// `min_age`.
    fn evict(&mut self, min_age: Duration, is_candidate: impl Fn(&Connection) -> bool) -> bool {
        let candidates = self.open.iter().filter(|(_, connection)| is_candidate(connection));
        let waiting = candidates.filter_map(|(id, connection)| Some((connection.state.awaiting_client_since()?, *id)));
        let oldest = waiting.min_by_key(|(since, _)| *since);
        let Some((_, id)) = oldest.filter(|(since, _)| since.elapsed() >= min_age) else {
            return false;
        };
        if let Some(connection) = self.remove(id) {
            connection.task.abort();
        }
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
