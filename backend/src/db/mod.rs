//! The database: connecting, migrating, reading, and writing in transactions. It knows no table: statements are in the
//! `store` of `accounts` and of `tasks`.
//!
//! A statement is written once and runs on SQLite and on PostgreSQL through the `on_database!` macro. It names its columns: a
//! newer version may add some while this one runs.

pub mod backup;
mod certificate;
mod group_commit;
mod lease;
mod outage;
mod postgres;
mod schema;
mod sqlite;
mod sqlite_file;
mod statement;

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use sqlx::postgres::{PgDatabaseError, Postgres};
use sqlx::sqlite::Sqlite;
use sqlx::{Database, Execute, Executor, FromRow, Pool};

use crate::config::DatabaseConfig;
use crate::fault::Fault;
use lease::Lease;
use outage::Outage;
use postgres::PostgresDb;
use sqlite::SqliteDb;
use statement::Statements;

/// Runs the same expression on the database in use; `$c` is a [`Reader`] or [`Statements`].
macro_rules! on_database {
    ($either:expr, $c:ident => $body:expr) => {
        match $either {
            $crate::db::OnDatabase::Sqlite($c) => $body,
            $crate::db::OnDatabase::Postgres($c) => $body,
        }
    };
}
pub(crate) use on_database;

/// Runs a statement of a write that answers no rows; the result is how many rows it touched.
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

/// Where the statements of a write run: inside a transaction.
pub(crate) type Tx<'a> = OnDatabase<Statements<'a, Sqlite>, Statements<'a, Postgres>>;

/// Maximum number of retries of a migration at start-up, and of a transaction after a serialization failure.
const MAX_RETRIES: usize = 5;
/// How long a check of the readiness may take.
const READY: Duration = Duration::from_millis(800);

/// How long closing the database may take.
const CLOSE: Duration = Duration::from_secs(10);

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database is too busy or cannot work at the moment; the same call may work later. Whether a write was done is
    /// not known.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The connection broke or is silent; otherwise as [`DbError::Unavailable`].
    #[error("the database does not answer: {0}")]
    Unreachable(String),
    /// The schema is not the one that this version knows; the text says what to do.
    #[error("{0}")]
    Schema(&'static str),
    /// A serialization failure or a deadlock: nothing was done, and the same transaction may work now.
    #[error("another transaction was first: {0}")]
    LostRace(String),
    /// The code of a transaction panicked: a bug.
    #[error("a transaction panicked")]
    Panicked,
    /// The database refused the statement: a fault of ours.
    #[error(transparent)]
    Failed(sqlx::Error),
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(reason) | DbError::Unreachable(reason) | DbError::LostRace(reason) => {
                Self::unavailable(reason)
            }
            DbError::Schema(reason) => Self::internal(reason),
            DbError::Panicked => Self::internal(error.to_string()),
            DbError::Failed(error) => Self::internal("the database refused a statement").caused_by(error),
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
            sqlx::Error::Database(database) if is_stale(database.as_ref()) => Self::Unreachable(error.to_string()),
            sqlx::Error::Database(database) if matches!(database.code().as_deref(), Some("40001" | "40P01")) => {
                Self::LostRace(error.to_string())
            }
            sqlx::Error::Database(database) if is_trouble(database.code().unwrap_or_default().as_ref()) => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Failed(error),
        }
    }
}

/// Whether PostgreSQL refuses a prepared statement because a column has changed its type. A new connection prepares the
/// statement again.
fn is_stale(error: &(dyn sqlx::error::DatabaseError + 'static)) -> bool {
    let error = error.try_downcast_ref::<PgDatabaseError>();
    error.is_some_and(|error| error.routine() == Some("RevalidateCachedQuery"))
}

/// Whether the code is of a database that cannot work at the moment, not of a statement that is wrong.
fn is_trouble(code: &str) -> bool {
    match code.len() {
        // PostgreSQL: read-only, connection, resources, operator intervention.
        5 => code == "25006" || ["08", "53", "57"].iter().any(|class| code.starts_with(class)),
        // SQLite's low byte: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
        _ => code
            .parse()
            .is_ok_and(|code: u32| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14)),
    }
}

/// The statements of one transaction. It may be applied again after a serialization failure.
pub(crate) trait Transaction: Send + Sync + 'static {
    /// The result, once the transaction is durable.
    type Output: Send + 'static;
    /// Why the transaction may be rolled back on purpose; [`Infallible`] if it never is.
    type Refusal: Send + 'static;

    /// Runs the statements. An error rolls all of them back. After a [`DbError`] no further statement may be run: it might not
    /// be part of the transaction.
    fn apply(&self, tx: &mut Tx<'_>) -> impl Future<Output = Result<Self::Output, Abort<Self::Refusal>>> + Send;

    /// Called once, after the commit, even if the caller has gone away.
    fn committed(&self, _output: &Self::Output) {}
}

