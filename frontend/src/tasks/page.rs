//! The page of the tasks.

use chrono::NaiveDate;
use shared::account::User;
use shared::task::{NewTask, Task};
use uuid::Uuid;
use yew::prelude::*;

use super::actions::Actions;
use super::add_task::AddTask;
use super::decisions::decisions;
use super::draft::EditDraft;
use super::draft_storage;
use super::due_date::is_overdue;
use super::list::list;
use super::list_controls::list_controls;
use super::notifications::use_task_sync;
use super::offline_banner::offline_banner;
use super::row::TaskAction;
use super::sign_out::SignOut;
use super::store::{Counts, State, View};
use super::sync::TaskSync;
use super::view_query::use_view;
use crate::browser::clock;
use crate::session::SessionEnd;
use crate::ui::date;
use crate::ui::icon::Icon;
use crate::ui::page::Page;
use crate::ui::toast::Toasts;

#[derive(PartialEq, Properties)]
pub struct TasksPageProps {
    pub user: User,
    pub end_session: Callback<SessionEnd>,
    pub toasts: Toasts,
}

/// The page.
#[component]
pub fn TasksPage(props: &TasksPageProps) -> Html {
    let user_id = &props.user.id;
    let form = use_state(Uuid::nil);
    let sync = use_task_sync(user_id, &props.toasts, &props.end_session, form.setter());
    let drafts = use_drafts(user_id, &sync);
    let (view, show) = use_view();
    let update = use_force_update();
    let redraw = Callback::from(move |()| update.force_update());
    let today = clock::today();
    let actions = Actions {
        sync: sync.clone(),
        toasts: props.toasts.clone(),
    };

    let shown = sync.read(|state| visible_tasks(state, view, &drafts));
    let onadd = {
        let actions = actions.clone();
        move |new: NewTask| actions.add(new)
    };
    let onview = {
        let actions = actions.clone();
        Callback::from(move |view| {
            actions.announce_view(view);
            show.emit(view);
        })
    };
    let onaction = {
        let (actions, shown) = (actions.clone(), shown.clone());
        Callback::from(move |(task, action): (Task, TaskAction)| actions.change(&task, action, &shown, view))
    };
    let retry = {
        let sync = sync.clone();
        Callback::from(move |()| sync.retry())
    };
    let counts = sync.read(State::counts);
    html! {
        <Page title="Tasks" subtitle={sync.read(|state| summary(state, counts, today))}
            actions={bar_actions(props, sync.clone())}>
            { banner(&sync, counts, &retry) }
            { decisions(&actions, &drafts, today, &redraw) }
            <AddTask key={form.to_string()} draft_key={draft_storage::new_task_key(user_id)} {onadd} />
            <section class="tasks" aria-label="Your tasks">
                { list_controls(view, counts, &onview) }
                { sync.read(|state| list(state, &shown, view, today, &onaction, &retry)) }
            </section>
        </Page>
    }
}

/// The user's unsaved edits.
#[hook]
fn use_drafts(user_id: &str, sync: &TaskSync) -> Vec<EditDraft> {
    let loaded = sync.read(State::is_loaded);
    use_memo((user_id.to_owned(), loaded), |(user_id, _)| {
        draft_storage::migrate(user_id, &sync.read(State::tasks));
    });
    draft_storage::edits(user_id)
}

/// A task that is open in an editor stays in the list when the filter would hide it.
fn visible_tasks(state: &State, view: View, drafts: &[EditDraft]) -> Vec<Task> {
    state.visible_tasks(view, |task| drafts.iter().any(|draft| draft.task_id == task.id))
}

fn bar_actions(props: &TasksPageProps, sync: TaskSync) -> Html {
    html! {
        <div class="bar-actions">
            <a href="/settings" class="bar-name">
                { Icon::Gear.view() }
                <span class="sr-only">{ "Settings of " }</span>
                <span class="bar-name-text">{ &props.user.name }</span>
            </a>
            <SignOut user_id={props.user.id.clone()} {sync} toasts={props.toasts.clone()} end_session={&props.end_session} />
        </div>
    }
}

/// The date, and how many tasks are pending and overdue.
fn summary(state: &State, counts: Counts, today: NaiveDate) -> Html {
    let day = date::absolute(today, today);
    if !state.is_loaded() {
        return html! { <p>{ day }</p> };
    }
    let overdue = state.tasks().iter().filter(|task| is_overdue(task, today)).count();
    html! {
        <p>
            { format!("{day} · {} to do", counts.pending) }
            if overdue > 0 {
                { " · " }<span class="late">{ format!("{overdue} overdue") }</span>
            }
        </p>
    }
}

/// Shown while the server cannot be reached. Before the first load the list shows the error itself.
fn banner(sync: &TaskSync, counts: Counts, retry: &Callback<()>) -> Html {
    let all_stored = !sync.has_unstored();
    sync.read(|state| match state.connection_error() {
        Some(why) if state.is_loaded() || counts != Counts::default() => offline_banner(why, all_stored, retry),
        _ => Html::default(),
    })
}
