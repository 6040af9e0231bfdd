//! A page of the task list: filter, order, and where it begins. Its SQL, and the cursor of the next page.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use shared::task::{Order, Sort, Status, TITLE_KEY_MAX, Task, title_key};
use uuid::Uuid;

/// Where a page begins: after this task, in the order of the list.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Position {
    /// The value of the task before the page that the list is sorted by.
    pub key: Key,
    /// The id of that task.
    pub id: Uuid,
}

/// A value that lists are sorted by.
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

    /// Whether it can be a position of a list that is sorted by `sort`: of the same kind, and of a value that both
    /// databases understand.
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

/// A part of a user's list.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Page {
    /// Which tasks.
    pub status: Status,
    /// By what they are sorted.
    pub sort: Sort,
    /// In which direction.
    pub order: Order,
    /// The most tasks.
    pub limit: u16,
    /// Where it begins; none for the first.
    pub after: Option<Position>,
}

impl Page {
    /// The statement of the page. `$1` is the user, `$2` the number of rows, `$3` and `$4` the position.
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
            // `NO_DUE_DATE`, which a bound parameter would hide from an index.
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
