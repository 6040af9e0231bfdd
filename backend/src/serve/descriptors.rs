//! File descriptors: a connection takes one, and so does a file of the database.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What is kept for the files and connections of the database, the log, mail and the rest of the process.
const RESERVED: u64 = 64;

/// Raises the soft limit of descriptors to the hard one, and says how many of them connections may take.
pub fn for_connections() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused, the soft limit stays as it is.
    let _ = setrlimit(Resource::Nofile, limit);
    match getrlimit(Resource::Nofile).current {
        None => usize::MAX,
        // With few descriptors a quarter of them must do.
        Some(limit) => usize::try_from(limit.saturating_sub(RESERVED).max(limit / 4)).unwrap_or(usize::MAX),
    }
}
