//! The WAL of SQLite: copying it into the database file, so that deleted content remains in neither.

use std::time::Duration;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;

use super::DbError;
use super::lease::Lease;
use super::trigger::{Trigger, Triggers};

/// Minimum interval between two attempts.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Copies the WAL into the database file and truncates it. False if other processes or reads in progress prevented it.
pub(super) async fn truncate(connection: &mut SqliteConnection) -> Result<bool, DbError> {
    const SQL: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
    let (is_busy, _, _): (bool, i64, i64) = sqlx::query_as(SQL).fetch_one(connection).await?;
    Ok(!is_busy)
}

/// Spawns the task that truncates the WAL on demand. `pool` has the write connection. The task ends when the last [`Trigger`] is
/// dropped.
pub(super) fn start(pool: SqlitePool) -> Trigger {
    let (trigger, triggers) = Trigger::new();
    tokio::spawn(run(pool, triggers));
    trigger
}

async fn run(pool: SqlitePool, mut triggers: Triggers) {
    while triggers.next().await {
        loop {
            let truncated = try_truncate(&pool).await;
            if pool.is_closed() {
                return;
            }
            if let Err(error) = &truncated {
                tracing::warn!(%error, "the WAL cannot be truncated; deleted content remains in it until the next attempt");
            }
            tokio::time::sleep(INTERVAL_MIN).await;
            if matches!(truncated, Ok(true) | Err(_)) {
                break;
            }
        }
    }
}

/// Truncates the WAL, unless a read takes longer than a moment. Writes wait for it.
async fn try_truncate(pool: &SqlitePool) -> Result<bool, DbError> {
    // Dropping the lease closes the connection, so the short timeout applies to no write.
    let mut lease = Lease::acquire(pool).await?;
    sqlx::query("PRAGMA busy_timeout = 100").execute(&mut *lease).await?;
    truncate(&mut lease).await
}
