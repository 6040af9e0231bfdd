//! Deadlines for PostgreSQL, and fast answers while it cannot be reached.
//!
//! A failure of a connection only raises the suspicion of an outage; a probe, on a connection of its own, decides. While
//! probes fail, everything that waits for the database or comes anew fails at once, and one probe after the other asks
//! whether the outage is over. So a single connection that broke fails nobody else, and a database that is away is asked by
//! one instead of by everyone.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::watch;
use tokio::time::timeout;

use super::DbError;

/// A probe that takes longer is an outage until it succeeds.
const PROMPT: Duration = Duration::from_secs(1);
/// The pauses between probes: the first, and the longest; each is twice the one before.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What is known of the way to the database. Cheap to clone.
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
            _ = is_out.wait_for(|is_out| *is_out) => return Err(DbError::Unavailable("the database is away".to_owned())),
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

    /// Finds out whether there is an outage, unless that is under way.
    fn suspect(&self) {
        if !self.0.is_probing.swap(true, Ordering::AcqRel) {
            let outage = self.clone();
            tokio::spawn(async move {
                outage.probe_until_over().await;
                outage.0.is_probing.store(false, Ordering::Release);
            });
        }
    }

    async fn probe_until_over(&self) {
        let mut pause = PAUSES.0;
        while !self.0.pool.is_closed() {
            self.discard_idle();
            if self.probe().await {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
        if self.0.is_out.send_replace(false) {
            tracing::info!("the database can be reached again");
        }
    }

    /// Connections that wait in the pool may be dead without anyone having been told.
    fn discard_idle(&self) {
        while let Some(connection) = self.0.pool.try_acquire() {
            drop(connection.detach());
        }
    }

    /// Whether the database can be reached. It is out meanwhile, if that takes long.
    async fn probe(&self) -> bool {
        let reach = timeout(self.0.deadline, async {
            let mut connection = self.0.options.connect().await?;
            connection.ping().await?;
            connection.close().await
        });
        tokio::pin!(reach);
        let reached = match timeout(PROMPT, &mut reach).await {
            Ok(reached) => reached,
            Err(_) => {
                self.is_out("no answer yet");
                reach.await
            }
        };
        match reached {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                self.is_out(&error.to_string());
                false
            }
            Err(_) => false,
        }
    }

    fn is_out(&self, reason: &str) {
        if !self.0.is_out.send_replace(true) {
            tracing::error!(
                reason,
                "the database cannot be reached; requests are refused until it can"
            );
        }
    }
}
