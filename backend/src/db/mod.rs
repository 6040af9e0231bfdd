//! The database: connecting, migrating, reading, and writing in transactions. It knows no table; the statements are in
//! `accounts::store` and `tasks::store`.
//!
//! A statement is written once and runs on SQLite and on PostgreSQL through the `on_database!` macro. It lists its columns,
//! because a newer version may add columns while this one runs.

pub mod backup;
mod certificate;
mod circuit_breaker;
mod group_commit;
mod lease;
mod postgres;
mod schema;
mod sqlite;
mod sqlite_file;
mod statement;
pub(crate) mod sweep;
mod trigger;
mod wal;

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use sqlx::postgres::{PgDatabaseError, Postgres};
use sqlx::sqlite::Sqlite;
use sqlx::{Database, Execute, Executor, FromRow, Pool};

use crate::config::DatabaseConfig;
use crate::fault::Fault;
use circuit_breaker::CircuitBreaker;
use lease::Lease;
use postgres::PostgresDb;
use sqlite::SqliteDb;
use statement::Statements;

/// Evaluates the same expression on the database in use; `$c` is a [`Reader`] or [`Statements`].
macro_rules! on_database {
    ($database:expr, $c:ident => $body:expr) => {
        match $database {
            $crate::db::OnDatabase::Sqlite($c) => $body,
            $crate::db::OnDatabase::Postgres($c) => $body,
        }
    };
}
pub(crate) use on_database;

/// Runs a statement that returns no rows. The result is the number of affected rows.
macro_rules! execute {
    ($tx:expr, $query:expr) => {
        $crate::db::on_database!($tx, c => c.execute($query).await.map(|done| done.rows_affected()))
    };
}
pub(crate) use execute;

/// A value of the database in use: its SQLite or its PostgreSQL variant.
#[derive(Clone)]
pub(crate) enum OnDatabase<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// An open transaction, in which statements run.
pub(crate) type Tx<'a> = OnDatabase<Statements<'a, Sqlite>, Statements<'a, Postgres>>;

/// Maximum number of retries of a migration at start-up, and of a transaction after a serialization failure.
const MAX_RETRIES: usize = 5;
/// Timeout of the readiness check.
const READY_TIMEOUT: Duration = Duration::from_millis(800);

/// Timeout of closing the database.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A transient failure, such as an overloaded or a read-only database. A retry may succeed. Whether a write was committed
    /// is unknown.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Like [`DbError::Unavailable`], because the connection broke or timed out. The connection must be closed.
    #[error("the database does not respond: {0}")]
    Unreachable(String),
    /// The schema is not the one of this version. The message says what to do.
    #[error("{0}")]
    Schema(&'static str),
    /// A serialization failure (40001) or a deadlock (40P01). The transaction was rolled back and can be retried.
    #[error("the transaction failed to serialize: {0}")]
    SerializationFailure(String),
    /// The code of a transaction panicked: a bug.
    #[error("a transaction panicked")]
    Panicked,
    /// The database rejected the statement, which is a bug.
    #[error(transparent)]
    Failed(sqlx::Error),
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(reason) | DbError::Unreachable(reason) | DbError::SerializationFailure(reason) => {
                Self::unavailable(reason)
            }
            DbError::Schema(reason) => Self::internal(reason),
            DbError::Panicked => Self::internal(error.to_string()),
            DbError::Failed(error) => Self::internal("the database rejected a statement").caused_by(error),
        }
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unreachable(error.to_string()),
            sqlx::Error::Database(database) if is_stale_statement(database.as_ref()) => {
                Self::Unreachable(error.to_string())
            }
            sqlx::Error::Database(database) if matches!(database.code().as_deref(), Some("40001" | "40P01")) => {
                Self::SerializationFailure(error.to_string())
            }
            sqlx::Error::Database(database) if is_transient(database.code().unwrap_or_default().as_ref()) => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Failed(error),
        }
    }
}

