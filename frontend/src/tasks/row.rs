use chrono::NaiveDate;
use shared::task::Task;
use uuid::Uuid;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::conflict::heading_id;
use super::due_chip::due_chip;
use super::icon::Icon;
use super::task_editor::{self, TaskEditor};
use crate::dom;
use crate::draft::{self, EditDraft};
use crate::store::Edit;

/// What a person does to a task.
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
    /// A change of it waits to be sent, and cannot be sent now.
    pub waiting: bool,
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

/// A task: to tick off, to edit in its place, to delete.
#[component]
pub fn TaskRow(props: &TaskRowProps) -> Html {
    let task = &props.task;
    let draft_key = draft::edit_key(&task.user_id, task.id);
    // An edit that a reload or the end of a session interrupted goes on.
    let editing = use_state_eq(|| draft::load(&draft_key).is_some());
    let edit_id = edit_id(task.id);

    let act = {
        let (task, onaction) = (task.clone(), props.onaction.clone());
        Callback::from(move |action| onaction.emit((task.clone(), action)))
    };
    let leave = {
        let (editing, edit_id) = (editing.clone(), edit_id.clone());
        Callback::from(move |()| {
            editing.set(false);
            // A question about the edit may have taken the focus.
            dom::focus_if_lost(edit_id.clone());
        })
    };
    if *editing {
        let onsave = {
            let (act, leave) = (act.clone(), leave.clone());
            move |edit: Edit| {
                if edit.mine != edit.base {
                    act.emit(TaskAction::Change(edit));
                }
                leave.emit(());
            }
        };
        return html! {
            <li class="row row-editing">
                <TaskEditor start={EditDraft::of(task.id, Edit::of(task))} {draft_key} {onsave} oncancel={leave} />
            </li>
        };
    }

    let edit = {
        let (editing, id) = (editing.clone(), task.id);
        Callback::from(move |()| {
            // Another edit would replace the one that an open question is about, so the question comes first.
            if !dom::focus(&heading_id(id)) {
                editing.set(true);
                dom::focus_soon(task_editor::title_id(id));
            }
        })
    };
    let onkeydown = {
        let edit = edit.clone();
        move |event: KeyboardEvent| {
            let on_checkbox = event.target_dyn_into::<HtmlInputElement>().is_some();
            let plain = !(event.ctrl_key() || event.meta_key() || event.alt_key());
            if plain && (event.key() == "e" || (event.key() == "Enter" && on_checkbox)) {
                event.prevent_default();
                edit.emit(());
            }
        }
    };
    let onchange = {
        let act = act.clone();
        move |event: Event| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                act.emit(TaskAction::Complete(input.checked()));
            }
        }
    };
    let id = checkbox_id(task);
    html! {
        <li class={if task.completed { "row row-done" } else { "row" }} {onkeydown}>
            <label class="tick" for={id.clone()}>
                <input {id} type="checkbox" checked={task.completed} {onchange} />
                <span class="tick-box">{ Icon::Check.draw() }</span>
                <span class="sr-only">{ format!("Complete {}", task.title) }</span>
            </label>
            // The button "Edit" does the same for those who do not use a mouse.
            <div class="row-text" onclick={edit.reform(|_| ())}>
                <p class="row-title">{ &task.title }</p>
                if let Some(description) = &task.description {
                    <p class="row-description">{ description }</p>
                }
                if let Some(day) = task.due_date {
                    { due_chip(day, props.today, task.completed) }
                }
            </div>
            <div class="row-actions">
                if props.waiting {
                    <span class="row-waiting">{ Icon::Cloud.draw() }<span class="sr-only">{ "Not sent yet" }</span></span>
                }
                <button id={edit_id} type="button" class="icon-button" aria-label={format!("Edit {}", task.title)}
                    title="Edit" onclick={edit.reform(|_| ())}>
                    { Icon::Pencil.draw() }
                </button>
                <button type="button" class="icon-button icon-button-bad" title="Delete"
                    aria-label={format!("Delete {}", task.title)} onclick={act.reform(|_| TaskAction::Delete)}>
                    { Icon::Trash.draw() }
                </button>
            </div>
        </li>
    }
}