/// Why a transaction was rolled back.
#[derive(Debug)]
pub enum Abort<R> {
    /// On purpose: what it would change is not as it must be.
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
    /// The result of an attempt, with a failure of the database apart from a refusal.
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
pub struct Db(Backend);

type Backend = OnDatabase<SqliteDb, PostgresDb>;

impl Db {
    /// Connects, and brings the schema up to date.
    pub async fn connect(config: DatabaseConfig<'_>) -> Result<Self, DbError> {
        let db = Self::new(config)?;
        on_database!(&db.0, backend => backend.migrate().await)?;
        Ok(db)
    }

    /// Connects to a database that a server of this version uses. [`DbError::Schema`] if its schema is another.
    pub async fn open(config: DatabaseConfig<'_>) -> Result<Self, DbError> {
        let db = Self::new(config)?;
        on_database!(&db.0, backend => backend.check_schema().await)?;
        Ok(db)
    }

    fn new(config: DatabaseConfig<'_>) -> Result<Self, DbError> {
        Ok(Self(if config.url.starts_with("sqlite:") {
            OnDatabase::Sqlite(SqliteDb::new(config.url, config.max_connections)?)
        } else {
            OnDatabase::Postgres(PostgresDb::new(&config)?)
        }))
    }

    /// Waits for pending writes and closes every connection. On SQLite all data is then in the one file. Later calls
    /// return [`DbError::Unreachable`]. A failure is logged and loses nothing: what was committed is on the disk.
    pub async fn close(&self) {
        let closed = async { on_database!(&self.0, backend => backend.close().await) };
        match tokio::time::timeout(CLOSE, closed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the database was not closed properly"),
            Err(_) => tracing::warn!("the database was still in use and was not closed"),
        }
    }

    /// Where to read.
    pub(crate) fn read(&self) -> OnDatabase<Reader<'_, Sqlite>, Reader<'_, Postgres>> {
        match &self.0 {
            OnDatabase::Sqlite(db) => OnDatabase::Sqlite(Reader {
                pool: &db.read,
                outage: None,
            }),
            OnDatabase::Postgres(db) => OnDatabase::Postgres(Reader {
                pool: &db.pool,
                outage: Some(&db.outage),
            }),
        }
    }

    /// Applies a transaction and returns once it is durable.
    pub(crate) async fn transact<T: Transaction>(&self, transaction: T) -> Result<T::Output, Abort<T::Refusal>> {
        Abort::join(match &self.0 {
            OnDatabase::Sqlite(db) => db.writer.transact(transaction).await,
            OnDatabase::Postgres(db) => db.transact(&transaction).await,
        })
    }

    /// How many batches of the same small query are worth running concurrently. SQLite answers from memory: one, and the
    /// rest joins the next batch. PostgreSQL is a network away.
    pub(crate) fn query_concurrency(&self) -> usize {
        match &self.0 {
            OnDatabase::Sqlite(_) => 1,
            OnDatabase::Postgres(_) => 4,
        }
    }

    /// Whether the database answers, and writes work as far as is known. The answer comes within a second.
    pub async fn ready(&self) -> Result<(), DbError> {
        if let OnDatabase::Sqlite(db) = &self.0
            && !db.writer.is_working()
        {
            return Err(DbError::Unavailable("the last write failed".to_owned()));
        }
        let answered = tokio::time::timeout(READY, async {
            let _: Vec<(i32,)> = on_database!(self.read(), db => db.all(sqlx::query("SELECT 1")).await)?;
            Ok(())
        });
        answered.await.unwrap_or_else(|_| {
            if let OnDatabase::Postgres(db) = &self.0 {
                db.outage.suspect();
            }
            Err(DbError::Unavailable("no answer yet".to_owned()))
        })
    }
}

/// Runs single statements that only read.
pub(crate) struct Reader<'a, DB: Database> {
    pool: &'a Pool<DB>,
    outage: Option<&'a Outage>,
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
            let mut lease = Lease::of(self.pool).await?;
            let rows = Statements::<DB>(&mut lease).all(query).await;
            lease.settle(&rows);
            rows
        };
        match self.outage {
            Some(outage) => outage.guard(read).await,
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

/// The time of a row: UTC, in microseconds, which is what both databases keep.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
