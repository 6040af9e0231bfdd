use shared::task::NewTask;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::icon::Icon;
use super::task_editor::{detail_fields, detail_id, error_of};
use crate::dom;
use crate::draft::{self, Draft, EditDraft};
use crate::flag::use_flag;

/// The id of the input, where the focus stays.
pub const INPUT: &str = "new-task";

#[derive(PartialEq, Properties)]
pub struct AddTaskProps {
    /// Where what is typed is kept.
    pub draft_key: AttrValue,
    pub onadd: Callback<NewTask>,
}

/// Adds tasks, one after the other without leaving the keyboard.
#[component]
pub fn AddTask(props: &AddTaskProps) -> Html {
    let draft = use_state(|| draft::load(&props.draft_key).unwrap_or_default().typed);
    let open = use_state(|| !draft.description.is_empty() || !draft.due_date.is_empty());
    let insist = use_flag();
    let input = use_node_ref();
    let checked = draft.check();

    let change = {
        let (state, key) = (draft.setter(), props.draft_key.clone());
        Callback::from(move |new: Draft| {
            let kept = (new != Draft::default()).then(|| EditDraft::new(new.clone()));
            draft::save(&key, kept.as_ref());
            state.set(new);
        })
    };
    let onsubmit = {
        let (checked, change, insist) = (checked.clone(), change.clone(), insist.clone());
        let (onadd, input, open) = (props.onadd.clone(), input.clone(), open.clone());
        move |event: SubmitEvent| {
            event.prevent_default();
            insist.set(checked.is_err());
            match checked.clone() {
                Ok(new) => {
                    onadd.emit(new);
                    change.emit(Draft::default());
                    open.set(false);
                    dom::focus_node(&input);
                }
                Err(errors) if error_of(&errors, "/title").is_some() => dom::focus_node(&input),
                Err(errors) => {
                    // What is wrong may be folded away.
                    open.set(true);
                    dom::focus_soon(detail_id("new", &errors));
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
    let errors = checked.err().unwrap_or_default();
    // A title that is still blank is no mistake yet.
    let error = error_of(&errors, "/title").filter(|_| *insist || !draft.title.trim().is_empty());

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
                    { detail_fields("new", &draft, &errors, &change) }
                }
            </div>
        </form>
    }
}
