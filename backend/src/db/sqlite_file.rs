//! File permissions of an SQLite database.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::DbError;

const OWNER_ONLY: u32 = 0o600;
/// The permission bits of others: neither the owner nor the group.
const OTHERS: u32 = 0o007;

/// Creates the file with mode 0600 if it is missing. SQLite would create it readable by every user. SQLite gives `-wal` and
/// `-shm` the mode of the database file.
///
/// The mode of existing files that others can access, such as those of earlier versions, is set to 0600. Group permissions
/// alone are not changed, because an operator has set them.
pub(super) fn protect(file: &Path) -> Result<(), DbError> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(file);
    let writable = match created {
        // SQLite would open a file without write permission as read-only.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => OpenOptions::new().write(true).open(file),
        created => created,
    };
    writable.map_err(|error| {
        let (path, user) = (file.display(), rustix::process::getuid().as_raw());
        DbError::Unavailable(format!("the file {path} cannot be written by user id {user}: {error}"))
    })?;
    restrict(file);
    restrict(&with_suffix(file, "-wal"));
    restrict(&with_suffix(file, "-shm"));
    Ok(())
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Sets the mode to 0600 if others can access the file. A failure is only logged: the server may not own the file.
fn restrict(file: &Path) {
    let path = file.display();
    match try_restrict(file) {
        Ok(true) => tracing::warn!("{path} was accessible to every user: its mode has been set to 0600"),
        Ok(false) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            tracing::warn!("{path} is accessible to every user: run `chmod 600 {path}` ({error})")
        }
    }
}

/// Returns whether the mode was changed.
fn try_restrict(file: &Path) -> Result<bool, Error> {
    let is_exposed = fs::metadata(file)?.permissions().mode() & OTHERS != 0;
    if is_exposed {
        fs::set_permissions(file, Permissions::from_mode(OWNER_ONLY))?;
    }
    Ok(is_exposed)
}
