//! What is typed about a task and not saved yet. It is kept in the tab's storage, so that a reload or an ended session
//! loses nothing.

use serde::{Deserialize, Serialize};
use shared::problem::FieldError;
use shared::rules::Check;
use shared::task::{NewTask, Task};
use shared::times::parse_day;
use uuid::Uuid;

use crate::storage::Area;
use crate::store::Edit;

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
    pub fn of(task: &NewTask) -> Self {
        Self {
            title: task.title.clone(),
            description: task.description.clone().unwrap_or_default(),
            due_date: task.due_date.map(|day| day.to_string()).unwrap_or_default(),
        }
    }

    /// The task to add, or every rule it breaks.
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
        errors.push(FieldError::of("due_date", NO_DAY));
        Err(errors)
    }
}

/// An edit of a task that is not saved yet. A new task is an edit of nothing.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct EditDraft {
    /// The task; nil for a new one.
    pub task_id: Uuid,
    /// The task as it was when the editor was opened.
    pub base: NewTask,
    /// What stands in the editor.
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

    /// A draft of a task to add.
    pub fn new(typed: Draft) -> Self {
        Self {
            typed,
            ..Self::default()
        }
    }

    /// A draft of an edit of `task` as it is now, in which something is typed already.
    pub fn typed(task: &Task, typed: Draft) -> Self {
        Self {
            typed,
            ..Self::of(task.id, Edit::of(task))
        }
    }

    /// The edit to save, or every rule it breaks.
    pub fn check(&self) -> Result<Edit, Vec<FieldError>> {
        Ok(Edit {
            mine: self.typed.check()?,
            base: self.base.clone(),
        })
    }
}

/// Where the draft of a new task is kept.
pub fn new_task_key(user_id: &str) -> String {
    format!("docket.new.{user_id}")
}

/// Where the draft of an edit is kept.
pub fn edit_key(user_id: &str, task: Uuid) -> String {
    format!("{}{task}", prefix(user_id))
}

/// Where the draft is kept of what becomes of a saved edit whose task was deleted.
pub fn deleted_key(user_id: &str, task: Uuid) -> String {
    format!("docket.deleted.{}/{task}", js_sys::encode_uri_component(user_id))
}

/// Every edit of `user_id` that is not saved yet.
pub fn edits(user_id: &str) -> Vec<EditDraft> {
    Area::Tab.all(&prefix(user_id))
}

fn prefix(user_id: &str) -> String {
    // Encoded, no id can hold the slash that ends it.
    format!("docket.draft.{}/", js_sys::encode_uri_component(user_id))
}

/// The draft at `key`.
pub fn load(key: &str) -> Option<EditDraft> {
    Area::Tab.get(key)
}

/// Keeps a draft at `key`; `None` forgets it.
pub fn save(key: &str, draft: Option<&EditDraft>) {
    match draft {
        Some(draft) => {
            Area::Tab.set(key, draft);
        }
        None => forget(key),
    }
}

/// Moves the drafts that an earlier version of the client kept, as text without a base, to where they are kept now.
pub fn adopt(user_id: &str, tasks: &[Task]) {
    let move_from = |name: &str, key: String, draft: &dyn Fn(Draft) -> EditDraft| {
        let old = format!("docket.draft.{user_id}.{name}");
        if let Some(typed) = Area::Tab.get(&old) {
            if !Area::Tab.has(&key) {
                save(&key, Some(&draft(typed)));
            }
            forget(&old);
        }
    };
    move_from("new", new_task_key(user_id), &EditDraft::new);
    for task in tasks {
        move_from(&task.id.to_string(), edit_key(user_id, task.id), &|typed| {
            EditDraft::typed(task, typed)
        });
    }
}

/// Forgets the draft at `key`.
pub fn forget(key: &str) {
    Area::Tab.remove(key);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use chrono::{DateTime, NaiveDate};
    use shared::task::{NewTask, Task, TaskChange};
    use uuid::Uuid;

    use super::{Draft, EditDraft};
    use crate::store::Edit;

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
    }

    #[test]
    fn an_edit_is_made_of_the_task_that_the_editor_was_opened_on() {
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
        // As it comes back from the tab's storage.
        let kept: EditDraft = serde_json::from_str(&serde_json::to_string(&draft).unwrap()).unwrap();
        assert_eq!(kept, draft);
    }

    #[test]
    fn a_draft_that_was_kept_without_a_base_edits_the_task_as_it_is_now() {
        let kept = r#"{"title":"Green tea","description":"","due_date":"2030-01-31"}"#;
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
        let draft = EditDraft::typed(&task, serde_json::from_str(kept).unwrap());
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
