//! Tasks: the operations on them, their table, and a cache of responses.

mod cache;
pub mod page;
pub mod routes;
mod store;

use cache::ResponseCache;

use crate::db::Db;

/// What the operations on tasks share.
pub struct Tasks {
    db: Db,
    cache: ResponseCache,
}

impl Tasks {
    /// The tasks in that database.
    pub fn new(db: Db) -> Self {
        let cache = ResponseCache::default();
        Self { db, cache }
    }
}
