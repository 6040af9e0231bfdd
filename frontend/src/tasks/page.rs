use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared::account::User;
use shared::task::{Completion, NewTask, Status, Task};
use uuid::Uuid;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;
use yew_router::prelude::*;

use crate::app::Route;
use crate::components::add_task::{self, AddTask};
use crate::components::conflict::{conflict_card, heading_id};
use crate::components::empty_state::empty_state;
use crate::components::icon::Icon;
use crate::components::list_controls::list_controls;
use crate::components::page::Page;
use crate::components::skeleton::skeleton;
use crate::components::task_editor::TaskEditor;
use crate::components::task_row::{TaskAction, TaskRow, checkbox_id, edit_id};
use crate::components::toast::{Toast, Toasts};
use crate::components::trouble_banner::trouble_banner;
use crate::draft::{self, Draft, EditDraft};
use crate::flag::use_flag;
use crate::session::End;
use crate::store::{Counts, Edit, Op, State, View};
use crate::sync::{News, TaskSync};
use crate::{api, dates, dom};

/// What to tell a person whose sign-out did not reach the server.
const NOT_TOLD: &str = "You are signed out on this device, but the server could not be told. \
    Your session stays open there until it expires.";

/// The filter and the order as they stand in the address.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Query {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sort: Option<String>,
}

impl Query {
    fn of(view: View) -> Self {
        let word = |word: &str, default: &str| (word != default).then(|| word.to_owned());
        let default = View::default();
        Self {
            status: word(view.status.as_str(), default.status.as_str()),
            sort: word(view.sort.as_str(), default.sort.as_str()),
        }
    }

    /// A word that means nothing is passed over.
    fn view(&self) -> View {
        let Self { status, sort } = self;
        View {
            status: status.as_deref().and_then(|word| word.parse().ok()).unwrap_or_default(),
            sort: sort.as_deref().and_then(|word| word.parse().ok()).unwrap_or_default(),
        }
    }
}

#[derive(PartialEq, Properties)]
pub struct TasksPageProps {
    pub user: User,
    /// Ends the session.
    pub end: Callback<End>,
    pub toasts: Toasts,
}

