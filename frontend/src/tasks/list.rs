//! The list of tasks, or what is shown in its place.

use chrono::NaiveDate;
use shared::task::{Status, Task};
use uuid::Uuid;
use yew::prelude::*;

use super::row::{TaskAction, TaskRow};
use super::store::{Counts, State, View};
use crate::ui::icon::Icon;
use crate::ui::skeleton::skeleton;

/// The list of the `shown` tasks.
pub fn list(
    state: &State,
    shown: &[Task],
    view: View,
    today: NaiveDate,
    onaction: &Callback<(Task, TaskAction)>,
    retry: &Callback<()>,
) -> Html {
    if !shown.is_empty() {
        return rows(shown, &unsent(state), today, onaction);
    }
    match state.connection_error() {
        _ if state.is_loaded() => empty_list(state.counts(), view),
        Some(why) => load_error(why, retry),
        None => skeleton("Loading your tasks"),
    }
}

fn rows(shown: &[Task], unsent: &[Uuid], today: NaiveDate, onaction: &Callback<(Task, TaskAction)>) -> Html {
    let rows = shown.iter().map(|task| {
        html! {
            <TaskRow key={task.id.to_string()} task={task.clone()} {today} unsent={unsent.contains(&task.id)} {onaction} />
        }
    });
    // Without the role, VoiceOver does not announce a list without bullets as a list.
    html! { <ul class="list" role="list" aria-label="Tasks">{ for rows }</ul> }
}

/// The tasks with a change that cannot be sent now.
fn unsent(state: &State) -> Vec<Uuid> {
    match state.connection_error() {
        Some(_) => state.outbox().iter().map(|entry| entry.task_id).collect(),
        None => Vec::new(),
    }
}

fn load_error(why: &str, retry: &Callback<()>) -> Html {
    let button = html! {
        <button type="button" class="button button-main" onclick={retry.reform(|_| ())}>{ "Try again" }</button>
    };
    html! {
        <div role="alert">
            { message(Icon::Cloud, "Your tasks could not be loaded", why.to_owned(), button) }
        </div>
    }
}

fn empty_list(counts: Counts, view: View) -> Html {
    let (icon, title, text) = match view.status {
        _ if counts == Counts::default() => (Icon::Inbox, "No tasks yet", "Type the first one above and press Enter."),
        Status::Completed => (Icon::Inbox, "Nothing completed yet", "Completed tasks are shown here."),
        Status::Pending | Status::All => (Icon::Check, "All done", "There is nothing left to do."),
    };
    message(icon, title, text, Html::default())
}

fn message(icon: Icon, title: &'static str, text: impl Into<AttrValue>, action: Html) -> Html {
    html! {
        <div class="empty">
            <div class="empty-icon">{ icon.view() }</div>
            <h2>{ title }</h2>
            <p>{ text.into() }</p>
            { action }
        </div>
    }
}
