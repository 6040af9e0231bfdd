//! Tombstones, the rows of deleted tasks.

use chrono::TimeDelta;

use crate::db::sweep::{Expiry, delete_expired};

/// How long a tombstone is kept: longer than a client can be offline.
const KEPT: TimeDelta = TimeDelta::days(90);

/// The tombstones that are deleted.
pub const EXPIRY: Expiry = Expiry::after(
    KEPT,
    delete_expired!("tasks", "user_id, id", "deleted_at IS NOT NULL AND deleted_at <= $1"),
);