/// The tasks of a person.
#[component]
pub fn TasksPage(props: &TasksPageProps) -> Html {
    let (user, toasts) = (&props.user, &props.toasts);
    // Another key is another form, which begins with the draft that is kept.
    let form = use_state(Uuid::nil);
    let sync = use_task_sync(props, form.setter());
    let (view, show) = use_view();
    let leaving = use_flag();
    let update = use_force_update();
    let redraw = Callback::from(move |()| update.force_update());

    let loaded = sync.read(State::is_loaded);
    use_memo((user.id.clone(), loaded), |(user_id, _)| {
        draft::adopt(user_id, &sync.read(State::tasks));
    });
    let drafts = draft::edits(&user.id);
    let shown = sync.read(|state| state.show(view, |task| drafts.iter().any(|draft| draft.task_id == task.id)));
    let counts = sync.read(|state| state.counts());
    let trouble = sync.read(|state| state.trouble().map(ToOwned::to_owned));
    let waiting = waiting(&sync);
    let today = dates::today();

    let onadd = {
        let (sync, toasts) = (sync.clone(), toasts.clone());
        move |new: NewTask| {
            toasts.announce("Task added");
            sync.queue(Uuid::now_v7(), Op::Create(new));
        }
    };
    let onview = {
        let (sync, toasts) = (sync.clone(), toasts.clone());
        Callback::from(move |view: View| {
            let count = sync.read(|state| state.counts().of(view.status));
            toasts.announce(if count == 1 {
                "1 task shown".to_owned()
            } else {
                format!("{count} tasks shown")
            });
            show.emit(view);
        })
    };
    let onaction = {
        let (sync, toasts, shown) = (sync.clone(), toasts.clone(), shown.clone());
        Callback::from(move |(task, action): (Task, TaskAction)| {
            let id = task.id;
            match action {
                TaskAction::Change(edit) => sync.queue(id, Op::Change(edit)),
                TaskAction::Complete(completed) => {
                    if !view.status.shows(&Task {
                        completed,
                        ..task.clone()
                    }) {
                        focus_neighbour(&shown, id);
                    }
                    sync.queue(id, Op::Complete(Completion { completed }));
                }
                TaskAction::Delete => {
                    focus_neighbour(&shown, id);
                    let entry = sync.hold(id, Op::Delete);
                    let (undo, gone) = (sync.clone(), sync.clone());
                    toasts.show(Toast {
                        text: format!("Deleted “{}”", task.title).into(),
                        bad: false,
                        undo: Some(Callback::from(move |()| {
                            undo.undo(entry);
                            dom::focus_soon(checkbox_id(&task));
                        })),
                        gone: Callback::from(move |()| gone.release(entry)),
                    });
                }
            }
        })
    };
    let retry = {
        let sync = sync.clone();
        Callback::from(move |()| sync.wake())
    };
    let sign_out = {
        let (sync, toasts, end) = (sync.clone(), toasts.clone(), props.end.clone());
        let leaving = leaving.setter();
        move |_| {
            leaving.set(true);
            // The next person shall not read them.
            toasts.clear();
            let (sync, toasts, end) = (sync.clone(), toasts.clone(), end.clone());
            spawn_local(async move {
                sync.flush().await;
                // Whether or not the server hears of it, this browser forgets the session.
                let result = api::sign_out().await;
                end.emit(End::SignedOut);
                if result.is_err() {
                    toasts.show(Toast::bad(NOT_TOLD));
                }
            });
        }
    };

    let actions = html! {
        <div class="bar-actions">
            <a href="/settings" class="bar-name">
                { Icon::Gear.draw() }
                <span class="sr-only">{ "Settings of " }</span>
                <span class="bar-name-text">{ &user.name }</span>
            </a>
            <button type="button" class="button button-quiet" onclick={sign_out} disabled={*leaving}>
                { "Sign out" }
            </button>
        </div>
    };
    let known = loaded || counts != Counts::default();
    let list = if !shown.is_empty() {
        let rows = shown.iter().map(|task| {
            html! {
                <TaskRow key={task.id.to_string()} task={task.clone()} {today} waiting={waiting.contains(&task.id)}
                    onaction={&onaction} />
            }
        });
        // Without the role, Safari does not take a list without bullets for a list.
        html! { <ul class="list" role="list" aria-label="Tasks">{ for rows }</ul> }
    } else if let Some(why) = trouble.clone().filter(|_| !loaded) {
        let again = html! {
            <button type="button" class="button button-main" onclick={retry.reform(|_| ())}>{ "Try again" }</button>
        };
        html! { <div role="alert">{ empty_state(Icon::Cloud, "Your tasks could not be fetched", why, again) }</div> }
    } else if !loaded {
        skeleton("Loading your tasks")
    } else {
        empty(counts, view)
    };
    html! {
        <Page title="Tasks" subtitle={summary(&sync, counts, loaded, today)} {actions}>
            if let Some(why) = trouble.filter(|_| known) {
                { trouble_banner(&why, &retry) }
            }
            { questions(props, &sync, &drafts, today, &redraw) }
            <AddTask key={form.to_string()} draft_key={draft::new_task_key(&user.id)} {onadd} />
            <section class="tasks" aria-label="Your tasks">
                { list_controls(view, counts, &onview) }
                { list }
            </section>
        </Page>
    }
}

