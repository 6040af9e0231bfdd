//! The task editor, shown in place of the row, or in the card of a deleted task.

use shared::problem::FieldError;
use shared::task::DESCRIPTION_MAX;
use uuid::Uuid;
use yew::prelude::*;

use super::conflict::card_heading;
use super::draft::{Draft, EditDraft};
use super::draft_storage;
use super::store::Edit;
use crate::browser::focus;
use crate::ui::field::Field;
use crate::ui::flag::use_flag;
use crate::ui::form::error_of;

/// A longer description shows how many characters are left.
const SHOW_CHARACTERS_LEFT: usize = DESCRIPTION_MAX - 100;

#[derive(PartialEq, Properties)]
pub struct TaskEditorProps {
    /// The edit, unless there is a draft at `draft_key`.
    pub start: EditDraft,
    /// The key of the draft.
    pub draft_key: AttrValue,
    /// The task was deleted on another device: the text can be added as a new task.
    #[prop_or_default]
    pub deleted: bool,
    /// Called with the edit, which may change nothing.
    pub onsave: Callback<Edit>,
    pub oncancel: Callback<()>,
}

/// The editor. Ctrl-Enter and Enter in an input save; Escape cancels.
#[component]
pub fn TaskEditor(props: &TaskEditorProps) -> Html {
    let editor = Editor {
        key: props.draft_key.clone(),
        deleted: props.deleted,
        onsave: props.onsave.clone(),
        oncancel: props.oncancel.clone(),
        draft: use_state(|| draft_storage::load(&props.draft_key).unwrap_or_else(|| props.start.clone())),
        show_errors: use_flag(),
    };
    let onsubmit = {
        let editor = editor.clone();
        move |event: SubmitEvent| {
            event.prevent_default();
            editor.save();
        }
    };
    let onkeydown = {
        let editor = editor.clone();
        move |event: KeyboardEvent| editor.keydown(&event)
    };
    let onchange = {
        let editor = editor.clone();
        Callback::from(move |typed| editor.change(typed))
    };
    let texts = editor.texts();
    let task_id = editor.draft.task_id;
    let typed = &editor.draft.typed;
    let errors = typed.check().err().unwrap_or_default();
    let oninput = {
        let (typed, onchange) = (typed.clone(), onchange.clone());
        move |title| onchange.emit(Draft { title, ..typed.clone() })
    };
    let oncancel = {
        let editor = editor.clone();
        move |_| editor.cancel()
    };
    html! {
        <form class="editor" novalidate=true aria-label={texts.name} {onsubmit} {onkeydown}>
            { texts.heading }
            <Field id={title_id(task_id)} label="Title" value={typed.title.clone()} {oninput}
                error={error_of(&errors, "title")} show_error={*editor.show_errors} autocomplete="off" />
            { detail_fields(&task_id.to_string(), typed, &errors, &onchange) }
            <div class="editor-actions">
                <button type="submit" class="button button-main">{ texts.save }</button>
                <button type="button" class="button button-quiet" onclick={oncancel}>{ texts.cancel }</button>
            </div>
        </form>
    }
}

#[derive(Clone)]
struct Editor {
    key: AttrValue,
    deleted: bool,
    onsave: Callback<Edit>,
    oncancel: Callback<()>,
    draft: UseStateHandle<EditDraft>,
    /// Shows errors of inputs that the user has not left yet: there was an attempt to save.
    show_errors: UseStateHandle<bool>,
}

struct Texts {
    /// The accessible name.
    name: String,
    heading: Html,
    save: &'static str,
    cancel: &'static str,
}

impl Editor {
    fn texts(&self) -> Texts {
        let title = &self.draft.base.title;
        if !self.deleted {
            return Texts {
                name: format!("Edit {title}"),
                heading: Html::default(),
                save: "Save",
                cancel: "Cancel",
            };
        }
        let name = format!("“{title}” was deleted on another device");
        let text = "What you typed is kept here. You can add it as a new task.";
        Texts {
            heading: card_heading(self.draft.task_id, &name, text),
            name,
            save: "Add as a new task",
            cancel: "Discard",
        }
    }

    fn change(&self, typed: Draft) {
        let draft = EditDraft {
            typed,
            ..(*self.draft).clone()
        };
        draft_storage::save(&self.key, Some(&draft));
        self.draft.set(draft);
    }

    fn save(&self) {
        match self.draft.check() {
            Ok(edit) => {
                draft_storage::remove(&self.key);
                self.onsave.emit(edit);
            }
            Err(errors) => {
                self.show_errors.set(true);
                let task_id = self.draft.task_id;
                focus::focus(&if error_of(&errors, "title").is_some() {
                    title_id(task_id)
                } else {
                    detail_id(&task_id.to_string(), &errors)
                });
            }
        }
    }

    fn cancel(&self) {
        draft_storage::remove(&self.key);
        self.oncancel.emit(());
    }

    fn keydown(&self, event: &KeyboardEvent) {
        // The row around the editor has keys of its own.
        event.stop_propagation();
        // Keys during the composition of an input method are not commands.
        if event.is_composing() {
            return;
        }
        match event.key().as_str() {
            // The text of a deleted task is nowhere else, so only the button discards it.
            "Escape" if !self.deleted => self.cancel(),
            "Enter" if event.ctrl_key() || event.meta_key() => self.save(),
            _ => {}
        }
    }
}

/// The id of the input for the title of a task.
pub fn title_id(task: Uuid) -> String {
    format!("{task}-title")
}

/// The inputs for the fields besides the title. Their ids start with `prefix`.
pub fn detail_fields(prefix: &str, draft: &Draft, errors: &[FieldError], onchange: &Callback<Draft>) -> Html {
    let set_description = {
        let draft = draft.clone();
        onchange.reform(move |description| Draft {
            description,
            ..draft.clone()
        })
    };
    let set_due_date = {
        let draft = draft.clone();
        onchange.reform(move |due_date| Draft {
            due_date,
            ..draft.clone()
        })
    };
    let description = &draft.description;
    let length = description.trim_end().chars().count();
    let hint = (length > SHOW_CHARACTERS_LEFT)
        .then(|| DESCRIPTION_MAX.checked_sub(length))
        .flatten()
        .map(|left| AttrValue::from(format!("{left} characters left")));
    html! {
        <div class="details">
            <Field id={format!("{prefix}-description")} label="Description" multiline=true
                value={description.clone()} oninput={set_description}
                error={error_of(errors, "description")} show_error=true {hint} />
            <Field id={format!("{prefix}-due")} label="Due date" input_type="date"
                value={draft.due_date.clone()} oninput={set_due_date} error={error_of(errors, "due_date")}
                show_error=true />
        </div>
    }
}

/// The id of the first of the [`detail_fields`] with an error.
pub fn detail_id(prefix: &str, errors: &[FieldError]) -> String {
    let field = match error_of(errors, "description") {
        Some(_) => "description",
        None => "due",
    };
    format!("{prefix}-{field}")
}
