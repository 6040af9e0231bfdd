//! Tasks: the operations, the database statements, and the response cache.

mod cache;
pub mod page;
pub mod routes;
mod store;
pub mod tombstones;

use cache::ResponseCache;

use crate::db::Db;
use crate::db::sweep::Sweeper;

/// The state that the operations on tasks share.
pub struct Tasks {
    db: Db,
    sweeper: Sweeper,
    cache: ResponseCache,
}

impl Tasks {
    /// The tasks in `db`, whose tombstones `sweeper` deletes.
    pub fn new(db: Db, sweeper: Sweeper) -> Self {
        let cache = ResponseCache::default();
        Self { db, sweeper, cache }
    }
}
