use chrono::NaiveDate;
use shared::task::Task;
use uuid::Uuid;
use yew::prelude::*;

use crate::store::{Edit, Question, Side, Sides, members};
use crate::{dates, dom};

/// The id of the heading of what a person has to decide about a task.
pub fn heading_id(task: Uuid) -> String {
    format!("question-{task}")
}

/// Says what has happened to a task that the person has edited.
pub fn question_heading(task: Uuid, title: &str, text: &'static str) -> Html {
    html! {
        <div class="question-head">
            <h2 id={heading_id(task)} tabindex="-1">{ title }</h2>
            <p>{ text }</p>
        </div>
    }
}

/// Asks which value to keep of each member that was changed both here and on another device.
pub fn conflict_card(question: &Question, theirs: &Task, today: NaiveDate, onanswer: Callback<Edit>) -> Html {
    let id = heading_id(question.task_id);
    let (edit, theirs) = (question.edit.clone(), members(theirs));
    let sides = edit.sides(&theirs);

    let day = |day: Option<NaiveDate>| day.map(|day| dates::plain(day, today));
    let [title, description, due_date] = ["title", "description", "due"].map(|member| format!("{id}-{member}"));
    let text = |title: &String| Some(title.clone());
    let choices = html! {
        <>
            if sides.title == Side::Conflict {
                { choice(&title, "Title", text(&edit.mine.title), text(&theirs.title)) }
            }
            if sides.description == Side::Conflict {
                { choice(&description, "Description", edit.mine.description.clone(), theirs.description.clone()) }
            }
            if sides.due_date == Side::Conflict {
                { choice(&due_date, "Due date", day(edit.mine.due_date), day(theirs.due_date)) }
            }
        </>
    };
    let name = format!("“{}” was changed on another device", theirs.title);
    let heading = question_heading(
        question.task_id,
        &name,
        "You changed it here too. Choose which version to keep; nothing is overwritten until you do.",
    );
    let onsubmit = move |event: SubmitEvent| {
        event.prevent_default();
        let chosen = |side, id: &str| match side {
            // The browser lets the form be sent only once each choice is made.
            Side::Conflict if dom::is_checked(id) => Side::Mine,
            Side::Conflict => Side::Theirs,
            side => side,
        };
        let chosen = Sides {
            title: chosen(sides.title, &title),
            description: chosen(sides.description, &description),
            due_date: chosen(sides.due_date, &due_date),
        };
        onanswer.emit(edit.decided(&theirs, chosen));
    };
    html! {
        <form class="editor" aria-label={name} {onsubmit}>
            { heading }
            { choices }
            <div class="editor-actions">
                <button type="submit" class="button button-main">{ "Save choice" }</button>
            </div>
        </form>
    }
}

/// Asks for one of two values. The input for the person's own value has the id `id`.
fn choice(id: &str, label: &'static str, mine: Option<String>, theirs: Option<String>) -> Html {
    let option = |own_id: Option<String>, text: &'static str, value: Option<String>| {
        html! {
            <label class="option">
                <input type="radio" id={own_id} name={id.to_owned()} required=true />
                <span>
                    <span class="option-name">{ text }</span>
                    { " " }
                    <span class="option-value">{ value.unwrap_or_else(|| "None".to_owned()) }</span>
                </span>
            </label>
        }
    };
    html! {
        <fieldset class="choice">
            <legend>{ label }</legend>
            { option(Some(id.to_owned()), "Keep what I typed here", mine) }
            { option(None, "Keep the other device's", theirs) }
        </fieldset>
    }
}