/// Whether PostgreSQL rejects a cached prepared statement because a column changed its type. A new connection prepares the
/// statement again.
fn is_stale_statement(error: &(dyn sqlx::error::DatabaseError + 'static)) -> bool {
    let error = error.try_downcast_ref::<PgDatabaseError>();
    error.is_some_and(|error| error.routine() == Some("RevalidateCachedQuery"))
}

/// Whether the error code means a transient condition of the database and not a wrong statement.
fn is_transient(code: &str) -> bool {
    match code.len() {
        // PostgreSQL: read-only transaction, and the classes connection exception, insufficient resources, operator intervention.
        5 => code == "25006" || ["08", "53", "57"].iter().any(|class| code.starts_with(class)),
        // SQLite, primary result code in the low byte: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
        _ => code
            .parse()
            .is_ok_and(|code: u32| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14)),
    }
}

/// The statements of one transaction.
pub(crate) trait Transaction: Send + Sync + 'static {
    /// The result, which is returned once the transaction is durable.
    type Output: Send + Sync + 'static;
    /// Why the transaction may be rolled back deliberately; [`Infallible`] if it never is.
    type Refusal: Send + 'static;

    /// Runs the statements. It is called again after a serialization failure. An error rolls the transaction back. After a
    /// [`DbError`] no further statement may run, because it might be outside of the transaction.
    fn apply(&self, tx: &mut Tx<'_>) -> impl Future<Output = Result<Self::Output, Abort<Self::Refusal>>> + Send;

    /// Called once, after the commit, even if the request was cancelled.
    fn committed(&self, _output: &Self::Output) {}
}

/// Why a transaction was rolled back.
#[derive(Debug)]
pub enum Abort<R> {
    /// Deliberately: the rows are not in the required state.
    Refused(R),
    /// The database failed.
    Failed(DbError),
}

impl<R> From<DbError> for Abort<R> {
    fn from(error: DbError) -> Self {
        Self::Failed(error)
    }
}

impl From<Abort<Infallible>> for DbError {
    fn from(abort: Abort<Infallible>) -> Self {
        match abort {
            Abort::Refused(never) => match never {},
            Abort::Failed(error) => error,
        }
    }
}

impl<R> Abort<R> {
    /// Separates a failure of the database from a refusal.
    fn split<T>(result: Result<T, Self>) -> Result<Result<T, R>, DbError> {
        match result {
            Ok(output) => Ok(Ok(output)),
            Err(Self::Refused(refusal)) => Ok(Err(refusal)),
            Err(Self::Failed(error)) => Err(error),
        }
    }

    /// The inverse of [`Abort::split`].
    fn join<T>(result: Result<Result<T, R>, DbError>) -> Result<T, Self> {
        match result {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(refusal)) => Err(Self::Refused(refusal)),
            Err(error) => Err(Self::Failed(error)),
        }
    }
}

/// A connected database with the schema of this version. Cheap to clone.
#[derive(Clone)]
pub struct Db(Backend, Attachment);

type Backend = OnDatabase<SqliteDb, PostgresDb>;

/// A value of a layer above, which all clones of a [`Db`] share.
type Attachment = Arc<OnceLock<Box<dyn Any + Send + Sync>>>;

impl Db {
    /// Connects and runs pending migrations.
    pub async fn connect(config: DatabaseConfig<'_>) -> Result<Self, DbError> {
        let db = Self::new(config)?;
        on_database!(&db.0, backend => backend.migrate().await)?;
        Ok(db)
    }

    /// Connects without migrating. Fails with [`DbError::Schema`] if the schema is not the one of this version.
    pub async fn open(config: DatabaseConfig<'_>) -> Result<Self, DbError> {
        let db = Self::new(config)?;
        on_database!(&db.0, backend => backend.check_schema().await)?;
        Ok(db)
    }

    fn new(config: DatabaseConfig<'_>) -> Result<Self, DbError> {
        let backend = if config.url.starts_with("sqlite:") {
            OnDatabase::Sqlite(SqliteDb::new(config.url, config.max_connections)?)
        } else {
            OnDatabase::Postgres(PostgresDb::new(&config)?)
        };
        Ok(Self(backend, Attachment::default()))
    }

    /// Attaches a value that transactions of a layer above need after their commit. Only the first one is kept.
    pub(crate) fn attach<T: Any + Send + Sync>(&self, value: T) {
        let _ = self.1.set(Box::new(value));
    }

    /// The attached value, if it is a `T`.
    pub(crate) fn attached<T: Any>(&self) -> Option<&T> {
        self.1.get()?.downcast_ref()
    }

