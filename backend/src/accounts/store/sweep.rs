//! Deletes expired rows: rate-limit counters, sessions, one-time tokens, links, pending sign-ups,
//! known devices, and events without an account.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now};

/// Minimum interval between sweeps.
const INTERVAL_MIN: Duration = Duration::from_secs(60);
/// Maximum number of rate-limit counters after a sweep. Counters with the fewest attempts are deleted first, and of those the
/// ones that expire first, so that an attacker cannot displace important counters by creating many new ones.
const COUNTERS_MAX: i64 = 100_000;

/// Sweeps on demand only, so that an idle serverless database can suspend.
pub struct Sweeper(mpsc::Sender<()>);

impl Sweeper {
    /// Spawns the task that sweeps, and triggers the first sweep. The task ends when the `Sweeper` is dropped.
    pub fn start(db: Db) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(run(db, receiver));
        let sweeper = Self(sender);
        sweeper.trigger();
        sweeper
    }

    /// Triggers a sweep, because rows that expire were stored.
    pub fn trigger(&self) {
        // If the channel is full, a sweep is already triggered.
        let _ = self.0.try_send(());
    }
}

async fn run(db: Db, mut triggers: mpsc::Receiver<()>) {
    while triggers.recv().await.is_some() {
        if let Err(error) = db.transact(Sweep).await.map_err(DbError::from) {
            tracing::warn!(%error, "deleting expired rows failed; retrying later");
        }
        tokio::time::sleep(INTERVAL_MIN).await;
    }
}

struct Sweep;

impl Transaction for Sweep {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        const EXPIRED: [&str; 7] = [
            "DELETE FROM throttles WHERE expires_at <= $1",
            "DELETE FROM sessions WHERE expires_at <= $1",
            "DELETE FROM one_time_tokens WHERE expires_at <= $1",
            "DELETE FROM known_devices WHERE expires_at <= $1",
            "DELETE FROM email_links WHERE expires_at <= $1",
            "DELETE FROM pending_sign_ups WHERE expires_at <= $1",
            "DELETE FROM events_without_account WHERE expires_at <= $1",
        ];
        // SQLite requires a limit before an offset.
        const SURPLUS: &str = "DELETE FROM throttles WHERE key IN (SELECT key FROM throttles \
             ORDER BY hits DESC, expires_at DESC LIMIT 1000000000 OFFSET $1)";
        let now = now();
        for sql in EXPIRED {
            execute!(tx, sqlx::query(sql).bind(now))?;
        }
        execute!(tx, sqlx::query(SURPLUS).bind(COUNTERS_MAX))?;
        Ok(())
    }
}
