//! SQLite: connecting. The writer is in `group_commit`.

use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::group_commit::Writer;
use super::{DbError, schema, sqlite_file};

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
    /// Connects on demand, by `max_connections` for reading and one for writing.
    pub(super) fn new(url: &str, max_connections: u32) -> Result<Self, DbError> {
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
            .max_connections(max_connections)
            .min_connections(1)
            .connect_lazy_with(options.create_if_missing(false));
        let writer = Writer::start(write.clone());
        Ok(Self { read, write, writer })
    }

    /// Creates the file if it is missing, and brings the schema up to date.
    pub(super) async fn migrate(&self) -> Result<(), DbError> {
        sqlite_file::protect(self.write.connect_options().get_filename())?;
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

    /// Waits for the writes that were handed over, copies the WAL into the file, and closes the connections.
    pub(super) async fn close(&self) -> Result<(), DbError> {
        // Each step is done even if one before it failed: the last connection to close copies the WAL, too.
        let committed = self.writer.drain().await;
        self.read.close().await;
        let copied = self.checkpoint().await;
        self.write.close().await;
        committed.and(copied)
    }

    /// Copies the WAL into the file, as far as other processes that use it permit.
    async fn checkpoint(&self) -> Result<(), DbError> {
        const SQL: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
        let (is_busy, _, _): (bool, i64, i64) = sqlx::query_as(SQL).fetch_one(&self.write).await?;
        if is_busy {
            tracing::warn!(
                "another process still uses the database: the file alone is not complete until that process stops"
            );
        }
        Ok(())
    }
}
