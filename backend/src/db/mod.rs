//! The database: connecting, migrating, reading, and writing in transactions. One file below this per table.
//!
//! A statement is written once and runs on SQLite and on PostgreSQL through the `on!` macro.

pub mod audit;
mod group_commit;
pub mod identities;
pub mod known_devices;
pub mod one_time_tokens;
pub mod session_check;
pub mod sessions;
pub mod sweep;
pub mod tasks;
mod throttles;
pub mod two_factor;
pub mod users;

use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgConnection, SqliteConnection};

use crate::auth::throttle::Refusal;
use group_commit::Writer;

/// Runs the same expression on whichever database it is; `$c` is the pool or the connection.
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
        $crate::db::on!($tx, c => $query.execute(&mut **c).await.map(|done| done.rows_affected()))
    };
}
pub(crate) use execute;

/// One thing in its SQLite and in its PostgreSQL form.
pub(crate) enum Either<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// Where a statement that only reads runs.
pub(crate) type Reader<'a> = Either<&'a SqlitePool, &'a PgPool>;
/// Where the statements of a write run: inside a transaction.
pub(crate) type Tx<'a> = Either<&'a mut SqliteConnection, &'a mut PgConnection>;

/// How often a start or a transaction that lost a race is tried.
const ATTEMPTS: u32 = 6;
/// The rows that SQLite's thread may hand over before it waits for us. A page of tasks fits.
const ROW_BUFFER: usize = 512;

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

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
    /// The database cannot be reached or is too busy; the same call may work later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
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
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.to_string()),
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

    /// Runs the statements. An error undoes all of them.
    fn apply(&self, tx: &mut Tx<'_>) -> impl Future<Output = Result<Self::Out, DbError>> + Send;
}

/// A connected, migrated database. Cheap to clone.
#[derive(Clone)]
pub struct Db(Backend);

#[derive(Clone)]
enum Backend {
    Sqlite { read: SqlitePool, writer: Writer },
    Postgres(PgPool),
}

impl Db {
    /// Connects to `url` (`sqlite://…` or `postgres://…`) and brings the schema up to date.
    pub async fn connect(url: &str) -> Result<Self, DbError> {
        if url.starts_with("sqlite:") {
            Self::connect_sqlite(url).await
        } else {
            Self::connect_postgres(url).await
        }
    }

    async fn connect_sqlite(url: &str) -> Result<Self, DbError> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true)
            .row_buffer_size(ROW_BUFFER);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(options.clone());
        // SQLite has no lock for this: of two servers that start at once on a new file, one may find the other at work.
        patiently(
            |error| matches!(error, DbError::Unavailable(_) | DbError::Failed(_)),
            || migrate(&SQLITE_MIGRATIONS, &write),
        )
        .await?;
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .min_connections(1)
            .connect_with(options.create_if_missing(false))
            .await?;
        Ok(Self(Backend::Sqlite {
            read,
            writer: Writer::start(write),
        }))
    }

    async fn connect_postgres(url: &str) -> Result<Self, DbError> {
        let options = PgConnectOptions::from_str(url)?.application_name("docket");
        let pool = PgPoolOptions::new()
            .max_connections(20)
            .min_connections(0)
            .idle_timeout(Duration::from_secs(60))
            .acquire_timeout(Duration::from_secs(5))
            .connect_lazy_with(options);
        // A database that sleeps needs a moment.
        patiently(
            |error| matches!(error, DbError::Unavailable(_)),
            || migrate(&POSTGRES_MIGRATIONS, &pool),
        )
        .await?;
        Ok(Self(Backend::Postgres(pool)))
    }

    /// Where to read.
    pub(crate) fn read(&self) -> Reader<'_> {
        match &self.0 {
            Backend::Sqlite { read, .. } => Either::Sqlite(read),
            Backend::Postgres(pool) => Either::Postgres(pool),
        }
    }

    /// Applies `write` in a transaction; the answer comes after it is durable.
    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Out, DbError> {
        match &self.0 {
            Backend::Sqlite { writer, .. } => writer.write(write).await,
            Backend::Postgres(pool) => write_postgres(pool, &write).await,
        }
    }

    /// How many of the same small queries are worth having under way at once. SQLite answers from memory: one, and the rest
    /// joins the next. PostgreSQL is a network away.
    pub(crate) fn lanes(&self) -> usize {
        match &self.0 {
            Backend::Sqlite { .. } => 1,
            Backend::Postgres(_) => 4,
        }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        on!(self.read(), pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))?;
        Ok(())
    }
}

async fn write_postgres<W: Write>(pool: &PgPool, write: &W) -> Result<W::Out, DbError> {
    let mut pause = Duration::from_millis(5);
    for _ in 1..ATTEMPTS {
        match try_postgres(pool, write).await {
            Err(DbError::LostRace(_)) => tokio::time::sleep(pause).await,
            done => return done,
        }
        pause *= 2;
    }
    try_postgres(pool, write).await
}

async fn try_postgres<W: Write>(pool: &PgPool, write: &W) -> Result<W::Out, DbError> {
    let mut tx = pool.begin().await?;
    let out = write.apply(&mut Either::Postgres(&mut tx)).await?;
    tx.commit().await?;
    Ok(out)
}

/// Tries until it works, or fails in a way that is not worth another try, or was tried often enough.
async fn patiently<F>(worth_another: fn(&DbError) -> bool, mut attempt: impl FnMut() -> F) -> Result<(), DbError>
where
    F: Future<Output = Result<(), DbError>>,
{
    let mut pause = Duration::from_millis(125);
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if worth_another(&error) => tracing::warn!(%error, "the database is not ready; trying again"),
            done => return done,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    attempt().await
}

async fn migrate<'a, A>(migrator: &Migrator, pool: A) -> Result<(), DbError>
where
    A: sqlx::Acquire<'a>,
    <A::Connection as std::ops::Deref>::Target: sqlx::migrate::Migrate,
{
    migrator.run(pool).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => error.into(),
        other => DbError::Failed(sqlx::Error::Migrate(Box::new(other))),
    })
}

/// The time of a row: UTC, in microseconds, which is what both databases keep.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
