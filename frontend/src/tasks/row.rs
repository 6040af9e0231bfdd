//! A task in the list.

use chrono::NaiveDate;
use shared::task::Task;
use uuid::Uuid;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::conflict::heading_id;
use super::draft::EditDraft;
use super::draft_storage;
use super::due_date::due_chip;
use super::editor::{self, TaskEditor};
use super::store::Edit;
use crate::browser::focus;
use crate::ui::icon::Icon;

/// What the user does with a task.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskAction {
    Complete(bool),
    Change(Edit),
    Delete,
}

#[derive(PartialEq, Properties)]
pub struct TaskRowProps {
    pub task: Task,
    pub today: NaiveDate,
    /// The task has a change that cannot be sent now.
    pub unsent: bool,
    pub onaction: Callback<(Task, TaskAction)>,
}

/// The id of the checkbox of a task.
pub fn checkbox_id(task: &Task) -> String {
    format!("done-{}", task.id)
}

/// The id of the button that opens the editor of a task.
pub fn edit_id(task: Uuid) -> String {
    format!("edit-{task}")
}

/// The row, or the editor in its place.
#[component]
pub fn TaskRow(props: &TaskRowProps) -> Html {
    let task = &props.task;
    let draft_key = draft_storage::edit_key(&task.user_id, task.id);
    // After a reload or a sign-in the editor is still open.
    let editing = use_state_eq(|| draft_storage::load(&draft_key).is_some());
    let row = Row {
        task: task.clone(),
        onaction: props.onaction.clone(),
        editing,
    };
    if *row.editing {
        row.editor(draft_key)
    } else {
        row.view(props.today, props.unsent)
    }
}

#[derive(Clone)]
struct Row {
    task: Task,
    onaction: Callback<(Task, TaskAction)>,
    editing: UseStateHandle<bool>,
}

impl Row {
    fn act(&self, action: TaskAction) {
        self.onaction.emit((self.task.clone(), action));
    }

    fn open_editor(&self) {
        let id = self.task.id;
        // A conflict has to be resolved before the next edit, which would replace the edit in conflict.
        if !focus::focus(&heading_id(id)) {
            self.editing.set(true);
            focus::focus_after_render(editor::title_id(id));
        }
    }

    fn close_editor(&self) {
        self.editing.set(false);
        // The card of a conflict may have the focus.
        focus::focus_if_lost(edit_id(self.task.id));
    }

    fn save(&self, edit: Edit) {
        if edit.mine != edit.base {
            self.act(TaskAction::Change(edit));
        }
        self.close_editor();
    }

    fn keydown(&self, event: &KeyboardEvent) {
        let on_checkbox = event.target_dyn_into::<HtmlInputElement>().is_some();
        let plain = !(event.ctrl_key() || event.meta_key() || event.alt_key());
        if plain && (event.key() == "e" || (event.key() == "Enter" && on_checkbox)) {
            event.prevent_default();
            self.open_editor();
        }
    }

    fn editor(self, draft_key: String) -> Html {
        let start = EditDraft::of(self.task.id, Edit::of(&self.task));
        let oncancel = {
            let row = self.clone();
            move |()| row.close_editor()
        };
        html! {
            <li class="row row-editing">
                <TaskEditor {start} {draft_key} onsave={move |edit| self.save(edit)} {oncancel} />
            </li>
        }
    }

    fn view(self, today: NaiveDate, unsent: bool) -> Html {
        let open_editor = {
            let row = self.clone();
            Callback::from(move |_: MouseEvent| row.open_editor())
        };
        let onkeydown = {
            let row = self.clone();
            move |event: KeyboardEvent| row.keydown(&event)
        };
        let task = &self.task;
        html! {
            <li class={if task.completed { "row row-done" } else { "row" }} {onkeydown}>
                { self.checkbox() }
                // For the pointer only: the keyboard and screen readers use the button "Edit".
                <div class="row-text" onclick={open_editor.clone()}>
                    <p class="row-title">{ &task.title }</p>
                    if let Some(description) = &task.description {
                        <p class="row-description">{ description }</p>
                    }
                    if let Some(day) = task.due_date {
                        { due_chip(day, today, task.completed) }
                    }
                </div>
                { self.buttons(open_editor, unsent) }
            </li>
        }
    }

    fn checkbox(&self) -> Html {
        let id = checkbox_id(&self.task);
        let row = self.clone();
        let onchange = move |event: Event| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                row.act(TaskAction::Complete(input.checked()));
            }
        };
        html! {
            <label class="tick" for={id.clone()}>
                <input {id} type="checkbox" checked={self.task.completed} {onchange} />
                <span class="tick-box">{ Icon::Check.view() }</span>
                <span class="sr-only">{ format!("Complete {}", self.task.title) }</span>
            </label>
        }
    }

    fn buttons(&self, open_editor: Callback<MouseEvent>, unsent: bool) -> Html {
        let title = &self.task.title;
        let row = self.clone();
        html! {
            <div class="row-actions">
                if unsent {
                    <span class="row-waiting">{ Icon::Cloud.view() }<span class="sr-only">{ "Not sent yet" }</span></span>
                }
                <button id={edit_id(self.task.id)} type="button" class="icon-button" title="Edit"
                    aria-label={format!("Edit {title}")} onclick={open_editor}>
                    { Icon::Pencil.view() }
                </button>
                <button type="button" class="icon-button icon-button-bad" title="Delete"
                    aria-label={format!("Delete {title}")} onclick={move |_| row.act(TaskAction::Delete)}>
                    { Icon::Trash.view() }
                </button>
            </div>
        }
    }
}
