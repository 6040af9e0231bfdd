//! Online backup of an SQLite database.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::str::FromStr;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::Builder;

/// Why a backup failed. The message says what to do. A failed backup leaves no file.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target exists. A backup never overwrites a file.
    #[error("{0} exists already and was not changed. Choose another name.")]
    Exists(String),
    /// The target is a file that belongs to the database: its WAL, its journal or its secret.
    #[error("{0} is a file of the database itself. Choose another name.")]
    Reserved(String),
    /// The parent folder of the target does not exist.
    #[error("The folder {0} does not exist. Create it (mkdir -p '{0}'), or choose another folder.")]
    NoFolder(String),
    /// The target cannot be written.
    #[error("{0} cannot be written: {1}. Check the folder, its permissions and the free disk space.")]
    Write(String, std::io::Error),
    /// The database cannot be copied.
    #[error(
        "The database was not copied to {0}: {1}. Check the free disk space there, and that DATABASE_URL is the same as \
         the server's."
    )]
    Copy(String, sqlx::Error),
}

/// Copies the SQLite database at `url` to `target` with mode 0600. The copy is a consistent snapshot in a single file, and
/// `target` appears only after the copy is synced to disk. The schema is not migrated.
pub async fn backup(url: &str, target: &Path) -> Result<(), BackupError> {
    let name = || target.display().to_string();
    let write = |error| BackupError::Write(name(), error);
    let copy = |error| BackupError::Copy(name(), error);
    let options = SqliteConnectOptions::from_str(url).map_err(copy)?;
    let database = options.get_filename().as_os_str().as_encoded_bytes();
    let suffix = target.as_os_str().as_encoded_bytes().strip_prefix(database);
    if suffix.is_some_and(|suffix| matches!(suffix, b"-wal" | b"-shm" | b"-journal" | b".secret")) {
        return Err(BackupError::Reserved(name()));
    }
    if target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(name()));
    }
    let folder = match target.parent() {
        Some(folder) if folder != "" => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(BackupError::NoFolder(folder.display().to_string()));
    }
    // In the folder of the target, so that the file can be renamed. SQLite may leave a journal beside the file after a failure;
    // the directory is deleted on drop with everything in it. The mode of the file is 0600.
    let directory = Builder::new()
        .prefix(".docket-backup-")
        .tempdir_in(folder)
        .map_err(write)?;
    let temporary = Builder::new().tempfile_in(directory.path()).map_err(write)?;
    let path = temporary
        .path()
        .to_str()
        .ok_or(ErrorKind::InvalidFilename.into())
        .map_err(write)?;
    let mut connection = options.create_if_missing(false).connect().await.map_err(copy)?;
    let copied = sqlx::query("VACUUM INTO $1").bind(path).execute(&mut connection).await;
    let closed = connection.close().await;
    copied.map_err(copy)?;
    closed.map_err(copy)?;
    temporary.as_file().sync_all().map_err(write)?;
    temporary
        .persist_noclobber(target)
        .map_err(|refused| match refused.error {
            error if error.kind() == ErrorKind::AlreadyExists => BackupError::Exists(name()),
            error => write(error),
        })?;
    // Makes the new directory entry durable.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(write)
}
