//! Tasks: the operations, the database statements, and the response cache.

mod cache;
pub mod page;
pub mod routes;
mod store;

use cache::ResponseCache;

use crate::db::Db;

/// The state that the operations on tasks share.
pub struct Tasks {
    db: Db,
    cache: ResponseCache,
}

impl Tasks {
    /// The tasks in `db`.
    pub fn new(db: Db) -> Self {
        let cache = ResponseCache::default();
        Self { db, cache }
    }
}
