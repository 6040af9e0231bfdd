//! What the user has to decide: cards for conflicts, and for text that was typed for a task that has been deleted.

use chrono::NaiveDate;
use yew::prelude::*;

use super::actions::Actions;
use super::add_task;
use super::conflict::conflict_card;
use super::draft::EditDraft;
use super::draft_storage;
use super::editor::TaskEditor;
use super::store::{Conflict, Edit, State};
use crate::browser::focus;

/// Text for a task that was deleted.
struct Deleted {
    draft_key: String,
    start: EditDraft,
    /// Called when the text is added as a new task or discarded.
    onclose: Callback<()>,
}

/// The cards. `drafts` are the user's unsaved edits; `onclose` is called after the draft of a deleted task is removed.
pub fn decisions(actions: &Actions, drafts: &[EditDraft], today: NaiveDate, onclose: &Callback<()>) -> Html {
    let (user_id, conflicts) = actions
        .sync
        .read(|state| (state.user_id().to_owned(), state.conflicts()));
    let mut deleted = Vec::new();
    let mut cards: Vec<Html> = Vec::new();
    for conflict in conflicts {
        match &conflict.theirs {
            Some(_) => cards.extend(changed_elsewhere(actions, &conflict, today)),
            None => deleted.push(queued_edit(actions, &user_id, conflict)),
        }
    }
    // While an edit of the task that is already queued, perhaps by another tab, has a card, the draft of this tab waits.
    let has_card = |draft: &EditDraft| deleted.iter().any(|card| card.start.task_id == draft.task_id);
    let is_deleted = |draft: &&EditDraft| actions.sync.read(|state| is_missing(state, draft)) && !has_card(draft);
    let unsaved: Vec<EditDraft> = drafts.iter().filter(is_deleted).cloned().collect();
    // Only the draft is removed. A queued edit of the task is not what the card shows, so it stays.
    deleted.extend(unsaved.into_iter().map(|start| Deleted {
        draft_key: draft_storage::edit_key(&user_id, start.task_id),
        start,
        onclose: onclose.clone(),
    }));
    cards.extend(deleted.into_iter().map(|card| deleted_card(actions, card)));
    cards.into_iter().collect()
}

fn is_missing(state: &State, draft: &EditDraft) -> bool {
    state.is_loaded() && state.tasks().iter().all(|task| task.id != draft.task_id)
}

fn changed_elsewhere(actions: &Actions, conflict: &Conflict, today: NaiveDate) -> Option<Html> {
    let theirs = conflict.theirs.as_ref()?;
    let id = conflict.task_id;
    let onresolve = {
        let actions = actions.clone();
        Callback::from(move |edit| actions.resolve(id, edit))
    };
    Some(html! {
        // If the task changes again, it is another conflict.
        <div key={format!("{id}-{}", theirs.revision)} class="decision">
            { conflict_card(conflict, theirs, today, onresolve) }
        </div>
    })
}

fn queued_edit(actions: &Actions, user_id: &str, conflict: Conflict) -> Deleted {
    let id = conflict.task_id;
    let sync = actions.sync.clone();
    Deleted {
        draft_key: draft_storage::deleted_key(user_id, id),
        start: EditDraft::of(id, conflict.edit),
        onclose: Callback::from(move |()| sync.resolve(id, None)),
    }
}

/// Offers to add the text as a new task.
fn deleted_card(actions: &Actions, card: Deleted) -> Html {
    let Deleted {
        draft_key,
        start,
        onclose,
    } = card;
    let oncancel = Callback::from(move |()| {
        onclose.emit(());
        focus::focus_if_lost(add_task::INPUT.to_owned());
    });
    let onsave = {
        let (actions, oncancel) = (actions.clone(), oncancel.clone());
        move |edit: Edit| {
            actions.add(edit.mine);
            oncancel.emit(());
        }
    };
    html! {
        <div key={draft_key.clone()} class="decision">
            <TaskEditor {start} {draft_key} deleted=true {onsave} {oncancel} />
        </div>
    }
}
