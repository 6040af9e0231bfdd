//! What the user can do on the page: each action changes the store, and announces or offers to undo it.

use shared::task::{Completion, NewTask, Task};
use uuid::Uuid;
use yew::prelude::*;

use super::add_task;
use super::row::{TaskAction, checkbox_id, edit_id};
use super::store::{Edit, Op, View};
use super::sync::TaskSync;
use crate::browser::focus;
use crate::ui::toast::{Toast, Toasts};

/// The actions.
#[derive(Clone, PartialEq)]
pub struct Actions {
    pub sync: TaskSync,
    pub toasts: Toasts,
}

impl Actions {
    pub fn add(&self, new: NewTask) {
        self.toasts.announce("Task added");
        self.sync.queue(Uuid::now_v7(), Op::Create(new));
    }

    /// Announces how many tasks another view shows.
    pub fn announce_view(&self, view: View) {
        let count = self.sync.read(|state| state.counts().of(view.status));
        self.toasts.announce(if count == 1 {
            "1 task shown".to_owned()
        } else {
            format!("{count} tasks shown")
        });
    }

    /// Changes a task of the list `shown`.
    pub fn change(&self, task: &Task, action: TaskAction, shown: &[Task], view: View) {
        let id = task.id;
        match action {
            TaskAction::Change(edit) => self.sync.queue(id, Op::Change(edit)),
            TaskAction::Complete(completed) => {
                let changed = Task {
                    completed,
                    ..task.clone()
                };
                if !view.status.shows(&changed) {
                    focus_neighbour(shown, id);
                }
                self.sync.queue(id, Op::Complete(Completion { completed }));
            }
            TaskAction::Delete => {
                focus_neighbour(shown, id);
                self.delete(task);
            }
        }
    }

    fn delete(&self, task: &Task) {
        let entry = self.sync.queue_undoable(task.id, Op::Delete);
        let (undo, expire) = (self.sync.clone(), self.sync.clone());
        let checkbox = checkbox_id(task);
        self.toasts.show(Toast {
            text: format!("Deleted “{}”", task.title).into(),
            is_error: false,
            onundo: Some(Callback::from(move |()| {
                undo.undo(entry);
                focus::focus_after_render(checkbox.clone());
            })),
            onclose: Callback::from(move |()| expire.expire_undo(entry)),
        });
    }

    pub fn resolve(&self, task_id: Uuid, edit: Edit) {
        self.sync.resolve(task_id, Some(edit));
        self.toasts.announce("Saved");
        focus::focus_if_lost(edit_id(task_id));
    }
}

/// Moves the focus from a row that is about to be removed to its neighbour.
fn focus_neighbour(shown: &[Task], id: Uuid) {
    let index = shown.iter().position(|task| task.id == id);
    let neighbour = index.and_then(|index| shown.get(index + 1).or_else(|| shown.get(index.checked_sub(1)?)));
    focus::focus_after_render(neighbour.map_or_else(|| add_task::INPUT.to_owned(), checkbox_id));
}
