use shared::problem::FieldError;
use shared::task::{DESCRIPTION_MAX, Task, TaskChange};
use yew::prelude::*;

use super::field::Field;
use crate::dom;
use crate::draft::{self, Draft};
use crate::flag::use_flag;

/// From how many characters on a description is told how many are left.
const NEARLY_FULL: usize = DESCRIPTION_MAX - 100;

#[derive(PartialEq, Properties)]
pub struct TaskEditorProps {
    pub task: Task,
    /// Where what is typed is kept.
    pub draft_key: AttrValue,
    /// The change to make, which may be empty.
    pub onsave: Callback<TaskChange>,
    pub oncancel: Callback<()>,
}

/// Edits a task in its place: Enter saves, Escape leaves it as it was.
#[component]
pub fn TaskEditor(props: &TaskEditorProps) -> Html {
    let draft = use_state(|| draft::load(&props.draft_key).unwrap_or_else(|| Draft::of(&props.task)));
    let insist = use_flag();

    let change = {
        let (state, key) = (draft.setter(), props.draft_key.clone());
        Callback::from(move |new: Draft| {
            draft::save(&key, Some(&new));
            state.set(new);
        })
    };
    let save = {
        let (draft, task, insist) = (draft.clone(), props.task.clone(), insist.clone());
        let (key, onsave) = (props.draft_key.clone(), props.onsave.clone());
        Callback::from(move |()| match draft.changes(&task) {
            Ok(changes) => {
                draft::save(&key, None);
                onsave.emit(changes);
            }
            Err(errors) => {
                insist.set(true);
                dom::focus(&if error_of(&errors, "/title").is_some() {
                    title_id(&task)
                } else {
                    detail_id(&task.id.to_string(), &errors)
                });
            }
        })
    };
    let cancel = {
        let (key, oncancel) = (props.draft_key.clone(), props.oncancel.clone());
        Callback::from(move |()| {
            draft::save(&key, None);
            oncancel.emit(());
        })
    };
    let onsubmit = {
        let save = save.clone();
        move |event: SubmitEvent| {
            event.prevent_default();
            save.emit(());
        }
    };
    let onkeydown = {
        let cancel = cancel.clone();
        move |event: KeyboardEvent| {
            // The keys of the editor are not the keys of the row around it.
            event.stop_propagation();
            // While an input method is composing, its keys are its own.
            if event.is_composing() {
                return;
            }
            match event.key().as_str() {
                "Escape" => cancel.emit(()),
                "Enter" if event.ctrl_key() || event.meta_key() => save.emit(()),
                _ => {}
            }
        }
    };
    let oninput = {
        let (draft, change) = (draft.clone(), change.clone());
        move |title| {
            change.emit(Draft {
                title,
                ..(*draft).clone()
            })
        }
    };
    let errors = draft.check().err().unwrap_or_default();

    html! {
        <form class="editor" novalidate=true aria-label={format!("Edit {}", props.task.title)} {onsubmit} {onkeydown}>
            <Field id={title_id(&props.task)} label="Title" value={draft.title.clone()} {oninput}
                error={error_of(&errors, "/title")} insist={*insist} autocomplete="off" />
            { detail_fields(&props.task.id.to_string(), &draft, &errors, &change) }
            <div class="editor-actions">
                <button type="submit" class="button button-main">{ "Save" }</button>
                <button type="button" class="button button-quiet" onclick={move |_| cancel.emit(())}>
                    { "Cancel" }
                </button>
            </div>
        </form>
    }
}

/// The id of the input for the title of a task.
pub fn title_id(task: &Task) -> String {
    format!("{}-title", task.id)
}

/// What a task may have besides its title. The ids begin with `prefix`.
pub fn detail_fields(prefix: &str, draft: &Draft, errors: &[FieldError], onchange: &Callback<Draft>) -> Html {
    let describe = {
        let (draft, onchange) = (draft.clone(), onchange.clone());
        move |description| {
            onchange.emit(Draft {
                description,
                ..draft.clone()
            })
        }
    };
    let schedule = {
        let (draft, onchange) = (draft.clone(), onchange.clone());
        move |due_date| {
            onchange.emit(Draft {
                due_date,
                ..draft.clone()
            })
        }
    };
    let description = &draft.description;
    let length = description.trim_end().chars().count();
    let hint = (length > NEARLY_FULL)
        .then(|| DESCRIPTION_MAX.checked_sub(length))
        .flatten()
        .map(|left| AttrValue::from(format!("{left} characters left")));
    html! {
        <div class="details">
            <Field id={format!("{prefix}-description")} label="Description" multiline=true
                value={description.clone()} oninput={describe}
                error={error_of(errors, "/description")} insist=true {hint} />
            <Field id={format!("{prefix}-due")} label="Due date" kind="date"
                value={draft.due_date.clone()} oninput={schedule} error={error_of(errors, "/due_date")} insist=true />
        </div>
    }
}

/// The id of the first of the [`detail_fields`] with an error.
pub fn detail_id(prefix: &str, errors: &[FieldError]) -> String {
    let field = match error_of(errors, "/description") {
        Some(_) => "description",
        None => "due",
    };
    format!("{prefix}-{field}")
}

/// What is wrong with the member at `pointer`.
pub fn error_of(errors: &[FieldError], pointer: &str) -> Option<AttrValue> {
    errors
        .iter()
        .find(|error| error.pointer == pointer)
        .map(|error| error.detail.clone().into())
}
