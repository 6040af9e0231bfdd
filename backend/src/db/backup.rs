//! A copy of an SQLite database while servers use it.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::str::FromStr;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::Builder;

/// Why there is no backup. The text says what to do; nothing was left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A backup never replaces a file.
    #[error("{0} exists already and was not changed. Choose another name.")]
    Exists(String),
    /// The name is that of a file that SQLite or the server keeps beside the database.
    #[error("{0} is a file of the database itself. Choose another name.")]
    Reserved(String),
    /// There is no such folder for the backup.
    #[error("The folder {0} does not exist. Create it (mkdir -p '{0}'), or choose another folder.")]
    NoFolder(String),
    /// The folder of the backup cannot be written to.
    #[error("{0} cannot be written: {1}. Check the folder, its permissions and the space that is left.")]
    Write(String, std::io::Error),
    /// The database cannot be copied.
    #[error(
        "The database was not copied to {0}: {1}. Check the space that is left there, and that DATABASE_URL is the \
         server's."
    )]
    Copy(String, sqlx::Error),
}

/// Copies the SQLite database at `url` to `target`, readable by its owner alone. The copy is the state at one moment, is
/// complete without other files, and appears under its name only when it is on the disk. Nothing is migrated.
pub async fn backup(url: &str, target: &Path) -> Result<(), BackupError> {
    let name = || target.display().to_string();
    let write = |error| BackupError::Write(name(), error);
    let copy = |error| BackupError::Copy(name(), error);
    let options = SqliteConnectOptions::from_str(url).map_err(copy)?;
    let database = options.get_filename().as_os_str().as_encoded_bytes();
    let beside = target.as_os_str().as_encoded_bytes().strip_prefix(database);
    if beside.is_some_and(|suffix| matches!(suffix, b"-wal" | b"-shm" | b"-journal" | b".secret")) {
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
    // Beside the target, so that it can be renamed; deleted when it is dropped. Its mode is 0600.
    let draft = Builder::new()
        .prefix(".docket-backup-")
        .tempfile_in(folder)
        .map_err(write)?;
    let path = draft
        .path()
        .to_str()
        .ok_or(ErrorKind::InvalidFilename.into())
        .map_err(write)?;
    let mut connection = options.create_if_missing(false).connect().await.map_err(copy)?;
    let copied = sqlx::query("VACUUM INTO $1").bind(path).execute(&mut connection).await;
    let closed = connection.close().await;
    copied.map_err(copy)?;
    closed.map_err(copy)?;
    draft.as_file().sync_all().map_err(write)?;
    draft.persist_noclobber(target).map_err(|refused| match refused.error {
        error if error.kind() == ErrorKind::AlreadyExists => BackupError::Exists(name()),
        error => write(error),
    })?;
    // The new name is durable, too.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(write)
}
