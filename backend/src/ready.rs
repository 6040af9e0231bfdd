//! Answers that are ready to be sent again. An answer is keyed by what was asked and is good as long as its user has the
//! revision it was made at: every write of a task bumps that number, on whichever server, and every request reads it anew.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::auth::UserId;
use crate::db::tasks::Page;

/// The most memory for answers, in bytes.
const CAPACITY: u64 = 64 * 1024 * 1024;
/// What an entry takes besides what is counted, at most about, in bytes: a position in a list by title is the longest.
const OVERHEAD: u64 = 4096;

/// What was asked of a user's tasks.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Asked {
    /// A page of the list.
    Page(Page),
    /// One task.
    Task(Uuid),
}

/// An answer.
#[derive(Clone)]
pub struct Ready {
    /// The revision of the user, read before the data was.
    pub revision: i64,
    /// JSON.
    pub body: Bytes,
    /// The header that says more about the answer: where the next page is, or the entity tag of the task.
    pub note: Option<String>,
}

/// The answers, the least useful of which are dropped when they take too much memory.
pub struct ReadyCache(Cache<(UserId, Asked), Ready, Size>);

#[derive(Clone)]
struct Size;

impl Weighter<(UserId, Asked), Ready> for Size {
    fn weight(&self, (user, _): &(UserId, Asked), ready: &Ready) -> u64 {
        let note = ready.note.as_ref().map_or(0, String::len);
        (user.as_str().len() + ready.body.len() + note) as u64 + OVERHEAD
    }
}

impl Default for ReadyCache {
    fn default() -> Self {
        Self(Cache::with_weighter(10_000, CAPACITY, Size))
    }
}

impl ReadyCache {
    /// The answer, if the user's revision is still the one it was made at.
    pub fn get(&self, key: &(UserId, Asked), revision: i64) -> Option<Ready> {
        self.0.get(key).filter(|ready| ready.revision == revision)
    }

    /// Keeps an answer.
    pub fn put(&self, key: (UserId, Asked), ready: Ready) {
        self.0.insert(key, ready);
    }
}
