//! Deadlines for PostgreSQL, and fast answers while it cannot be reached.
//!
//! A connection failure starts a probe on a new connection. While probes fail, pending and new requests fail immediately,
//! and only the probe contacts the database. A single broken connection does not affect other requests.

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

/// A probe that takes longer than this part of the deadline counts as an outage until it succeeds. Connecting to a database
/// that was asleep, or is only slow, takes less.
const PROBE_TIMEOUT: u32 = 3;
/// Pauses between probes. With jitter, the servers of a database do not probe it at the same moment.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_max_delay(Duration::from_secs(1))
    .without_max_times()
    .with_jitter();

/// The circuit breaker of the database. Cheap to clone.
#[derive(Clone)]
pub(super) struct Outage(Arc<Inner>);

struct Inner {
    pool: PgPool,
    options: PgConnectOptions,
    deadline: Duration,
    is_out: watch::Sender<bool>,
    is_probing: AtomicBool,
}

impl Outage {
    /// Watches over `pool`; probes connect by `options`. Nothing may take longer than `deadline`.
    pub(super) fn new(pool: PgPool, options: PgConnectOptions, deadline: Duration) -> Self {
        Self(Arc::new(Inner {
            pool,
            options,
            deadline,
            is_out: watch::Sender::new(false),
            is_probing: AtomicBool::new(false),
        }))
    }

    /// Does `work`, which uses the database, until the deadline or an outage. Whether the work was done is not known then.
    pub(super) async fn guard<T>(&self, work: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
        let mut is_out = self.0.is_out.subscribe();
        let result = tokio::select! {
            biased;
            _ = is_out.wait_for(|is_out| *is_out) => return Err(DbError::Unavailable("the database is unreachable".to_owned())),
            result = timeout(self.0.deadline, work) => result,
        };
        let result = result.unwrap_or_else(|_| {
            let seconds = self.0.deadline.as_secs();
            Err(DbError::Unreachable(format!("no answer within {seconds} s")))
        });
        if let Err(DbError::Unreachable(_)) = result {
            self.suspect();
        }
        result
    }

    /// Starts a probe, unless one is running.
    pub(super) fn suspect(&self) {
        if !self.0.is_probing.swap(true, Ordering::AcqRel) {
            let outage = self.clone();
            tokio::spawn(async move {
                outage.probe_until_over().await;
                outage.0.is_probing.store(false, Ordering::Release);
            });
        }
    }

    async fn probe_until_over(&self) {
        for pause in BACKOFF.build() {
            self.discard_idle();
            if self.0.pool.is_closed() || self.probe().await {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        if self.0.is_out.send_replace(false) {
            tracing::info!("the database can be reached again");
        }
    }

    /// Idle connections may be dead without the pool having noticed.
    fn discard_idle(&self) {
        while let Some(connection) = self.0.pool.try_acquire() {
            drop(connection.detach());
        }
    }

    /// Whether the database can be reached. A probe that takes long declares an outage until it succeeds.
    async fn probe(&self) -> bool {
        let reach = timeout(self.0.deadline, async {
            let mut connection = self.0.options.connect().await?;
            connection.ping().await?;
            connection.close().await
        });
        tokio::pin!(reach);
        let reached = match timeout(self.0.deadline / PROBE_TIMEOUT, &mut reach).await {
            Ok(reached) => reached,
            Err(_) => {
                self.declare("no answer yet");
                reach.await
            }
        };
        match reached {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                self.declare(&error.to_string());
                false
            }
            Err(_) => false,
        }
    }

    fn declare(&self, reason: &str) {
        if !self.0.is_out.send_replace(true) {
            tracing::error!(
                reason,
                "the database cannot be reached; requests are refused until it can"
            );
        }
    }
}
