//! The files of an SQLite database and who may read them.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::DbError;

const OWNER_ONLY: u32 = 0o600;
/// The bits of every user who is neither the owner nor in the group.
const EVERY_USER: u32 = 0o007;

/// Creates the file with permissions for its owner only, if it is missing: SQLite would make it readable by every user.
/// SQLite gives `-wal` and `-shm` the same permissions.
///
/// Files that every user can access, as those of earlier versions, are restricted to the owner. Group permissions alone are
/// kept: an operator set them.
pub(super) fn protect(file: &Path) -> Result<(), DbError> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(file);
    let writable = match created {
        // SQLite would open a file that cannot be written as read-only.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => OpenOptions::new().write(true).open(file),
        created => created,
    };
    writable.map_err(|error| {
        let (path, user) = (file.display(), rustix::process::getuid().as_raw());
        DbError::Unavailable(format!("the file {path} cannot be written by user id {user}: {error}"))
    })?;
    restrict(file);
    restrict(&beside(file, "-wal"));
    restrict(&beside(file, "-shm"));
    Ok(())
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A failure is only logged: the server may not own the file, and it has worked with it until now.
fn restrict(file: &Path) {
    let path = file.display();
    match try_restrict(file) {
        Ok(true) => tracing::warn!("{path} was accessible to every user: set its permissions to 0600"),
        Ok(false) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            tracing::warn!("{path} is accessible to every user: run `chmod 600 {path}` ({error})")
        }
    }
}

/// Whether the permissions were changed.
fn try_restrict(file: &Path) -> Result<bool, Error> {
    let is_open = fs::metadata(file)?.permissions().mode() & EVERY_USER != 0;
    if is_open {
        fs::set_permissions(file, Permissions::from_mode(OWNER_ONLY))?;
    }
    Ok(is_open)
}
