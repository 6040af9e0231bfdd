//! The form that adds a task.

use shared::problem::FieldError;
use shared::task::NewTask;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::draft::{Draft, EditDraft};
use super::draft_storage;
use super::editor::{detail_fields, detail_id};
use crate::browser::focus;
use crate::ui::flag::use_flag;
use crate::ui::form::error_of;
use crate::ui::icon::Icon;

/// The id of the input for the title.
pub const INPUT: &str = "new-task";

#[derive(PartialEq, Properties)]
pub struct AddTaskProps {
    /// The key of the draft.
    pub draft_key: AttrValue,
    pub onadd: Callback<NewTask>,
}

/// The form. After a task is added the focus stays in it, so that several are added with the keyboard.
#[component]
pub fn AddTask(props: &AddTaskProps) -> Html {
    let draft = use_state(|| draft_storage::load(&props.draft_key).unwrap_or_default().typed);
    let form = AddForm {
        key: props.draft_key.clone(),
        onadd: props.onadd.clone(),
        input: use_node_ref(),
        show_errors: use_flag(),
        show_details: use_state(|| !draft.description.is_empty() || !draft.due_date.is_empty()),
        draft,
    };
    let errors = form.draft.check().err().unwrap_or_default();
    let onsubmit = {
        let form = form.clone();
        move |event: SubmitEvent| {
            event.prevent_default();
            form.submit();
        }
    };
    let onchange = {
        let form = form.clone();
        Callback::from(move |draft| form.change(draft))
    };
    let toggle = {
        let show_details = form.show_details.clone();
        move |_| show_details.set(!*show_details)
    };
    html! {
        <form class="add" novalidate=true {onsubmit}>
            { form.title(&errors) }
            <button type="button" class="disclosure" aria-expanded={form.show_details.to_string()}
                aria-controls="new-details" onclick={toggle}>
                { Icon::Chevron.view() }
                { "Add details" }
            </button>
            <div id="new-details" hidden={!*form.show_details}>
                if *form.show_details {
                    { detail_fields("new", &form.draft, &errors, &onchange) }
                }
            </div>
        </form>
    }
}

#[derive(Clone)]
struct AddForm {
    key: AttrValue,
    onadd: Callback<NewTask>,
    input: NodeRef,
    /// Shows the error of a blank title: there was an attempt to submit.
    show_errors: UseStateHandle<bool>,
    show_details: UseStateHandle<bool>,
    draft: UseStateHandle<Draft>,
}

impl AddForm {
    fn change(&self, draft: Draft) {
        let stored = (draft != Draft::default()).then(|| EditDraft::new(draft.clone()));
        draft_storage::save(&self.key, stored.as_ref());
        self.draft.set(draft);
    }

    fn set_title(&self, title: String) {
        self.change(Draft {
            title,
            ..(*self.draft).clone()
        });
    }

    fn submit(&self) {
        let checked = self.draft.check();
        self.show_errors.set(checked.is_err());
        match checked {
            Ok(new) => {
                self.onadd.emit(new);
                self.change(Draft::default());
                self.show_details.set(false);
                focus::focus_node(&self.input);
            }
            Err(errors) if error_of(&errors, "title").is_some() => focus::focus_node(&self.input),
            Err(errors) => {
                // The input with the error may be hidden.
                self.show_details.set(true);
                focus::focus_after_render(detail_id("new", &errors));
            }
        }
    }

    fn title(&self, errors: &[FieldError]) -> Html {
        let title = &self.draft.title;
        // A blank title is no error before the attempt to submit it.
        let error = error_of(errors, "title").filter(|_| *self.show_errors || !title.trim().is_empty());
        let form = self.clone();
        let oninput = move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                form.set_title(input.value());
            }
        };
        html! {
            <>
                <div class="add-line">
                    <label class="sr-only" for={INPUT}>{ "New task" }</label>
                    <input id={INPUT} ref={self.input.clone()} class="add-input" type="text"
                        placeholder="What needs doing?" value={title.clone()} {oninput} autocomplete="off"
                        enterkeyhint="done" aria-invalid={error.is_some().then_some("true")}
                        aria-describedby={error.is_some().then_some("new-task-error")} />
                    <button type="submit" class="button button-main">
                        { Icon::Plus.view() }
                        <span>{ "Add task" }</span>
                    </button>
                </div>
                if let Some(error) = error {
                    <p id="new-task-error" class="field-error">{ error }</p>
                }
            </>
        }
    }
}
