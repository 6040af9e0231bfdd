//! The drafts in `sessionStorage`, so that a reload or the end of the session loses nothing.

use shared::task::Task;
use uuid::Uuid;

use super::draft::{Draft, EditDraft};
use crate::browser::storage::Area;
use crate::user_data;

/// The key of the draft of a new task.
pub fn new_task_key(user_id: &str) -> String {
    user_data::key("new", user_id)
}

/// The key of the draft of an edit.
pub fn edit_key(user_id: &str, task: Uuid) -> String {
    format!("{}/{task}", user_data::key("draft", user_id))
}

/// The key of the draft that offers a saved edit of a deleted task as a new task.
pub fn deleted_key(user_id: &str, task: Uuid) -> String {
    format!("{}/{task}", user_data::key("deleted", user_id))
}

/// The drafts of all edits of a user.
pub fn edits(user_id: &str) -> Vec<EditDraft> {
    Area::Tab.all(&format!("{}/", user_data::key("draft", user_id)))
}

/// The number of drafts of edits and new tasks that would change something.
pub fn unsaved(user_id: &str) -> usize {
    let new = load(&new_task_key(user_id));
    edits(user_id)
        .iter()
        .chain(&new)
        .filter(|draft| draft.is_changed())
        .count()
}

/// The draft at `key`.
pub fn load(key: &str) -> Option<EditDraft> {
    Area::Tab.get(key)
}

/// Stores a draft at `key`; `None` removes it.
pub fn save(key: &str, draft: Option<&EditDraft>) {
    match draft {
        Some(draft) => {
            Area::Tab.set(key, draft);
        }
        None => remove(key),
    }
}

/// Migrates the drafts that an earlier version of the client stored, which have no base, to their current keys.
pub fn migrate(user_id: &str, tasks: &[Task]) {
    let move_from = |name: &str, key: String, draft: &dyn Fn(Draft) -> EditDraft| {
        let old = format!("docket.draft.{user_id}.{name}");
        if let Some(typed) = Area::Tab.get(&old) {
            if !Area::Tab.has(&key) {
                save(&key, Some(&draft(typed)));
            }
            remove(&old);
        }
    };
    move_from("new", new_task_key(user_id), &EditDraft::new);
    for task in tasks {
        move_from(&task.id.to_string(), edit_key(user_id, task.id), &|typed| {
            EditDraft::typed(task, typed)
        });
    }
}

/// Removes the draft at `key`.
pub fn remove(key: &str) {
    Area::Tab.remove(key);
}
