//! Tombstones, the rows of deleted tasks.

use chrono::TimeDelta;

use crate::db::sweep::{Expiry, delete_expired};

/// How long a tombstone is kept: longer than a client can be offline.
const KEPT: TimeDelta = TimeDelta::days(90);

/// Removes the content of a task, as the assignments of an `UPDATE`.
macro_rules! blank_task {
    () => {
        "title = '', title_key = '', description = NULL, due_date = NULL, completed = FALSE"
    };
}
pub(super) use blank_task;

/// Blanks tombstones that servers of earlier versions left.
const BLANK: &str = concat!(
    "UPDATE tasks SET ",
    blank_task!(),
    " WHERE (user_id, id) IN (SELECT user_id, id FROM tasks \
     WHERE deleted_at IS NOT NULL AND title <> '' AND updated_at <= $1 ORDER BY updated_at LIMIT $2)"
);

/// The tombstones that are blanked or deleted.
pub const EXPIRIES: [Expiry; 2] = [
    Expiry::after(
        KEPT,
        delete_expired!("tasks", "user_id, id", "deleted_at", "deleted_at IS NOT NULL"),
    ),
    Expiry::after(TimeDelta::zero(), BLANK),
];
