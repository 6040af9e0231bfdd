//! SQLite: connecting. The writer is in `group_commit`.

use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::group_commit::Writer;
use super::{DbError, schema};

/// The rows that SQLite's thread may hand over before it waits for us. A page of tasks fits.
const ROW_BUFFER: usize = 512;

/// A connected database. Cheap to clone.
#[derive(Clone)]
pub(super) struct SqliteDb {
    pub(super) read: SqlitePool,
    /// Has the one connection that writes.
    write: SqlitePool,
    pub(super) writer: Writer,
}

impl SqliteDb {
    /// Connects on demand.
    pub(super) fn new(url: &str) -> Result<Self, DbError> {
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
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .min_connections(1)
            .connect_lazy_with(options.create_if_missing(false));
        let writer = Writer::start(write.clone());
        Ok(Self { read, write, writer })
    }

    /// Brings the schema up to date.
    pub(super) async fn migrate(&self) -> Result<(), DbError> {
        // SQLite has no lock for this: of two servers that start at once on a new file, one may find the other at work.
        schema::migrate(&schema::sqlite(), &self.write, |error| {
            matches!(
                error,
                DbError::Unavailable(_) | DbError::Unreachable(_) | DbError::Failed(_)
            )
        })
        .await
    }

    /// Checks that the schema is the one that this version knows.
    pub(super) async fn check_schema(&self) -> Result<(), DbError> {
        schema::check(&schema::sqlite(), &self.read).await
    }
}
