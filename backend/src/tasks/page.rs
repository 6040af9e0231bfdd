//! Keyset pagination of the task list: a page's filter, order and position, and its SQL.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use shared::task::{Order, Sort, Status, TITLE_KEY_MAX, Task, title_key};
use uuid::Uuid;

/// The position of a task in the list; a page begins after it. Serialized, it is the cursor.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Position {
    /// The sort key of the task.
    pub key: Key,
    /// The id of the task.
    pub id: Uuid,
}

/// A sort key.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Key {
    Created(DateTime<Utc>),
    Updated(i64),
    Title(String),
    DueDate(NaiveDate),
}

impl Position {
    /// The position of `task` in a list that is sorted by `sort`.
    pub fn of(sort: Sort, task: &Task) -> Self {
        let key = match sort {
            Sort::Created => Key::Created(task.created_at),
            Sort::Updated => Key::Updated(task.revision),
            Sort::Title => Key::Title(title_key(&task.title)),
            Sort::DueDate => Key::DueDate(Task::due_date_key(task.due_date)),
        };
        Self { key, id: task.id }
    }

    /// Whether the key belongs to `sort`, and is a value that both databases accept.
    pub fn fits(&self, sort: Sort) -> bool {
        let years = 1..=9999;
        match (&self.key, sort) {
            (Key::Created(time), Sort::Created) => years.contains(&time.year()),
            (Key::Updated(_), Sort::Updated) => true,
            (Key::Title(key), Sort::Title) => !key.contains('\0') && key.chars().count() <= TITLE_KEY_MAX,
            (Key::DueDate(day), Sort::DueDate) => years.contains(&day.year()),
            _ => false,
        }
    }
}

/// A page of a user's task list.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Page {
    /// Filter.
    pub status: Status,
    /// Sort key.
    pub sort: Sort,
    /// Sort direction.
    pub order: Order,
    /// Maximum number of tasks.
    pub limit: u16,
    /// The page begins after this position; none for the first page.
    pub after: Option<Position>,
}

impl Page {
    /// The `SELECT` of the page. `$1` is the user, `$2` the maximum number of rows, `$3` and `$4` the position, if there is one.
    pub fn sql(&self, columns: &str) -> String {
        let filter = match self.status {
            Status::All => "",
            Status::Pending => " AND NOT completed",
            Status::Completed => " AND completed",
        };
        let key = match self.sort {
            Sort::Created => "created_at",
            Sort::Updated => "revision",
            Sort::Title => "title_key",
            // The literal is `NO_DUE_DATE`. With a bound parameter, the index on this expression would not be used.
            Sort::DueDate => "coalesce(due_date, '9999-12-31')",
        };
        let (direction, beyond) = if self.sort.is_descending(self.order) {
            ("DESC", "<")
        } else {
            ("ASC", ">")
        };
        let after = match self.after {
            Some(_) => format!(" AND ({key}, id) {beyond} ($3, $4)"),
            None => String::new(),
        };
        format!(
            "SELECT {columns} FROM tasks WHERE user_id = $1 AND deleted_at IS NULL{filter}{after} \
             ORDER BY {key} {direction}, id {direction} LIMIT $2"
        )
    }
}
