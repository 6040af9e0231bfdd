//! The response cache. A cached response is valid while the revision of its user is unchanged: every write of a task increments
//! the revision, on any server, and every request reads it from the database.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::accounts::user_id::UserId;
use crate::tasks::page::Page;

/// Maximum memory of the cache, in bytes.
const CAPACITY: u64 = 64 * 1024 * 1024;
/// Upper estimate of the memory of an entry besides the parts that [`Size`] counts, in bytes. The largest part is the cursor of
/// a list that is sorted by title.
const OVERHEAD: u64 = 4096;

/// A request for tasks of a user.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum CacheKey {
    /// A page of the list.
    Page(Page),
    /// One task.
    Task(Uuid),
}

/// A cached response.
#[derive(Clone)]
pub struct CachedResponse {
    /// The revision of the user, read before the data.
    pub revision: i64,
    /// The JSON body.
    pub body: Bytes,
    /// The `Link` of a page, or the `ETag` of a task.
    pub header: Option<String>,
}

/// A cache of responses, limited by memory.
pub struct ResponseCache(Cache<(UserId, CacheKey), CachedResponse, Size>);

#[derive(Clone)]
struct Size;

impl Weighter<(UserId, CacheKey), CachedResponse> for Size {
    fn weight(&self, (user, _): &(UserId, CacheKey), cached: &CachedResponse) -> u64 {
        let header = cached.header.as_ref().map_or(0, String::len);
        (user.as_str().len() + cached.body.len() + header) as u64 + OVERHEAD
    }
}

impl Default for ResponseCache {
    fn default() -> Self {
        Self(Cache::with_weighter(10_000, CAPACITY, Size))
    }
}

impl ResponseCache {
    /// The cached response, if its revision is `revision`.
    pub fn get(&self, key: &(UserId, CacheKey), revision: i64) -> Option<CachedResponse> {
        self.0.get(key).filter(|cached| cached.revision == revision)
    }

    /// Stores a response.
    pub fn put(&self, key: (UserId, CacheKey), cached: CachedResponse) {
        self.0.insert(key, cached);
    }
}
