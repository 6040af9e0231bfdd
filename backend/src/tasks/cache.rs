//! The response cache. A response is valid as long as its user has the revision it was built at: every write of a task
//! increments it, on whichever server, and every request reads it anew.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::accounts::user_id::UserId;
use crate::tasks::page::Page;

/// The most memory for responses, in bytes.
const CAPACITY: u64 = 64 * 1024 * 1024;
/// An upper estimate of the memory of an entry besides what is counted, in bytes: a cursor of a list by title is the longest.
const OVERHEAD: u64 = 4096;

/// A request for tasks of a user.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum CacheKey {
    /// A page of the list.
    Page(Page),
    /// One task.
    Task(Uuid),
}

/// A response.
#[derive(Clone)]
pub struct CachedResponse {
    /// The revision of the user, read before the data was.
    pub revision: i64,
    /// JSON.
    pub body: Bytes,
    /// The `Link` of a page, or the `ETag` of a task.
    pub header: Option<String>,
}

/// Responses, of which the least useful are dropped when they take too much memory.
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
    /// The response, if the user still has the revision it was built at.
    pub fn get(&self, key: &(UserId, CacheKey), revision: i64) -> Option<CachedResponse> {
        self.0.get(key).filter(|cached| cached.revision == revision)
    }

    /// Stores a response.
    pub fn put(&self, key: (UserId, CacheKey), cached: CachedResponse) {
        self.0.insert(key, cached);
    }
}
