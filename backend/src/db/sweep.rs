//! Deletes or blanks expired rows in the background, in small transactions, so that other writes run in between.

use std::convert::Infallible;
use std::time::Duration;

use chrono::TimeDelta;

use super::trigger::{Trigger, Triggers};
use super::{Abort, Db, DbError, Transaction, Tx, execute, now};

/// Minimum interval between sweeps.
const INTERVAL_MIN: Duration = Duration::from_secs(60);
/// Maximum number of rows that a transaction deletes or blanks.
const STEP: i64 = 500;

/// Which rows of a table have expired.
#[derive(Clone, Copy)]
pub(crate) struct Expiry {
    /// A statement that deletes or blanks at most `$2` rows that have expired at the time `$1`.
    sql: &'static str,
    /// Rows have expired if their time is longer ago.
    age: TimeDelta,
}

impl Expiry {
    /// Rows expire `age` after the time that `sql` compares with `$1`. The statement affects at most `$2` rows, so it is
    /// repeated until it affects fewer.
    pub(crate) const fn after(age: TimeDelta, sql: &'static str) -> Self {
        Self { sql, age }
    }
}

/// The SQL of an [`Expiry`] that deletes the rows of `$table` whose `$time` is `$1` or earlier and which meet `$filter`, the
/// earliest first. `$key` is the primary key.
macro_rules! delete_expired {
    ($table:literal, $key:literal, $time:literal) => {
        $crate::db::sweep::delete_expired!($table, $key, $time, "TRUE")
    };
    ($table:literal, $key:literal, $time:literal, $filter:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE (",
            $key,
            ") IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ",
            $filter,
            " AND ",
            $time,
            " <= $1 ORDER BY ",
            $time,
            " LIMIT $2)"
        )
    };
}
pub(crate) use delete_expired;

/// Sweeps on demand only, so that an idle serverless database can suspend. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sweeper(Trigger);

impl Sweeper {
    /// Spawns the task that sweeps, and triggers the first sweep. The task ends when the last `Sweeper` is dropped.
    pub(crate) fn start(db: Db, expiries: Vec<Expiry>) -> Self {
        let (trigger, triggers) = Trigger::new();
        tokio::spawn(run(db, expiries, triggers));
        let sweeper = Self(trigger);
        sweeper.trigger();
        sweeper
    }

    /// Triggers a sweep, because rows that expire were stored.
    pub(crate) fn trigger(&self) {
        self.0.fire();
    }
}

async fn run(db: Db, expiries: Vec<Expiry>, mut triggers: Triggers) {
    while triggers.next().await {
        if let Err(error) = sweep(&db, &expiries).await {
            tracing::warn!(%error, "deleting expired rows failed; the next sweep continues");
        }
        db.erase_deleted();
        tokio::time::sleep(INTERVAL_MIN).await;
    }
}

async fn sweep(db: &Db, expiries: &[Expiry]) -> Result<(), DbError> {
    for expiry in expiries {
        while db.transact(Step(*expiry)).await? == STEP as u64 {}
    }
    Ok(())
}

/// Deletes or blanks at most [`STEP`] rows. The output is their number.
struct Step(Expiry);

impl Transaction for Step {
    type Output = u64;
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<u64, Abort<Infallible>> {
        let Expiry { sql, age } = self.0;
        Ok(execute!(tx, sqlx::query(sql).bind(now() - age).bind(STEP))?)
    }
}