/// What the person has to decide: about edits that another device was faster with, and about text that was typed for a
/// task that does not exist any more.
fn questions(
    props: &TasksPageProps,
    sync: &TaskSync,
    drafts: &[EditDraft],
    today: NaiveDate,
    redraw: &Callback<()>,
) -> Html {
    let tasks = sync.read(State::tasks);
    let loaded = sync.read(State::is_loaded);
    let user_id = &props.user.id;
    let mut deleted: Vec<(String, EditDraft, Callback<()>)> = Vec::new();
    let mut cards: Vec<Html> = Vec::new();
    for question in sync.read(State::questions) {
        let id = question.task_id;
        let Some(theirs) = &question.theirs else {
            let sync = sync.clone();
            let drop_queued = Callback::from(move |()| sync.answer(id, None));
            deleted.push((
                draft::deleted_key(user_id, id),
                EditDraft::of(id, question.edit),
                drop_queued,
            ));
            continue;
        };
        let onanswer = {
            let (sync, toasts) = (sync.clone(), props.toasts.clone());
            Callback::from(move |edit: Edit| {
                sync.answer(id, Some(edit));
                toasts.announce("Saved");
                dom::focus_if_lost(edit_id(id));
            })
        };
        cards.push(html! {
            // A task that changed once more is another question.
            <div key={format!("{id}-{}", theirs.revision)} class="question">
                { conflict_card(&question, theirs, today, onanswer) }
            </div>
        });
    }
    let is_missing = |draft: &&EditDraft| {
        loaded
            && tasks.iter().all(|task| task.id != draft.task_id)
            && deleted.iter().all(|(_, known, _)| known.task_id != draft.task_id)
    };
    // What is typed in this tab waits while a saved edit of the same task, perhaps of another tab, is decided.
    let missing = drafts.iter().filter(is_missing).cloned();
    let missing: Vec<_> = missing
        // The editor forgets the draft itself. A queued edit of the same task is not what the card shows, so it stays.
        .map(|draft| (draft::edit_key(user_id, draft.task_id), draft, redraw.clone()))
        .collect();
    deleted.extend(missing);
    for (draft_key, start, close) in deleted {
        let leave = Callback::from(move |()| {
            close.emit(());
            dom::focus_if_lost(add_task::INPUT.to_owned());
        });
        let onsave = {
            let (sync, toasts, leave) = (sync.clone(), props.toasts.clone(), leave.clone());
            Callback::from(move |edit: Edit| {
                sync.queue(Uuid::now_v7(), Op::Create(edit.mine));
                toasts.announce("Task added");
                leave.emit(());
            })
        };
        cards.push(html! {
            <div key={draft_key.clone()} class="question">
                <TaskEditor {start} {draft_key} deleted=true {onsave} oncancel={leave} />
            </div>
        });
    }
    cards.into_iter().collect()
}

/// The tasks of the person, for as long as the page is shown.
#[hook]
fn use_task_sync(props: &TasksPageProps, form: UseStateSetter<Uuid>) -> TaskSync {
    let update = use_force_update();
    let (toasts, end) = (props.toasts.clone(), props.end.clone());
    let sync = use_memo(props.user.id.clone(), move |user_id| {
        let draft_key = draft::new_task_key(user_id);
        let hear = move |news| match news {
            News::Changed => {
                // The editor of a task that was deleted moves out of the list.
                dom::keep_focus();
                update.force_update();
            }
            News::Asked(question) => {
                let what = match &question.theirs {
                    Some(task) => format!("“{}” was changed on another device. Choose what to keep.", task.title),
                    None => deleted_elsewhere(&question.edit.base.title),
                };
                // Move focus only if it is still on the saved task, so that other input is not interrupted.
                if dom::has_focus(&edit_id(question.task_id)) {
                    dom::focus_soon(heading_id(question.task_id));
                } else {
                    dom::focus_if_lost(heading_id(question.task_id));
                    toasts.show(Toast::bad(what));
                }
            }
            News::Lost(why) => toasts.announce(format!("{why} What you do is kept on this device.")),
            News::SessionEnded => end.emit(End::Expired),
            News::Deleted(task) => toasts.show(Toast::bad(match task {
                Some(task) => deleted_elsewhere(&task.title),
                None => "The task was deleted on another device.".to_owned(),
            })),
            News::Refused(op, failure) => {
                toasts.show(Toast::bad(refusal(&op, &failure.message())));
                // A task that was refused is offered again, unless something else is being typed.
                if let (Op::Create(new), None) = (op, draft::load(&draft_key)) {
                    draft::save(&draft_key, Some(&EditDraft::new(Draft::of(&new))));
                    form.set(Uuid::now_v7());
                    if dom::has_focus(add_task::INPUT) {
                        dom::focus_soon(add_task::INPUT.to_owned());
                    }
                }
            }
        };
        TaskSync::new(user_id, Callback::from(hear))
    });
    use_effect_with(sync.clone(), |sync| {
        sync.start();
        let sync = sync.clone();
        move || sync.stop()
    });
    (*sync).clone()
}

