//! What is typed about a task and not saved yet. It is kept in the tab's storage, so that a reload or an ended session
//! loses nothing.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared::problem::FieldError;
use shared::rules::Check;
use shared::task::{NewTask, Task, TaskChange};
use uuid::Uuid;

use crate::storage::Area;

/// What is wrong with a due date that is no day. A browser's date input takes years of six digits.
const NO_DAY: &str = "A due date is a day such as 2030-05-01, with a year from 0001 to 9999.";

/// The fields of a task as text.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Draft {
    /// The title as typed.
    pub title: String,
    /// The description as typed.
    pub description: String,
    /// `2030-01-31`, or empty.
    pub due_date: String,
}

impl Draft {
    /// A draft that says what `task` says.
    pub fn of(task: &Task) -> Self {
        Self::new(&task.title, task.description.as_deref(), task.due_date)
    }

    /// A draft that says what `new` says.
    pub fn again(new: &NewTask) -> Self {
        Self::new(&new.title, new.description.as_deref(), new.due_date)
    }

    fn new(title: &str, description: Option<&str>, due_date: Option<NaiveDate>) -> Self {
        Self {
            title: title.to_owned(),
            description: description.unwrap_or_default().to_owned(),
            due_date: due_date.map(|day| day.to_string()).unwrap_or_default(),
        }
    }

    /// The task to add, or every rule it breaks.
    pub fn check(&self) -> Result<NewTask, Vec<FieldError>> {
        let due_date = self.due_date.parse().ok();
        let checked = NewTask {
            title: self.title.clone(),
            description: Some(self.description.clone()),
            due_date,
        }
        .check();
        if due_date.is_some() || self.due_date.is_empty() {
            return checked;
        }
        let mut errors = checked.err().unwrap_or_default();
        errors.push(FieldError::of("due_date", NO_DAY));
        Err(errors)
    }

    /// What to change of `task` so that it says the same, or every rule it breaks.
    pub fn changes(&self, task: &Task) -> Result<TaskChange, Vec<FieldError>> {
        let wanted = self.check()?;
        Ok(TaskChange {
            title: (wanted.title != task.title).then_some(wanted.title),
            description: (wanted.description != task.description).then_some(wanted.description),
            due_date: (wanted.due_date != task.due_date).then_some(wanted.due_date),
        })
    }
}

/// Where the draft of a new task is kept.
pub fn new_task_key(user_id: &str) -> String {
    format!("docket.draft.{user_id}.new")
}

/// Where the draft of an edit is kept.
pub fn edit_key(user_id: &str, task: Uuid) -> String {
    format!("docket.draft.{user_id}.{task}")
}

/// The draft at `key`.
pub fn load(key: &str) -> Option<Draft> {
    Area::Tab.get(key)
}

/// Keeps a draft at `key`; `None` forgets it.
pub fn save(key: &str, draft: Option<&Draft>) {
    match draft {
        Some(draft) => {
            Area::Tab.set(key, draft);
        }
        None => Area::Tab.remove(key),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use chrono::{DateTime, NaiveDate};
    use shared::task::{Task, TaskChange};
    use uuid::Uuid;

    use super::Draft;

    fn task() -> Task {
        let at = DateTime::from_timestamp(0, 0).unwrap();
        Task {
            id: Uuid::from_u128(1),
            user_id: "owner".to_owned(),
            title: "Buy milk".to_owned(),
            description: Some("Two bottles".to_owned()),
            completed: false,
            due_date: NaiveDate::from_ymd_opt(2030, 1, 31),
            created_at: at,
            updated_at: at,
            revision: 1,
        }
    }

    #[test]
    fn a_draft_that_changes_nothing_says_so() {
        let task = task();
        assert!(Draft::of(&task).changes(&task).unwrap().is_empty());
    }

    #[test]
    fn only_what_differs_is_changed_and_an_empty_field_clears() {
        let draft = Draft {
            title: " Buy milk ".to_owned(),
            description: String::new(),
            due_date: String::new(),
        };
        let expected = TaskChange {
            title: None,
            description: Some(None),
            due_date: Some(None),
        };
        assert_eq!(draft.changes(&task()).unwrap(), expected);
    }

    #[test]
    fn a_blank_title_is_refused() {
        let draft = Draft {
            title: "  ".to_owned(),
            ..Draft::default()
        };
        assert_eq!(draft.check().unwrap_err()[0].pointer, "/title");
    }

    #[test]
    fn a_due_date_that_is_no_day_is_refused_with_everything_else() {
        for due_date in ["123456-01-31", "2030-02-30", "tomorrow"] {
            let draft = Draft {
                due_date: due_date.to_owned(),
                ..Draft::default()
            };
            let errors = draft.check().unwrap_err();
            let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
            assert_eq!(pointers, ["/title", "/due_date"], "{due_date}");
        }
    }
}