    /// Waits for pending writes and closes every connection. On SQLite, all data is in the database file afterwards. Later
    /// calls return [`DbError::Unreachable`]. A failure is logged; committed data is already on disk.
    pub async fn close(&self) {
        let closed = async { on_database!(&self.0, backend => backend.close().await) };
        match tokio::time::timeout(CLOSE_TIMEOUT, closed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "closing the database failed"),
            Err(_) => tracing::warn!("closing the database timed out: it was still in use"),
        }
    }

    /// A handle for reading.
    pub(crate) fn read(&self) -> OnDatabase<Reader<'_, Sqlite>, Reader<'_, Postgres>> {
        match &self.0 {
            OnDatabase::Sqlite(db) => OnDatabase::Sqlite(Reader {
                pool: &db.read,
                breaker: None,
            }),
            OnDatabase::Postgres(db) => OnDatabase::Postgres(Reader {
                pool: &db.pool,
                breaker: Some(&db.breaker),
            }),
        }
    }

    /// Applies a transaction and returns once it is durable.
    pub(crate) async fn transact<T: Transaction>(&self, transaction: T) -> Result<T::Output, Abort<T::Refusal>> {
        Abort::join(match &self.0 {
            OnDatabase::Sqlite(db) => db.writer.transact(transaction).await,
            OnDatabase::Postgres(db) => {
                // A task, so that a transaction whose request is cancelled ends as every other.
                let db = db.clone();
                let transacted = tokio::spawn(async move { db.transact(&transaction).await }).await;
                transacted.unwrap_or(Err(DbError::Panicked))
            }
        })
    }

    /// Requests that deleted content be removed from the files of the database. On SQLite the WAL is truncated in the background;
    /// on PostgreSQL nothing happens, because its files are the operator's.
    pub(crate) fn erase_deleted(&self) {
        if let OnDatabase::Sqlite(db) = &self.0 {
            db.truncate_wal.fire();
        }
    }

    /// Recommended number of concurrent batches of a small query. SQLite answers from memory, so one is enough. PostgreSQL has
    /// network latency, which concurrent batches hide.
    pub(crate) fn query_concurrency(&self) -> usize {
        match &self.0 {
            OnDatabase::Sqlite(_) => 1,
            OnDatabase::Postgres(_) => 4,
        }
    }

    /// Checks that the database responds and, on SQLite, that the last write succeeded. Returns within a second.
    pub async fn ready(&self) -> Result<(), DbError> {
        if let OnDatabase::Sqlite(db) = &self.0
            && !db.writer.is_healthy()
        {
            return Err(DbError::Unavailable("the last write failed".to_owned()));
        }
        let answered = tokio::time::timeout(READY_TIMEOUT, async {
            let _: Vec<(i32,)> = on_database!(self.read(), db => db.all(sqlx::query("SELECT 1")).await)?;
            Ok(())
        });
        answered.await.unwrap_or_else(|_| {
            if let OnDatabase::Postgres(db) = &self.0 {
                db.breaker.start_probe();
            }
            Err(DbError::Unavailable("no response yet".to_owned()))
        })
    }
}

/// Runs single read-only statements.
pub(crate) struct Reader<'a, DB: Database> {
    pool: &'a Pool<DB>,
    breaker: Option<&'a CircuitBreaker>,
}

impl<DB> Reader<'_, DB>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// All rows of a statement.
    pub(crate) async fn all<'q, T>(self, query: impl Execute<'q, DB> + 'q) -> Result<Vec<T>, DbError>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        let read = async {
            let mut lease = Lease::acquire(self.pool).await?;
            let rows = Statements::<DB>(&mut lease).all(query).await;
            lease.release(&rows);
            rows
        };
        match self.breaker {
            Some(breaker) => breaker.run(read).await,
            None => read.await,
        }
    }

    /// The row of a statement that returns at most one.
    pub(crate) async fn optional<'q, T>(self, query: impl Execute<'q, DB> + 'q) -> Result<Option<T>, DbError>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        Ok(self.all(query).await?.into_iter().next())
    }
}

/// The current time in UTC, truncated to microseconds, which is the precision of both databases.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
