//! Deletes expired rows: rate-limit counters, sessions, one-time tokens and known devices.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now};

/// The shortest time between two sweeps.
const PAUSE: Duration = Duration::from_secs(60);
/// The most counts of attempts that outlive a sweep; beyond that the ones with the fewest attempts go, and of
/// those the ones that would expire first: nobody can push out the counts that matter by making many new ones.
const COUNTS_MAX: i64 = 100_000;

/// Sweeps when there was something to do. While nobody comes it leaves the database alone, so that it may sleep.
pub struct Sweeper(mpsc::Sender<()>);

impl Sweeper {
    /// Sweeps once now. The task behind it ends when the `Sweeper` is dropped.
    pub fn start(db: Db) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(sweep_on(db, receiver));
        let sweeper = Self(sender);
        sweeper.wake();
        sweeper
    }

    /// Something was stored that expires.
    pub fn wake(&self) {
        // When one is waiting, the next sweep comes anyway.
        let _ = self.0.try_send(());
    }
}

async fn sweep_on(db: Db, mut calls: mpsc::Receiver<()>) {
    while calls.recv().await.is_some() {
        if let Err(error) = db.transact(Sweep).await.map_err(DbError::from) {
            tracing::warn!(%error, "what has expired was not removed; trying again later");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

struct Sweep;

impl Transaction for Sweep {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        const EXPIRED: [&str; 4] = [
            "DELETE FROM throttles WHERE expires_at <= $1",
            "DELETE FROM sessions WHERE expires_at <= $1",
            "DELETE FROM one_time_tokens WHERE expires_at <= $1",
            "DELETE FROM known_devices WHERE expires_at <= $1",
        ];
        // SQLite knows an offset only with a limit.
        const SURPLUS: &str = "DELETE FROM throttles WHERE key IN (SELECT key FROM throttles \
             ORDER BY hits DESC, expires_at DESC LIMIT 1000000000 OFFSET $1)";
        let now = now();
        for sql in EXPIRED {
            execute!(tx, sqlx::query(sql).bind(now))?;
        }
        execute!(tx, sqlx::query(SURPLUS).bind(COUNTS_MAX))?;
        Ok(())
    }
}
