//! Shows and announces the notifications of the synchronisation.

use uuid::Uuid;
use yew::prelude::*;

use super::add_task;
use super::conflict::heading_id;
use super::draft::{Draft, EditDraft};
use super::draft_storage;
use super::row::edit_id;
use super::store::{Conflict, Op};
use super::sync::{Notification, TaskSync};
use crate::browser::focus;
use crate::failure::Failure;
use crate::session::SessionEnd;
use crate::ui::toast::{Toast, Toasts};

/// The message when the browser did not store a change.
const NOT_STORED: &str = "Your browser's storage is full or disabled. Keep this tab open until your changes are sent.";

/// The synchronisation of the user's tasks, while the page is shown. `form` is the key of the form for new tasks: another
/// key makes another form, which starts with the stored draft.
#[hook]
pub fn use_task_sync(
    user_id: &str,
    toasts: &Toasts,
    end_session: &Callback<SessionEnd>,
    form: UseStateSetter<Uuid>,
) -> TaskSync {
    let update = use_force_update();
    let (toasts, end_session) = (toasts.clone(), end_session.clone());
    let sync = use_memo(user_id.to_owned(), move |user_id| {
        let draft_key = draft_storage::new_task_key(user_id);
        let notify = move |notification| match notification {
            Notification::Changed => {
                // The editor of a task that was deleted moves from the list to a card.
                focus::keep_focus();
                update.force_update();
            }
            Notification::Conflict(conflict) => show_conflict(&toasts, &conflict),
            Notification::ConnectionLost(why) => {
                toasts.announce(format!("{why} Your changes are kept and will be sent."));
            }
            Notification::NotStored => toasts.show(Toast::error(NOT_STORED)),
            Notification::SessionEnded => end_session.emit(SessionEnd::Expired),
            Notification::DeletedElsewhere(task) => toasts.show(Toast::error(match task {
                Some(task) => deleted_elsewhere(&task.title),
                None => "The task was deleted on another device.".to_owned(),
            })),
            Notification::Refused(op, failure) => show_refusal(&toasts, op, &failure, &draft_key, &form),
        };
        TaskSync::new(user_id, Callback::from(notify))
    });
    use_effect_with(sync.clone(), |sync| {
        sync.start();
        let sync = sync.clone();
        move || sync.stop()
    });
    (*sync).clone()
}

fn show_conflict(toasts: &Toasts, conflict: &Conflict) {
    let id = conflict.task_id;
    // The focus moves only from the edited task or from nowhere, so that other input is not interrupted.
    if focus::has_focus(&edit_id(id)) {
        focus::focus_after_render(heading_id(id));
    } else {
        focus::focus_if_lost(heading_id(id));
        toasts.show(Toast::error(match &conflict.theirs {
            Some(task) => format!("“{}” was changed on another device. Choose what to keep.", task.title),
            None => deleted_elsewhere(&conflict.edit.base.title),
        }));
    }
}

/// Reports a refused change. A refused task becomes the draft of a new one, unless there is a draft already.
fn show_refusal(toasts: &Toasts, op: Op, failure: &Failure, draft_key: &str, form: &UseStateSetter<Uuid>) {
    toasts.show(Toast::error(refusal(&op, &failure.message())));
    if let (Op::Create(new), None) = (op, draft_storage::load(draft_key)) {
        draft_storage::save(draft_key, Some(&EditDraft::new(Draft::of(&new))));
        form.set(Uuid::now_v7());
        if focus::has_focus(add_task::INPUT) {
            focus::focus_after_render(add_task::INPUT.to_owned());
        }
    }
}

fn refusal(op: &Op, why: &str) -> String {
    match op {
        Op::Create(new) => format!("“{}” was not added. {why}", new.title),
        Op::Change(_) | Op::Overwrite(_) | Op::Complete(_) => {
            format!("Your change was not saved and has been undone. {why}")
        }
        Op::Delete => format!("The task was not deleted. {why}"),
    }
}

fn deleted_elsewhere(title: &str) -> String {
    format!("“{title}” was deleted on another device.")
}
