use shared::problem::FieldError;
use shared::task::DESCRIPTION_MAX;
use uuid::Uuid;
use yew::prelude::*;

use super::conflict::question_heading;
use super::field::Field;
use crate::dom;
use crate::draft::{self, Draft, EditDraft};
use crate::flag::use_flag;
use crate::store::Edit;

/// From how many characters on a description is told how many are left.
const NEARLY_FULL: usize = DESCRIPTION_MAX - 100;

#[derive(PartialEq, Properties)]
pub struct TaskEditorProps {
    /// What is edited, unless something is kept at `draft_key`.
    pub start: EditDraft,
    /// Where what is typed is kept.
    pub draft_key: AttrValue,
    /// The task does not exist any more: what is typed can become a new one.
    #[prop_or_default]
    pub deleted: bool,
    /// The edit to make, which may change nothing.
    pub onsave: Callback<Edit>,
    pub oncancel: Callback<()>,
}

/// Edits a task in its place: Enter saves, Escape leaves it as it was.
#[component]
pub fn TaskEditor(props: &TaskEditorProps) -> Html {
    let draft = use_state(|| draft::load(&props.draft_key).unwrap_or_else(|| props.start.clone()));
    let insist = use_flag();
    let task_id = draft.task_id;
    let deleted = props.deleted;

    let change = {
        let (draft, key) = (draft.clone(), props.draft_key.clone());
        Callback::from(move |typed: Draft| {
            let new = EditDraft {
                typed,
                ..(*draft).clone()
            };
            draft::save(&key, Some(&new));
            draft.set(new);
        })
    };
    let save = {
        let (draft, insist) = (draft.clone(), insist.clone());
        let (key, onsave) = (props.draft_key.clone(), props.onsave.clone());
        Callback::from(move |()| match draft.check() {
            Ok(edit) => {
                draft::forget(&key);
                onsave.emit(edit);
            }
            Err(errors) => {
                insist.set(true);
                dom::focus(&if error_of(&errors, "/title").is_some() {
                    title_id(task_id)
                } else {
                    detail_id(&task_id.to_string(), &errors)
                });
            }
        })
    };
    let cancel = {
        let (key, oncancel) = (props.draft_key.clone(), props.oncancel.clone());
        Callback::from(move |()| {
            draft::forget(&key);
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
                // Of a deleted task this text is all that is left: only the button throws it away.
                "Escape" if !deleted => cancel.emit(()),
                "Enter" if event.ctrl_key() || event.meta_key() => save.emit(()),
                _ => {}
            }
        }
    };
    let oninput = {
        let (typed, change) = (draft.typed.clone(), change.clone());
        move |title| change.emit(Draft { title, ..typed.clone() })
    };
    let errors = draft.typed.check().err().unwrap_or_default();
    let title = &draft.base.title;
    let (name, heading, save, leave) = if deleted {
        let name = format!("“{title}” was deleted on another device");
        let heading = question_heading(
            task_id,
            &name,
            "What you typed is kept here. You can add it as a new task.",
        );
        (name, heading, "Add as a new task", "Discard")
    } else {
        (format!("Edit {title}"), Html::default(), "Save", "Cancel")
    };

    html! {
        <form class="editor" novalidate=true aria-label={name} {onsubmit} {onkeydown}>
            { heading }
            <Field id={title_id(task_id)} label="Title" value={draft.typed.title.clone()} {oninput}
                error={error_of(&errors, "/title")} insist={*insist} autocomplete="off" />
            { detail_fields(&task_id.to_string(), &draft.typed, &errors, &change) }
            <div class="editor-actions">
                <button type="submit" class="button button-main">{ save }</button>
                <button type="button" class="button button-quiet" onclick={move |_| cancel.emit(())}>{ leave }</button>
            </div>
        </form>
    }
}

/// The id of the input for the title of a task.
pub fn title_id(task: Uuid) -> String {
    format!("{task}-title")
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
