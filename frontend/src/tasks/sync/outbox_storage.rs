//! The outbox in `localStorage`, one key per entry.

use uuid::Uuid;

use crate::browser::storage::Area;
use crate::tasks::store::Entry;
use crate::user_data;

/// All stored entries of a user, in any order.
pub fn load(user_id: &str) -> Vec<Entry> {
    Area::Local.all(&prefix(user_id))
}

/// A stored entry.
pub fn get(user_id: &str, id: Uuid) -> Option<Entry> {
    Area::Local.get(&key(user_id, id))
}

/// Whether an entry is stored.
pub fn contains(user_id: &str, id: Uuid) -> bool {
    Area::Local.has(&key(user_id, id))
}

/// Stores a new entry. Returns whether that succeeded.
pub fn insert(user_id: &str, entry: &Entry) -> bool {
    Area::Local.set(&key(user_id, entry.id), entry)
}

/// Replaces a stored entry. If it is not stored, another tab has sent or undone it: then it stays removed. Returns false
/// if the entry could not be stored.
pub fn update(user_id: &str, entry: &Entry) -> bool {
    !contains(user_id, entry.id) || insert(user_id, entry)
}

/// Removes an entry.
pub fn remove(user_id: &str, id: Uuid) {
    Area::Local.remove(&key(user_id, id));
}

/// The id of the entry that a key of `localStorage` belongs to.
pub fn entry_id(user_id: &str, key: &str) -> Option<Uuid> {
    key.strip_prefix(&prefix(user_id))?.parse().ok()
}

fn prefix(user_id: &str) -> String {
    format!("{}/", user_data::key("outbox", user_id))
}

fn key(user_id: &str, entry: Uuid) -> String {
    format!("{}{entry}", prefix(user_id))
}
