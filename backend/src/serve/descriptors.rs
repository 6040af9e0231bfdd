//! The file descriptor limit of the process, and the number of connections that it allows.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors reserved for the log, mail, the write connection of the database and the rest of the process.
const RESERVED: u64 = 34;
/// Descriptors of a database connection: with SQLite, the database file, its -wal and its -shm.
const PER_DATABASE_CONNECTION: u64 = 3;

/// Raises the soft limit to the hard limit, and returns the number of descriptors that are available for HTTP connections
/// besides `database_connections`.
pub fn for_connections(database_connections: u32) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If that fails, the soft limit is unchanged.
    let _ = setrlimit(Resource::Nofile, limit);
    match getrlimit(Resource::Nofile).current {
        None => usize::MAX,
        // At least a quarter of the limit.
        Some(limit) => {
            let reserved = RESERVED + PER_DATABASE_CONNECTION * u64::from(database_connections);
            usize::try_from(limit.saturating_sub(reserved).max(limit / 4)).unwrap_or(usize::MAX)
        }
    }
}
