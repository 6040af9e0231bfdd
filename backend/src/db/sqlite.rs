//! SQLite: connecting, migrating and closing. Writes go through `group_commit`.

use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::group_commit::Writer;
use super::trigger::Trigger;
use super::{DbError, schema, sqlite_file, wal};

/// Capacity of the row channel between the SQLite thread and the async reader. A page of tasks fits.
const ROW_BUFFER: usize = 512;

/// A connected database. Cheap to clone.
#[derive(Clone)]
pub(super) struct SqliteDb {
    pub(super) read: SqlitePool,
    /// The single write connection.
    write: SqlitePool,
    pub(super) writer: Writer,
    /// Truncates the WAL in the background.
    pub(super) truncate_wal: Trigger,
}

impl SqliteDb {
    /// Connects lazily: `max_connections` for reading, one for writing.
    pub(super) fn new(url: &str, max_connections: u32) -> Result<Self, DbError> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true)
            .pragma("secure_delete", "ON")
            .row_buffer_size(ROW_BUFFER);
        let write = pool_options().max_connections(1).connect_lazy_with(options.clone());
        let read = pool_options()
            .max_connections(max_connections)
            .min_connections(1)
            .connect_lazy_with(options.create_if_missing(false));
        let writer = Writer::start(write.clone());
        let truncate_wal = wal::start(write.clone());
        Ok(Self {
            read,
            write,
            writer,
            truncate_wal,
        })
    }

    /// Creates the file if it is missing, and runs pending migrations.
    pub(super) async fn migrate(&self) -> Result<(), DbError> {
        sqlite_file::protect(self.write.connect_options().get_filename())?;
        // SQLite has no advisory lock: when two servers start on a new file at the same time, one of them may fail.
        schema::migrate(&schema::sqlite(), &self.write, |error| {
            matches!(
                error,
                DbError::Unavailable(_) | DbError::Unreachable(_) | DbError::Failed(_)
            )
        })
        .await
    }

    /// Checks that the schema is the one of this version.
    pub(super) async fn check_schema(&self) -> Result<(), DbError> {
        schema::check(&schema::sqlite(), &self.read).await
    }

    /// Waits for queued writes, checkpoints the WAL, and closes the connections.
    pub(super) async fn close(&self) -> Result<(), DbError> {
        // Each step runs even if an earlier one failed: closing the last connection checkpoints the WAL, too.
        let committed = self.writer.drain().await;
        self.read.close().await;
        let checkpointed = self.checkpoint().await;
        self.write.close().await;
        committed.and(checkpointed)
    }

    /// Copies the WAL into the database file. Other processes that use the database can prevent it.
    async fn checkpoint(&self) -> Result<(), DbError> {
        let mut connection = self.write.acquire().await?;
        if !wal::truncate(&mut connection).await? {
            tracing::warn!(
                "another process uses the database: the database file is incomplete without its WAL until that process stops"
            );
        }
        Ok(())
    }
}

/// Connections to a file are kept. sqlx counts idle connections after it has released them, so its task that closes old ones can
/// read a count that has wrapped around, and then loop for hours (sqlx 0.9.0). Without these limits the task does not exist.
fn pool_options() -> SqlitePoolOptions {
    SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None)
}
