//! File descriptors: a connection takes one, and so does a file of the database.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What is kept for the log, mail, the writer of the database and the rest of the process.
const RESERVED: u64 = 34;
/// What a connection to the database takes: with SQLite the database, its -wal and its -shm.
const PER_DATABASE_CONNECTION: u64 = 3;

/// Raises the soft limit of descriptors to the hard one, and returns how many of them are left for HTTP connections beside
/// `database_connections`.
pub fn for_connections(database_connections: u32) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused, the soft limit stays as it is.
    let _ = setrlimit(Resource::Nofile, limit);
    match getrlimit(Resource::Nofile).current {
        None => usize::MAX,
        // With few descriptors a quarter of them must do.
        Some(limit) => {
            let reserved = RESERVED + PER_DATABASE_CONNECTION * u64::from(database_connections);
            usize::try_from(limit.saturating_sub(reserved).max(limit / 4)).unwrap_or(usize::MAX)
        }
    }
}
