//! The database: connecting, migrating, reading, and writing in transactions. One file below this per table.
//!
//! A statement is written once and runs on SQLite and on PostgreSQL through the `on!` macro. It names its columns: a newer
//! version may add some while this one runs.

pub mod audit;
pub mod backup;
mod certificate;
mod group_commit;
pub mod identities;
pub mod known_devices;
mod lease;
pub mod one_time_tokens;
mod outage;
mod postgres;
mod schema;
pub mod session_check;
pub mod sessions;
mod sqlite;
mod sqlite_file;
mod statement;
pub mod sweep;
pub mod tasks;
mod throttles;
pub mod two_factor;
pub mod users;

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use sqlx::postgres::{PgDatabaseError, Postgres};
use sqlx::sqlite::Sqlite;
use sqlx::{Database, Execute, Executor, FromRow, Pool};

use crate::auth::throttle::Refusal;
use crate::config::DatabaseConfig;
use lease::Lease;
use outage::Outage;
use postgres::PostgresDb;
use sqlite::SqliteDb;
use statement::Statements;

/// Runs the same expression on whichever database it is; `$c` is a [`Reader`] or [`Statements`].
macro_rules! on {
    ($either:expr, $c:ident => $body:expr) => {
        match $either {
            $crate::db::Either::Sqlite($c) => $body,
            $crate::db::Either::Postgres($c) => $body,
        }
    };
}
pub(crate) use on;

/// Runs a statement of a write that answers no rows; the result is how many rows it touched.
macro_rules! execute {
    ($tx:expr, $query:expr) => {
        $crate::db::on!($tx, c => c.execute($query).await.map(|done| done.rows_affected()))
    };
}
pub(crate) use execute;

/// One thing in its SQLite and in its PostgreSQL form.
#[derive(Clone)]
pub(crate) enum Either<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// Where the statements of a write run: inside a transaction.
pub(crate) type Tx<'a> = Either<Statements<'a, Sqlite>, Statements<'a, Postgres>>;

/// How often a start or a transaction that lost a race is tried.
const ATTEMPTS: u32 = 6;
/// How long a check of the readiness may take.
const READY: Duration = Duration::from_millis(800);

/// How long closing the database may take.
const CLOSE: Duration = Duration::from_secs(10);

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// There is no such row for this owner.
    #[error("no such row")]
    NotFound,
    /// The e-mail address belongs to an account already.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The row is there already.
    #[error("the row exists")]
    Exists,
    /// The row has another revision than the caller expects.
    #[error("the row changed meanwhile")]
    Changed,
    /// It was tried too often.
    #[error("tried too often")]
    Throttled(Refusal),
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
    /// The database refused the statement: a fault of ours.
    #[error(transparent)]
    Failed(sqlx::Error),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
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

/// A change of the database: the statements of one transaction. It may be applied again when a race was lost.
pub(crate) trait Write: Send + Sync + 'static {
    /// What the caller learns once the transaction is durable.
    type Out: Send + 'static;

    /// Runs the statements. An error undoes all of them, and is the end: after it a statement might not be in the transaction
    /// any more.
    fn apply(&self, tx: &mut Tx<'_>) -> impl Future<Output = Result<Self::Out, DbError>> + Send;
}

/// A connected database with the schema of this version. Cheap to clone.
#[derive(Clone)]
pub struct Db(Backend);

type Backend = Either<SqliteDb, PostgresDb>;

impl Db {
    /// Connects, and brings the schema up to date.
    pub async fn connect(config: DatabaseConfig<'_>) -> Result<Self, DbError> {
        let db = Self::new(config)?;
        on!(&db.0, backend => backend.migrate().await)?;
        Ok(db)
    }

    /// Connects to a database that a server of this version uses. [`DbError::Schema`] if its schema is another.
    pub async fn open(config: DatabaseConfig<'_>) -> Result<Self, DbError> {
        let db = Self::new(config)?;
        on!(&db.0, backend => backend.check_schema().await)?;
        Ok(db)
    }

    fn new(config: DatabaseConfig<'_>) -> Result<Self, DbError> {
        Ok(Self(if config.url.starts_with("sqlite:") {
            Either::Sqlite(SqliteDb::new(config.url, config.max_connections)?)
        } else {
            Either::Postgres(PostgresDb::new(&config)?)
        }))
    }

    /// Waits for pending writes and closes every connection. On SQLite all data is then in the one file. Later calls
    /// return [`DbError::Unreachable`]. A failure is logged and loses nothing: what was committed is on the disk.
    pub async fn close(&self) {
        let closed = async { on!(&self.0, backend => backend.close().await) };
        match tokio::time::timeout(CLOSE, closed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the database was not closed properly"),
            Err(_) => tracing::warn!("the database was still in use and was not closed"),
        }
    }

    /// Where to read.
    pub(crate) fn read(&self) -> Either<Reader<'_, Sqlite>, Reader<'_, Postgres>> {
        match &self.0 {
            Either::Sqlite(db) => Either::Sqlite(Reader {
                pool: &db.read,
                outage: None,
            }),
            Either::Postgres(db) => Either::Postgres(Reader {
                pool: &db.pool,
                outage: Some(&db.outage),
            }),
        }
    }

    /// Applies `write` in a transaction; the answer comes after it is durable.
    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Out, DbError> {
        match &self.0 {
            Either::Sqlite(db) => db.writer.write(write).await,
            Either::Postgres(db) => db.write(&write).await,
        }
    }

    /// How many of the same small queries are worth having under way at once. SQLite answers from memory: one, and the rest
    /// joins the next. PostgreSQL is a network away.
    pub(crate) fn lanes(&self) -> usize {
        match &self.0 {
            Either::Sqlite(_) => 1,
            Either::Postgres(_) => 4,
        }
    }

    /// Whether the database answers, and writes work as far as is known. The answer comes within a second.
    pub async fn ready(&self) -> Result<(), DbError> {
        if let Either::Sqlite(db) = &self.0
            && !db.writer.is_working()
        {
            return Err(DbError::Unavailable("the last write failed".to_owned()));
        }
        let answered = tokio::time::timeout(READY, async {
            let _: Vec<(i32,)> = on!(self.read(), db => db.all(sqlx::query("SELECT 1")).await)?;
            Ok(())
        });
        answered.await.unwrap_or_else(|_| {
            if let Either::Postgres(db) = &self.0 {
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

    /// The row of a statement that returns one. [`DbError::NotFound`] if it returns none.
    pub(crate) async fn one<'q, T>(self, query: impl Execute<'q, DB> + 'q) -> Result<T, DbError>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        self.optional(query).await?.ok_or(DbError::NotFound)
    }
}

/// The time of a row: UTC, in microseconds, which is what both databases keep.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
