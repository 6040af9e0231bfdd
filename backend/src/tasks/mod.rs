//! Tasks: the operations, the database statements, and the response cache.

mod cache;
pub mod page;
pub mod routes;
mod store;
pub mod tombstones;

use std::time::{Duration, Instant};

use cache::ResponseCache;
use quick_cache::sync::Cache;
use shared::task::{NewTask, Task};
use store::CreateRefusal;
use uuid::Uuid;

use crate::accounts::user_id::UserId;
use crate::db::sweep::Sweeper;
use crate::db::{Abort, Db};

/// Minimum interval between recounts of the tasks of a user, which reads all of them.
const RECOUNT_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum number of users whose last recount is remembered.
const RECOUNTS_MAX: usize = 10_000;

/// The state that the operations on tasks share.
pub struct Tasks {
    db: Db,
    sweeper: Sweeper,
    cache: ResponseCache,
    /// Maximum number of tasks of a user.
    max: u32,
    /// When the tasks of a user were last recounted.
    recounted: Cache<UserId, Instant>,
}

impl Tasks {
    /// The tasks in `db`, whose tombstones `sweeper` deletes, at most `max` of each user.
    pub fn new(db: Db, sweeper: Sweeper, max: u32) -> Self {
        Self {
            db,
            sweeper,
            cache: ResponseCache::default(),
            max,
            recounted: Cache::new(RECOUNTS_MAX),
        }
    }

    /// Creates a task. If the user seems to have too many, the tasks are recounted first.
    async fn create(&self, user: &UserId, id: Uuid, task: NewTask) -> Result<Task, Abort<CreateRefusal>> {
        let created = self.db.create_task(user, id, task.clone(), self.max).await;
        let is_refused = matches!(created, Err(Abort::Refused(CreateRefusal::TooMany(_))));
        let is_recent = |recounted: Instant| recounted.elapsed() < RECOUNT_INTERVAL;
        if !is_refused || self.recounted.get(user).is_some_and(is_recent) {
            return created;
        }
        self.recounted.insert(user.clone(), Instant::now());
        if self.db.recount_tasks(user).await? {
            self.db.create_task(user, id, task, self.max).await
        } else {
            created
        }
    }
}
