//! The card of a conflict: asks which value to keep of each field that was changed here and on another device.

use chrono::NaiveDate;
use shared::task::{NewTask, Task};
use uuid::Uuid;
use yew::prelude::*;

use super::store::{Conflict, Edit, Side, Sides, fields};
use crate::browser::dom;
use crate::ui::date;

/// The id of the heading of a task's card.
pub fn heading_id(task: Uuid) -> String {
    format!("decision-{task}")
}

/// The heading of a task's card: what happened to the task, and what the user can do.
pub fn card_heading(task: Uuid, title: &str, text: &'static str) -> Html {
    html! {
        <div class="decision-head">
            <h2 id={heading_id(task)} tabindex="-1">{ title }</h2>
            <p>{ text }</p>
        </div>
    }
}

/// The card. `theirs` is the task as the server has it.
pub fn conflict_card(conflict: &Conflict, theirs: &Task, today: NaiveDate, onresolve: Callback<Edit>) -> Html {
    let task_id = conflict.task_id;
    let (edit, theirs) = (conflict.edit.clone(), fields(theirs));
    let sides = edit.sides(&theirs);
    let name = format!("“{}” was changed on another device", theirs.title);
    let text = "You changed it here too. Choose which version to keep; nothing is overwritten until you do.";
    let choices = choices(task_id, [&edit.mine, &theirs], sides, today);
    let onsubmit = move |event: SubmitEvent| {
        event.prevent_default();
        let chosen = |side, field| match side {
            // The browser does not submit the form before each choice is made.
            Side::Conflict if dom::is_checked(&choice_id(task_id, field)) => Side::Mine,
            Side::Conflict => Side::Theirs,
            side => side,
        };
        let chosen = Sides {
            title: chosen(sides.title, TITLE),
            description: chosen(sides.description, DESCRIPTION),
            due_date: chosen(sides.due_date, DUE_DATE),
        };
        onresolve.emit(edit.resolved(&theirs, chosen));
    };
    html! {
        <form class="editor" aria-label={name.clone()} {onsubmit}>
            { card_heading(task_id, &name, text) }
            { choices }
            <div class="editor-actions">
                <button type="submit" class="button button-main">{ "Save choice" }</button>
            </div>
        </form>
    }
}

const TITLE: &str = "title";
const DESCRIPTION: &str = "description";
const DUE_DATE: &str = "due";

/// The id of the radio button for the user's own value of a field.
fn choice_id(task: Uuid, field: &str) -> String {
    format!("{}-{field}", heading_id(task))
}

/// A choice for each field in conflict, between the user's own value and the other device's.
fn choices(task: Uuid, versions: [&NewTask; 2], sides: Sides, today: NaiveDate) -> Html {
    let day = |fields: &NewTask| fields.due_date.map(|day| date::absolute(day, today));
    html! {
        <>
            if sides.title == Side::Conflict {
                { choice(task, TITLE, "Title", versions.map(|fields| Some(fields.title.clone()))) }
            }
            if sides.description == Side::Conflict {
                { choice(task, DESCRIPTION, "Description", versions.map(|fields| fields.description.clone())) }
            }
            if sides.due_date == Side::Conflict {
                { choice(task, DUE_DATE, "Due date", versions.map(day)) }
            }
        </>
    }
}

fn choice(task: Uuid, field: &str, label: &'static str, values: [Option<String>; 2]) -> Html {
    let id = choice_id(task, field);
    let option = |own_id: Option<String>, text: &'static str, value: Option<String>| {
        html! {
            <label class="option">
                <input type="radio" id={own_id} name={id.clone()} required=true />
                <span>
                    <span class="option-name">{ text }</span>
                    { " " }
                    <span class="option-value">{ value.unwrap_or_else(|| "None".to_owned()) }</span>
                </span>
            </label>
        }
    };
    let [mine, theirs] = values;
    html! {
        <fieldset class="choice">
            <legend>{ label }</legend>
            { option(Some(id.clone()), "Keep what I typed here", mine) }
            { option(None, "Keep the other device's", theirs) }
        </fieldset>
    }
}
