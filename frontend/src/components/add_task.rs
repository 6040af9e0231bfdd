use shared::problem::FieldError;
use shared::task::NewTask;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::icon::Icon;
use super::task_editor::{detail_fields, error_of};
use crate::dom;
use crate::draft::{self, Draft};

/// The id of the input, where the focus stays.
pub const INPUT: &str = "new-task";

#[derive(PartialEq, Properties)]
pub struct AddTaskProps {
    /// Where what is typed is kept.
    pub draft_key: AttrValue,
    /// A task that the server refused: it is offered again, unless something else is being typed.
    pub again: Option<Draft>,
    pub onadd: Callback<NewTask>,
}

/// Adds tasks, one after the other without leaving the keyboard.
#[component]
pub fn AddTask(props: &AddTaskProps) -> Html {
    let draft = use_state(|| draft::load(&props.draft_key).unwrap_or_default());
    let open = use_state(|| !draft.description.is_empty() || !draft.due_date.is_empty());
    let errors = use_state(Vec::<FieldError>::new);
    let input = use_node_ref();

    let change = {
        let (state, errors, key) = (draft.setter(), errors.clone(), props.draft_key.clone());
        Callback::from(move |new: Draft| {
            draft::save(&key, (new != Draft::default()).then_some(&new));
            if !errors.is_empty() {
                errors.set(new.check().err().unwrap_or_default());
            }
            state.set(new);
        })
    };
    {
        let (change, draft) = (change.clone(), draft.clone());
        use_effect_with(props.again.clone(), move |again| {
            if let Some(again) = again.clone().filter(|_| *draft == Draft::default()) {
                change.emit(again);
            }
        });
    }

    let onsubmit = {
        let (draft, change, errors) = (draft.clone(), change.clone(), errors.clone());
        let (onadd, input, open) = (props.onadd.clone(), input.clone(), open.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            match draft.check() {
                Ok(new) => {
                    onadd.emit(new);
                    errors.set(Vec::new());
                    change.emit(Draft::default());
                    open.set(false);
                    dom::focus_node(&input);
                }
                Err(found) => {
                    dom::focus(if found.iter().any(|error| error.pointer == "/title") {
                        INPUT
                    } else {
                        "new-description"
                    });
                    errors.set(found);
                }
            }
        }
    };
    let oninput = {
        let (draft, change) = (draft.clone(), change.clone());
        move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                let title = input.value();
                change.emit(Draft {
                    title,
                    ..(*draft).clone()
                });
            }
        }
    };
    let toggle = {
        let open = open.clone();
        move |_| open.set(!*open)
    };
    // A blank title is a slip, a long one is worth a word while it is typed.
    let error = error_of(&errors, "/title").or_else(|| {
        (!draft.title.trim().is_empty())
            .then(|| shared::task::title(&draft.title).err())?
            .map(AttrValue::from)
    });

    html! {
        <form class="add" novalidate=true {onsubmit}>
            <div class="add-line">
                <label class="sr-only" for={INPUT}>{ "New task" }</label>
                <input id={INPUT} ref={input} class="add-input" type="text" placeholder="What needs doing?"
                    value={draft.title.clone()} {oninput} autocomplete="off" enterkeyhint="done"
                    aria-invalid={error.is_some().then_some("true")}
                    aria-describedby={error.is_some().then_some("new-task-error")} />
                <button type="submit" class="button button-main">
                    { Icon::Plus.draw() }
                    <span>{ "Add task" }</span>
                </button>
            </div>
            if let Some(error) = error {
                <p id="new-task-error" class="field-error">{ error }</p>
            }
            <button type="button" class="disclosure" aria-expanded={open.to_string()} aria-controls="new-details"
                onclick={toggle}>
                { Icon::Chevron.draw() }
                { "Add details" }
            </button>
            <div id="new-details" hidden={!*open}>
                if *open {
                    { detail_fields("new", &draft, &change) }
                }
            </div>
        </form>
    }
}