/// The filter and the order, which are kept in the address so that "back" and a bookmark find them.
#[hook]
fn use_view() -> (View, Callback<View>) {
    let view = use_location()
        .and_then(|location| location.query::<Query>().ok())
        .unwrap_or_default()
        .view();
    let navigator = use_navigator();
    let show = Callback::from(move |view| {
        if let Some(navigator) = &navigator {
            // Two plain words always make a query.
            let _ = navigator.replace_with_query(&Route::Tasks, Query::of(view));
        }
    });
    (view, show)
}

/// Says that another device deleted the task with this title.
fn deleted_elsewhere(title: &str) -> String {
    format!("“{title}” was deleted on another device.")
}

/// What was refused and why, for a person.
fn refusal(op: &Op, why: &str) -> String {
    match op {
        Op::Create(new) => format!("“{}” was not added. {why}", new.title),
        Op::Change(_) | Op::Overwrite(_) | Op::Complete(_) => format!("Your change was taken back. {why}"),
        Op::Delete => format!("The task was not deleted. {why}"),
    }
}

/// The tasks of which a change cannot be sent now.
fn waiting(sync: &TaskSync) -> Vec<Uuid> {
    sync.read(|state| match state.trouble() {
        Some(_) => state.outbox().iter().map(|entry| entry.task_id).collect(),
        None => Vec::new(),
    })
}

/// What a person wants to know first.
fn summary(sync: &TaskSync, counts: Counts, loaded: bool, today: NaiveDate) -> Html {
    let day = dates::plain(today, today);
    if !loaded {
        return html! { <p>{ day }</p> };
    }
    let overdue = sync.read(|state| {
        let late = |task: &&Task| !task.completed && task.due_date.is_some_and(|due| due < today);
        state.tasks().iter().filter(late).count()
    });
    html! {
        <p>
            { format!("{day} · {} to do", counts.pending) }
            if overdue > 0 {
                { " · " }<span class="late">{ format!("{overdue} overdue") }</span>
            }
        </p>
    }
}

/// What stands where no task is.
fn empty(counts: Counts, view: View) -> Html {
    let (icon, title, text) = match view.status {
        _ if counts == Counts::default() => (Icon::Inbox, "No tasks yet", "Type the first one above and press Enter."),
        Status::Completed => (Icon::Inbox, "Nothing completed yet", "What you tick off is kept here."),
        Status::Pending | Status::All => (Icon::Check, "All done", "Nothing is left to do. Well done."),
    };
    empty_state(icon, title, text, Html::default())
}

/// Moves the focus from a row that is about to go to the next one.
fn focus_neighbour(shown: &[Task], id: Uuid) {
    let place = shown.iter().position(|task| task.id == id);
    let neighbour = place.and_then(|place| shown.get(place + 1).or_else(|| shown.get(place.checked_sub(1)?)));
    dom::focus_soon(neighbour.map_or_else(|| add_task::INPUT.to_owned(), checkbox_id));
}
