//! The circuit breaker of PostgreSQL: a deadline for every operation, and immediate failures during an outage.
//!
//! A connection failure starts a probe on a new connection. While probes fail, the breaker is open: pending and new operations
//! fail immediately, and only the probe contacts the database. A single broken connection does not open the breaker.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::watch;
use tokio::time::timeout;

use super::DbError;

/// A probe that takes longer than the deadline divided by this opens the breaker. Connecting to a suspended or slow database
/// takes less.
const PROBE_TIMEOUT_DIVISOR: u32 = 3;
/// Pauses between probes. With jitter, the servers of a database do not probe it at the same moment.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_max_delay(Duration::from_secs(1))
    .without_max_times()
    .with_jitter();

/// The circuit breaker of the database. Cheap to clone.
#[derive(Clone)]
pub(super) struct CircuitBreaker(Arc<Inner>);

struct Inner {
    pool: PgPool,
    options: PgConnectOptions,
    deadline: Duration,
    is_open: watch::Sender<bool>,
    is_probing: AtomicBool,
}

impl CircuitBreaker {
    /// A closed breaker for `pool`. Probes connect with `options`. `deadline` is the timeout of every operation.
    pub(super) fn new(pool: PgPool, options: PgConnectOptions, deadline: Duration) -> Self {
        Self(Arc::new(Inner {
            pool,
            options,
            deadline,
            is_open: watch::Sender::new(false),
            is_probing: AtomicBool::new(false),
        }))
    }

    /// Runs an operation until the deadline, or until the breaker opens. Whether a write was committed is unknown in both
    /// cases.
    pub(super) async fn run<T>(&self, operation: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
        let mut is_open = self.0.is_open.subscribe();
        let result = tokio::select! {
            biased;
            _ = is_open.wait_for(|is_open| *is_open) => return Err(DbError::Unavailable("the database is unreachable".to_owned())),
            result = timeout(self.0.deadline, operation) => result,
        };
        let result = result.unwrap_or_else(|_| {
            let seconds = self.0.deadline.as_secs();
            Err(DbError::Unreachable(format!("no response within {seconds} s")))
        });
        if let Err(DbError::Unreachable(_)) = result {
            self.start_probe();
        }
        result
    }

    /// Starts probing in the background, unless a probe is running.
    pub(super) fn start_probe(&self) {
        if !self.0.is_probing.swap(true, Ordering::AcqRel) {
            let breaker = self.clone();
            tokio::spawn(async move {
                breaker.probe_until_reachable().await;
                breaker.0.is_probing.store(false, Ordering::Release);
            });
        }
    }

    async fn probe_until_reachable(&self) {
        for pause in BACKOFF.build() {
            self.discard_idle();
            if self.0.pool.is_closed() || self.probe().await {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        if self.0.is_open.send_replace(false) {
            tracing::info!("the database is reachable again");
        }
    }

    /// Closes idle connections, which may be dead without the pool knowing it.
    fn discard_idle(&self) {
        while let Some(connection) = self.0.pool.try_acquire() {
            drop(connection.detach());
        }
    }

    /// Whether the database is reachable. Opens the breaker if the probe fails or is slow.
    async fn probe(&self) -> bool {
        let probe = timeout(self.0.deadline, async {
            let mut connection = self.0.options.connect().await?;
            connection.ping().await?;
            connection.close().await
        });
        tokio::pin!(probe);
        let result = match timeout(self.0.deadline / PROBE_TIMEOUT_DIVISOR, &mut probe).await {
            Ok(result) => result,
            Err(_) => {
                self.open("no response yet");
                probe.await
            }
        };
        match result {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                self.open(&error.to_string());
                false
            }
            Err(_) => false,
        }
    }

    fn open(&self, reason: &str) {
        if !self.0.is_open.send_replace(true) {
            tracing::error!(
                reason,
                "the database is unreachable; requests fail until it is reachable"
            );
        }
    }
}
