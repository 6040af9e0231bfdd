//! The table `throttles`: rate limit counters.

use std::convert::Infallible;

use sqlx::{AssertSqlSafe, FromRow};

use crate::accounts::rate_limit_policy::{Counter, OnSuccess, Refusal, Tally};
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now, on_database};

/// A row of `throttles`.
#[derive(FromRow)]
struct CounterRow {
    key: Vec<u8>,
    #[sqlx(flatten)]
    tally: Tally,
}

/// Counts one attempt, unless the limit is exceeded.
pub(super) async fn count(tx: &mut Tx<'_>, counter: &Counter) -> Result<Result<Tally, Refusal>, DbError> {
    // The no-op update locks an existing row, so that concurrent transactions wait here.
    const LOCK: &str = "INSERT INTO throttles (key, hits, retry_at, expires_at) VALUES ($1, 0, $2, $2) \
         ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING hits, retry_at, expires_at";
    const STORE: &str = "UPDATE throttles SET hits = $2, retry_at = $3, expires_at = $4 WHERE key = $1";
    let Counter { policy, key } = counter;
    let before: Tally = on_database!(tx, c => c.one(sqlx::query(LOCK).bind(key.as_slice()).bind(now())).await)?;
    let counted = policy.count(before, now());
    if let Ok(after) = &counted {
        execute!(
            tx,
            sqlx::query(STORE)
                .bind(key.as_slice())
                .bind(after.hits)
                .bind(after.retry_at)
                .bind(after.expires_at)
        )?;
    }
    Ok(counted)
}

struct Count(Vec<Counter>);

impl Transaction for Count {
    type Output = ();
    type Refusal = Refusal;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Refusal>> {
        let mut refusal: Option<Refusal> = None;
        for counter in &self.0 {
            match count(tx, counter).await? {
                Err(other) if refusal.is_none_or(|refusal| refusal.wait < other.wait) => refusal = Some(other),
                Ok(_) | Err(_) => {}
            }
        }
        refusal.map_or(Ok(()), |refusal| Err(Abort::Refused(refusal)))
    }
}

struct Uncount {
    counters: Vec<Counter>,
    succeeded: bool,
}

impl Transaction for Uncount {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        const RESET: &str = "DELETE FROM throttles WHERE key = $1";
        const DECREMENT: &str = "UPDATE throttles SET hits = hits - 1, retry_at = $2 WHERE key = $1 AND hits > 0";
        for Counter { policy, key } in &self.counters {
            let past = chrono::DateTime::UNIX_EPOCH;
            match policy.on_success {
                OnSuccess::Keep if self.succeeded => {}
                OnSuccess::Reset if self.succeeded => {
                    execute!(tx, sqlx::query(RESET).bind(key.as_slice()))?;
                }
                _ => {
                    execute!(tx, sqlx::query(DECREMENT).bind(key.as_slice()).bind(past))?;
                }
            }
        }
        Ok(())
    }
}

impl Db {
    /// The exceeded limit with the longest time to wait, if any. It is only read, so that attempts that are refused anyway do not
    /// delay the writes of others.
    pub async fn exceeded(&self, counters: &[Counter]) -> Result<Option<Refusal>, DbError> {
        let parameters: Vec<String> = (1..=counters.len()).map(|number| format!("${number}")).collect();
        let parameters = parameters.join(", ");
        let sql = format!("SELECT key, hits, retry_at, expires_at FROM throttles WHERE key IN ({parameters})");
        let rows: Vec<CounterRow> = on_database!(self.read(), db => {
            // The SQL contains numbers of parameters only.
            let query = sqlx::query(AssertSqlSafe(sql));
            let query = counters.iter().fold(query, |query, counter| query.bind(counter.key.as_slice()));
            db.all(query).await
        })?;
        let now = now();
        let refusal = |Counter { policy, key }: &Counter| {
            let row = rows.iter().find(|row| row.key == key)?;
            policy.count(row.tally, now).err()
        };
        Ok(counters.iter().filter_map(refusal).max_by_key(|refusal| refusal.wait))
    }

    /// Increments all `counters`, which must be sorted by key, or none if a limit is exceeded. The refusal is the one with the
    /// longest time to wait.
    pub async fn count(&self, counters: Vec<Counter>) -> Result<(), Abort<Refusal>> {
        self.transact(Count(counters)).await
    }

    /// Decrements all `counters`, which must be sorted by key. If the attempt `succeeded`, [`OnSuccess`] applies instead.
    pub async fn uncount(&self, counters: Vec<Counter>, succeeded: bool) -> Result<(), DbError> {
        if counters.is_empty() {
            return Ok(());
        }
        Ok(self.transact(Uncount { counters, succeeded }).await?)
    }
}
