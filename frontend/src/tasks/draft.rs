//! Drafts: text that was typed and is not saved yet.

use serde::{Deserialize, Serialize};
use shared::problem::FieldError;
use shared::rules::Check;
use shared::task::{NewTask, Task};
use shared::times::parse_day;
use uuid::Uuid;

use super::store::Edit;

/// The error of an invalid due date. The date input of a browser accepts years with six digits.
const INVALID_DUE_DATE: &str = "The due date must be a date such as 2030-05-01, with a year from 0001 to 9999.";

/// The fields of a task as text.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Draft {
    pub title: String,
    pub description: String,
    /// `2030-01-31`, or empty.
    pub due_date: String,
}

impl Draft {
    /// A draft with the fields of `task`.
    pub fn of(task: &NewTask) -> Self {
        Self {
            title: task.title.clone(),
            description: task.description.clone().unwrap_or_default(),
            due_date: task.due_date.map(|day| day.to_string()).unwrap_or_default(),
        }
    }

    /// The task, or all rules that the draft breaks.
    pub fn check(&self) -> Result<NewTask, Vec<FieldError>> {
        let due_date = parse_day(&self.due_date);
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
        errors.push(FieldError::of("due_date", INVALID_DUE_DATE));
        Err(errors)
    }
}

/// An edit of a task that is not saved yet, or a new task.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct EditDraft {
    /// The task; nil if it is new.
    pub task_id: Uuid,
    /// The fields when the editor was opened.
    pub base: NewTask,
    /// The fields in the editor.
    pub typed: Draft,
}

impl EditDraft {
    /// A draft of `edit`.
    pub fn of(task_id: Uuid, edit: Edit) -> Self {
        Self {
            task_id,
            typed: Draft::of(&edit.mine),
            base: edit.base,
        }
    }

    /// A draft of a new task.
    pub fn new(typed: Draft) -> Self {
        Self {
            typed,
            ..Self::default()
        }
    }

    /// A draft of an edit that is based on the current `task`.
    pub fn typed(task: &Task, typed: Draft) -> Self {
        Self {
            typed,
            ..Self::of(task.id, Edit::of(task))
        }
    }

    /// Whether saving the draft would change something.
    pub fn is_changed(&self) -> bool {
        self.typed != Draft::of(&self.base)
    }

    /// The edit, or all rules that the draft breaks.
    pub fn check(&self) -> Result<Edit, Vec<FieldError>> {
        Ok(Edit {
            mine: self.typed.check()?,
            base: self.base.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use chrono::{DateTime, NaiveDate};
    use shared::task::{NewTask, Task, TaskChange};
    use uuid::Uuid;

    use super::{Draft, EditDraft};
    use crate::tasks::store::Edit;

    fn tea() -> NewTask {
        NewTask {
            title: "Tea".to_owned(),
            description: Some("Two bags".to_owned()),
            due_date: NaiveDate::from_ymd_opt(2030, 1, 31),
        }
    }

    fn opened() -> EditDraft {
        let (base, mine) = (tea(), tea());
        EditDraft::of(Uuid::nil(), Edit { base, mine })
    }

    #[test]
    fn an_editor_that_is_opened_changes_nothing() {
        assert_eq!(opened().check().unwrap().mine, tea());
        assert!(!opened().is_changed());
    }

    #[test]
    fn an_edit_is_based_on_the_task_when_the_editor_was_opened() {
        let typed = Draft {
            title: " Green tea ".to_owned(),
            description: String::new(),
            due_date: String::new(),
        };
        let draft = EditDraft { typed, ..opened() };
        let edit = draft.check().unwrap();
        assert_eq!(edit.base, tea());
        let mine = NewTask {
            title: "Green tea".to_owned(),
            ..NewTask::default()
        };
        assert_eq!(edit.mine, mine);
        // A draft survives storage.
        let stored: EditDraft = serde_json::from_str(&serde_json::to_string(&draft).unwrap()).unwrap();
        assert_eq!(stored, draft);
    }

    #[test]
    fn a_stored_draft_without_a_base_is_based_on_the_current_task() {
        let stored = r#"{"title":"Green tea","description":"","due_date":"2030-01-31"}"#;
        let task = Task {
            id: Uuid::from_u128(1),
            user_id: "owner".to_owned(),
            title: tea().title,
            description: tea().description,
            completed: false,
            due_date: tea().due_date,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            revision: 1,
        };
        let draft = EditDraft::typed(&task, serde_json::from_str(stored).unwrap());
        assert_eq!(draft.task_id, task.id);
        let edit = draft.check().unwrap();
        assert_eq!(edit.base, tea());
        let change = TaskChange {
            title: Some("Green tea".to_owned()),
            description: Some(None),
            due_date: None,
        };
        assert_eq!(edit.changes(&tea()), change);
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
    fn an_invalid_due_date_is_refused_with_all_other_errors() {
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
