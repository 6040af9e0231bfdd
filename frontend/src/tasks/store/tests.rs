//! Tests of the store.

#![allow(clippy::unwrap_used)]

use chrono::{DateTime, NaiveDate, Utc};
use shared::task::{Completion, NewTask, Sort, Status, Task, TaskChange};
use uuid::Uuid;

use super::{Action, Batch, Conflict, Counts, Edit, Entry, Op, State, View, fields};

const USER: &str = "owner";

fn time(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn task(number: u128, title: &str) -> Task {
    let at = time(i64::try_from(number).unwrap());
    Task {
        id: Uuid::from_u128(number),
        user_id: USER.to_owned(),
        title: title.to_owned(),
        description: None,
        completed: false,
        due_date: None,
        created_at: at,
        updated_at: at,
        revision: i64::try_from(number).unwrap(),
    }
}

/// A change of the task with this number.
type NumberedOp = (u128, Op);

fn create(number: u128, title: &str) -> NumberedOp {
    (number, Op::Create(titled(title)))
}

fn titled(title: &str) -> NewTask {
    NewTask {
        title: title.to_owned(),
        ..NewTask::default()
    }
}

fn rename(number: u128, from: &str, to: &str) -> NumberedOp {
    let (base, mine) = (titled(from), titled(to));
    (number, Op::Change(Edit { base, mine }))
}

fn described(text: &str) -> Edit {
    let base = titled("Tea");
    let mine = NewTask {
        description: Some(text.to_owned()),
        ..base.clone()
    };
    Edit { base, mine }
}

fn complete(number: u128) -> NumberedOp {
    (number, Op::Complete(Completion { completed: true }))
}

fn delete(number: u128) -> NumberedOp {
    (number, Op::Delete)
}

fn loaded(tasks: &[Task]) -> State {
    let mut state = State::new(USER);
    state.reduce(Action::ListLoaded(tasks.to_vec()));
    state
}

/// Queues a change. Returns the id of its entry.
fn queue(state: &mut State, (number, op): NumberedOp) -> Uuid {
    put(state, Entry::new(Uuid::from_u128(number), op))
}

fn queue_undoable(state: &mut State, (number, op): NumberedOp) -> Uuid {
    put(state, Entry::undoable(Uuid::from_u128(number), op))
}

fn put(state: &mut State, entry: Entry) -> Uuid {
    let id = entry.id;
    state.reduce(Action::Queue(entry));
    id
}

fn titles(state: &State) -> Vec<String> {
    state
        .visible_tasks(View::default(), |_| false)
        .into_iter()
        .map(|task| task.title)
        .collect()
}

#[test]
fn a_change_is_visible_at_once() {
    let mut state = loaded(&[task(1, "Buy milk"), task(2, "Call home")]);
    queue(&mut state, create(3, "Water the plants"));
    queue(&mut state, rename(1, "Buy milk", "Buy oat milk"));
    queue(&mut state, delete(2));
    queue(&mut state, complete(3));

    assert_eq!(titles(&state), ["Water the plants", "Buy oat milk"]);
    assert_eq!(
        state.counts(),
        Counts {
            pending: 1,
            completed: 1
        }
    );
}

#[test]
fn a_refused_change_is_undone() {
    let before = loaded(&[task(1, "Buy milk")]);
    for op in [
        rename(1, "Buy milk", "Buy oat milk"),
        complete(1),
        delete(1),
        create(2, "New"),
    ] {
        let mut state = before.clone();
        let entry = queue(&mut state, op);
        assert_ne!(state.tasks(), before.tasks());
        state.reduce(Action::Refuse {
            entries: vec![entry],
            deleted: false,
        });
        assert_eq!(state, before);
    }
}

#[test]
fn a_refusal_undoes_only_its_own_change() {
    let mut state = loaded(&[task(1, "Buy milk")]);
    let refused = queue(&mut state, rename(1, "Buy milk", "Buy oat milk"));
    queue(&mut state, complete(1));
    state.reduce(Action::Refuse {
        entries: vec![refused],
        deleted: false,
    });

    let shown = state.visible_tasks(View::default(), |_| false);
    assert_eq!(shown[0].title, "Buy milk");
    assert!(shown[0].completed);
}

#[test]
fn a_refused_create_removes_the_later_changes_of_its_task() {
    let mut state = loaded(&[task(1, "Buy milk")]);
    let refused = queue(&mut state, create(2, "New"));
    queue(&mut state, complete(2));
    queue(&mut state, complete(1));
    state.reduce(Action::Refuse {
        entries: vec![refused],
        deleted: false,
    });

    assert_eq!(titles(&state), ["Buy milk"]);
    assert_eq!(state.outbox().len(), 1);
}

#[test]
fn a_refused_create_is_reported_once_with_the_edits_that_waited() {
    let mut state = loaded(&[task(1, "Buy milk")]);
    queue(&mut state, create(2, "New"));
    queue(&mut state, rename(2, "New", "Newer"));
    queue(&mut state, rename(2, "Newer", "Newest"));
    let batch = state.next_batch().unwrap();
    assert_eq!(
        state.refusal_to_report(&batch, false),
        Some(Op::Create(titled("Newest")))
    );

    let entries = batch.entries;
    state.reduce(Action::Refuse {
        entries,
        deleted: false,
    });
    assert_eq!(state, loaded(&[task(1, "Buy milk")]));
    assert_eq!(state.conflicts(), []);
}

#[test]
fn text_that_a_conflict_offers_is_not_reported_as_refused() {
    let mut state = loaded(&[]);
    let refused = |state: &State| state.refusal_to_report(&state.next_batch().unwrap(), true);
    let creation = queue(&mut state, create(2, "New"));
    // The server created the task at an earlier attempt, and another device has deleted it since.
    assert_eq!(refused(&state), Some(Op::Create(titled("New"))));
    let edit = queue(&mut state, rename(2, "New", "Newer"));
    let deletion = queue(&mut state, delete(2));
    for entry in [creation, edit, deletion] {
        assert_eq!(state.next_entry().unwrap().id, entry);
        assert_eq!(refused(&state), None);
        state.reduce(Action::Remove(vec![entry]));
    }
}

#[test]
fn a_task_deleted_elsewhere_disappears() {
    let mut state = loaded(&[task(1, "Buy milk"), task(2, "Call home")]);
    let entry = queue(&mut state, complete(1));
    queue(&mut state, complete(1));
    state.reduce(Action::Refuse {
        entries: vec![entry],
        deleted: true,
    });

    assert_eq!(titles(&state), ["Call home"]);
    assert!(state.outbox().is_empty());
}

/// The task with this number and title, at a later revision than any other.
fn changed(number: u128, title: &str) -> Task {
    Task {
        revision: 1000,
        ..task(number, title)
    }
}

#[test]
fn an_edit_does_not_overwrite_fields_that_another_device_changed() {
    let mut state = loaded(&[task(1, "Tea")]);
    let entry = queue(&mut state, rename(1, "Tea", "Green tea"));
    let mut theirs = changed(1, "Tea");
    theirs.description = Some("Two bags".to_owned());
    state.reduce(Action::TaskLoaded(theirs));

    assert_eq!(state.conflicts(), []);
    assert_eq!(state.next_entry().unwrap().id, entry);
    let shown = state.tasks();
    assert_eq!(shown[0].title, "Green tea");
    assert_eq!(shown[0].description.as_deref(), Some("Two bags"));
}

#[test]
fn the_same_change_on_both_devices_is_no_conflict() {
    let mut state = loaded(&[task(1, "Tea")]);
    queue(&mut state, rename(1, "Tea", "Green tea"));
    state.reduce(Action::ListLoaded(vec![changed(1, "Green tea")]));
    assert_eq!(state.conflicts(), []);
    assert_eq!(titles(&state), ["Green tea"]);
}

#[test]
fn a_field_changed_on_both_devices_is_a_conflict_and_is_not_sent() {
    // The other change is known from the task or from the list.
    for action in [
        Action::TaskLoaded(changed(1, "Coffee")),
        Action::ListLoaded(vec![changed(1, "Coffee"), task(2, "Call home")]),
    ] {
        let mut state = loaded(&[task(1, "Tea"), task(2, "Call home")]);
        queue(&mut state, rename(1, "Tea", "Green tea"));
        queue(&mut state, rename(1, "Green tea", "Mint tea"));
        let other = queue(&mut state, complete(2));
        state.reduce(action);

        let edit = Edit {
            base: titled("Tea"),
            mine: titled("Mint tea"),
        };
        let conflict = Conflict {
            task_id: Uuid::from_u128(1),
            edit: edit.clone(),
            theirs: Some(changed(1, "Coffee")),
        };
        assert_eq!(state.conflicts(), [conflict]);
        // The list shows the server's value, and other tasks are sent.
        assert_eq!(titles(&state), ["Call home", "Coffee"]);
        assert_eq!(state.next_entry().unwrap().id, other);
        assert_eq!(state.outbox().len(), 3);
    }
}

#[test]
fn an_edit_based_on_an_old_list_is_a_conflict_at_once() {
    let mut state = loaded(&[changed(1, "Coffee")]);
    queue(&mut state, rename(1, "Tea", "Green tea"));
    assert_eq!(state.conflicts().len(), 1);
    assert_eq!(state.next_entry(), None);
}

#[test]
fn edits_of_a_task_are_sent_and_confirmed_as_one() {
    let mut state = loaded(&[task(1, "Tea")]);
    let first = queue(&mut state, rename(1, "Tea", "Green tea"));
    let tick = queue(&mut state, complete(1));
    let second = queue(&mut state, rename(1, "Green tea", "Tea"));
    // Together they change nothing, so there is no conflict with another device.
    state.reduce(Action::TaskLoaded(changed(1, "Coffee")));
    let batch = Batch {
        entries: vec![first, second],
        task_id: Uuid::from_u128(1),
        op: Op::Change(Edit {
            base: titled("Tea"),
            mine: titled("Tea"),
        }),
    };
    assert_eq!(state.next_batch(), Some(batch.clone()));

    // Saved while the request is under way.
    let third = queue(&mut state, (1, Op::Change(described("Two bags"))));
    state.reduce(Action::Confirm {
        entries: batch.entries,
        task: Some(changed(1, "Coffee")),
    });
    assert_eq!(state.conflicts(), []);
    let waiting: Vec<Uuid> = state.outbox().iter().map(|entry| entry.id).collect();
    assert_eq!(waiting, [tick, third]);
}

#[test]
fn edits_that_were_sent_as_one_are_refused_as_one() {
    let before = loaded(&[task(1, "Tea")]);
    let mut state = before.clone();
    queue(&mut state, rename(1, "Tea", "Green tea"));
    queue(&mut state, rename(1, "Green tea", "Mint tea"));
    let entries = state.next_batch().unwrap().entries;
    state.reduce(Action::Refuse {
        entries,
        deleted: false,
    });
    assert_eq!(state, before);
}

#[test]
fn the_resolution_of_a_conflict_replaces_all_edits_of_the_task() {
    let theirs = changed(1, "Coffee");
    let mut state = loaded(std::slice::from_ref(&theirs));
    let first = queue(&mut state, rename(1, "Tea", "Green tea"));
    let tick = queue(&mut state, complete(1));
    queue(&mut state, rename(1, "Green tea", "Mint tea"));
    let edit = Edit {
        base: fields(&theirs),
        mine: titled("Mint tea"),
    };
    state.reduce(Action::Resolve {
        task_id: theirs.id,
        edit: Some(edit.clone()),
    });

    assert_eq!(state.conflicts(), []);
    let waiting: Vec<(Uuid, Op)> = state
        .outbox()
        .iter()
        .map(|entry| (entry.id, entry.op.clone()))
        .collect();
    let completion = Completion { completed: true };
    assert_eq!(waiting, [(first, Op::Change(edit)), (tick, Op::Complete(completion))]);
    assert_eq!(titles(&state), ["Mint tea"]);

    // Another change before the edit is sent is another conflict.
    state.reduce(Action::TaskLoaded(changed(1, "Cocoa")));
    assert_eq!(state.conflicts().len(), 1);
}

#[test]
fn an_edit_of_a_deleted_task_is_kept_until_the_user_decides() {
    let mut state = loaded(&[task(1, "Tea"), task(2, "Call home")]);
    let entry = queue(&mut state, rename(1, "Tea", "Green tea"));
    queue(&mut state, complete(1));
    // A list without the task does not mean that it is deleted: another tab may have just created it.
    state.reduce(Action::ListLoaded(vec![task(2, "Call home")]));
    assert_eq!(state.conflicts(), []);
    assert_eq!(state.next_entry().unwrap().id, entry);

    state.reduce(Action::Refuse {
        entries: vec![entry],
        deleted: true,
    });
    let conflict = Conflict {
        task_id: Uuid::from_u128(1),
        edit: Edit {
            base: titled("Tea"),
            mine: titled("Green tea"),
        },
        theirs: None,
    };
    assert_eq!(state.conflicts(), [conflict]);
    assert_eq!(titles(&state), ["Call home"]);
    assert_eq!(state.next_entry(), None);

    state.reduce(Action::Resolve {
        task_id: Uuid::from_u128(1),
        edit: None,
    });
    assert_eq!(state.conflicts(), []);
    assert!(state.outbox().is_empty());
}

#[test]
fn a_refused_deletion_or_completion_of_a_deleted_task_keeps_the_edits() {
    let mut state = loaded(&[task(1, "Tea")]);
    let entry = queue(&mut state, complete(1));
    queue(&mut state, rename(1, "Tea", "Green tea"));
    state.reduce(Action::Refuse {
        entries: vec![entry],
        deleted: true,
    });
    assert_eq!(state.conflicts().len(), 1);
}

#[test]
fn deleting_a_task_removes_its_conflict() {
    let mut state = loaded(&[changed(1, "Coffee")]);
    queue(&mut state, rename(1, "Tea", "Green tea"));
    let deletion = queue_undoable(&mut state, delete(1));
    assert_eq!(state.conflicts(), []);
    // Unless the deletion is undone.
    let mut undone = state.clone();
    undone.reduce(Action::Remove(vec![deletion]));
    assert_eq!(undone.conflicts().len(), 1);

    state.reduce(Action::UndoExpired(deletion));
    assert_eq!(state.next_entry().unwrap().id, deletion);
    for deleted in [false, true] {
        let mut state = state.clone();
        state.reduce(if deleted {
            Action::Refuse {
                entries: vec![deletion],
                deleted,
            }
        } else {
            Action::Confirm {
                entries: vec![deletion],
                task: None,
            }
        });
        assert!(state.outbox().is_empty());
        assert_eq!(state.conflicts(), []);
    }
}

#[test]
fn a_response_ends_the_connection_error() {
    let mut state = loaded(&[task(1, "Tea")]);
    state.reduce(Action::ConnectionFailed("Offline.".to_owned()));
    state.reduce(Action::TaskLoaded(changed(1, "Coffee")));
    assert_eq!(state.connection_error(), None);
}

#[test]
fn a_task_that_is_open_in_an_editor_stays_in_the_list() {
    let mut state = loaded(&[task(1, "Tea")]);
    queue(&mut state, complete(1));
    let pending = View {
        status: Status::Pending,
        ..View::default()
    };
    assert_eq!(state.visible_tasks(pending, |_| false), []);
    assert_eq!(state.visible_tasks(pending, |task| task.title == "Tea").len(), 1);
}

#[test]
fn a_confirmed_change_is_the_servers_task() {
    let mut state = loaded(&[]);
    let entry = queue(&mut state, create(1, "Buy milk"));
    state.reduce(Action::Confirm {
        entries: vec![entry],
        task: Some(task(1, "Buy milk")),
    });
    assert_eq!(state, loaded(&[task(1, "Buy milk")]));

    let entry = queue(&mut state, delete(1));
    state.reduce(Action::Confirm {
        entries: vec![entry],
        task: None,
    });
    assert_eq!(state, loaded(&[]));
}

#[test]
fn entries_are_sent_in_the_order_they_were_made() {
    let mut state = loaded(&[]);
    let made: Vec<Uuid> = (1..=50)
        .map(|number| queue(&mut state, create(number, "One of many")))
        .collect();
    for expected in made {
        let next = state.next_entry().unwrap().clone();
        assert_eq!(next.id, expected);
        state.reduce(Action::Confirm {
            entries: vec![next.id],
            task: None,
        });
    }
    assert_eq!(state.next_entry(), None);
}

#[test]
fn an_undoable_deletion_is_not_sent_and_can_be_undone() {
    let before = loaded(&[task(1, "Buy milk")]);
    let mut state = before.clone();
    let entry = queue_undoable(&mut state, delete(1));
    assert!(titles(&state).is_empty());
    assert_eq!(state.next_entry(), None);

    state.reduce(Action::Remove(vec![entry]));
    assert_eq!(state, before);
}

#[test]
fn an_undoable_deletion_does_not_block_other_changes() {
    let mut state = loaded(&[task(1, "Buy milk"), task(2, "Call home")]);
    let undoable = queue_undoable(&mut state, delete(1));
    let other = queue(&mut state, complete(2));
    assert_eq!(state.next_entry().unwrap().id, other);

    state.reduce(Action::UndoExpired(undoable));
    assert_eq!(state.next_entry().unwrap().id, undoable);
}

#[test]
fn the_next_deletion_ends_the_undo_of_the_previous_one() {
    let mut state = loaded(&[task(1, "Buy milk"), task(2, "Call home")]);
    let first = queue_undoable(&mut state, delete(1));
    let second = queue_undoable(&mut state, delete(2));
    assert_eq!(state.next_entry().unwrap().id, first);
    assert!(state.entry(second).unwrap().undoable);
}

#[test]
fn a_connection_error_lasts_until_the_server_responds() {
    let mut state = loaded(&[task(1, "Buy milk")]);
    let entry = queue(&mut state, rename(1, "Buy milk", "Buy oat milk"));
    state.reduce(Action::ConnectionFailed("Offline.".to_owned()));
    assert_eq!(state.connection_error(), Some("Offline."));
    assert_eq!(titles(&state), ["Buy oat milk"]);
    assert_eq!(state.next_entry().unwrap().id, entry);

    state.reduce(Action::Confirm {
        entries: vec![entry],
        task: Some(task(1, "Buy oat milk")),
    });
    assert_eq!(state.connection_error(), None);
}

#[test]
fn a_reload_of_the_list_keeps_unconfirmed_changes() {
    let mut state = loaded(&[task(1, "Buy milk")]);
    queue(&mut state, create(3, "Water the plants"));
    state.reduce(Action::ListLoaded(vec![task(1, "Buy milk"), task(2, "Call home")]));
    assert_eq!(titles(&state), ["Water the plants", "Call home", "Buy milk"]);
}

#[test]
fn a_list_that_arrives_before_the_confirmation_does_not_duplicate_a_task() {
    let mut state = loaded(&[]);
    queue(&mut state, create(1, "Buy milk"));
    state.reduce(Action::ListLoaded(vec![task(1, "Buy milk")]));
    assert_eq!(titles(&state), ["Buy milk"]);
}

#[test]
fn the_outbox_survives_storage() {
    let mut state = loaded(&[]);
    let clear = Edit {
        base: NewTask {
            description: Some("Two bottles".to_owned()),
            due_date: NaiveDate::from_ymd_opt(2030, 1, 1),
            ..titled("Buy milk")
        },
        mine: titled("Buy milk"),
    };
    queue(&mut state, create(1, "Buy \u{1f95b} \"milk\""));
    queue(&mut state, (1, Op::Change(clear)));
    queue(&mut state, complete(1));
    queue_undoable(&mut state, delete(1));

    let stored: Vec<String> = state
        .outbox()
        .iter()
        .map(|entry| serde_json::to_string(entry).unwrap())
        .collect();
    let mut read = State::new(USER);
    // Storage is unordered.
    for text in stored.iter().rev() {
        let entry: Entry = serde_json::from_str(text).unwrap();
        read.reduce(Action::Queue(entry));
    }
    assert_eq!(read.outbox(), state.outbox());
}

/// An edit as an earlier version of the client stored it, without a base.
const STORED_WITHOUT_BASE: &str = r#"{"id":"01900000-0000-7000-8000-000000000000",
    "task_id":"00000000-0000-0000-0000-000000000001",
    "op":{"Change":{"title":"Green tea","description":null}},"held":false}"#;

#[test]
fn a_stored_edit_without_a_base_is_sent_without_a_comparison() {
    let mut tea = task(1, "Tea");
    tea.description = Some("Two bags".to_owned());
    let mut state = loaded(&[tea]);
    let later = queue(&mut state, rename(1, "Green tea", "Mint tea"));
    let kept: Entry = serde_json::from_str(STORED_WITHOUT_BASE).unwrap();
    let id = put(&mut state, kept);

    // The later edit is compared with the server once the server has the earlier one.
    assert_eq!(state.conflicts(), []);
    assert_eq!(titles(&state), ["Mint tea"]);
    assert_eq!(state.tasks()[0].description, None);
    let batch = state.next_batch().unwrap();
    assert_eq!(batch.entries, [id]);
    let sent = TaskChange {
        title: Some("Green tea".to_owned()),
        description: Some(None),
        due_date: None,
    };
    assert_eq!(batch.op, Op::Overwrite(sent));

    state.reduce(Action::Confirm {
        entries: batch.entries,
        task: Some(changed(1, "Green tea")),
    });
    assert_eq!(state.next_batch().unwrap().entries, [later]);
}

#[test]
fn a_stored_edit_without_a_base_is_removed_with_its_refused_create() {
    let mut state = loaded(&[]);
    put(&mut state, serde_json::from_str(STORED_WITHOUT_BASE).unwrap());
    let creation = Entry {
        id: Uuid::nil(),
        ..Entry::new(Uuid::from_u128(1), Op::Create(titled("Tea")))
    };
    put(&mut state, creation);
    let batch = state.next_batch().unwrap();
    assert_eq!(
        state.refusal_to_report(&batch, false),
        Some(Op::Create(titled("Green tea")))
    );
    let entries = batch.entries;
    state.reduce(Action::Refuse {
        entries,
        deleted: false,
    });
    assert!(state.outbox().is_empty());
}

#[test]
fn the_view_filters_and_sorts_as_the_server_does() {
    let mut done = task(1, "apples");
    done.completed = true;
    let mut due = task(2, "Bread");
    due.due_date = NaiveDate::from_ymd_opt(2030, 1, 1);
    let late = task(3, "Cheese");
    let mut state = loaded(&[done, due, late]);
    queue(&mut state, rename(1, "apples", "Apples"));

    let show = |status, sort| -> Vec<String> {
        let tasks = state.visible_tasks(View { status, sort }, |_| false);
        tasks.into_iter().map(|task| task.title).collect()
    };
    assert_eq!(show(Status::All, Sort::Created), ["Cheese", "Bread", "Apples"]);
    assert_eq!(show(Status::All, Sort::Updated), ["Apples", "Cheese", "Bread"]);
    assert_eq!(show(Status::All, Sort::Title), ["Apples", "Bread", "Cheese"]);
    assert_eq!(show(Status::All, Sort::DueDate), ["Bread", "Apples", "Cheese"]);
    assert_eq!(show(Status::Pending, Sort::Created), ["Cheese", "Bread"]);
    assert_eq!(show(Status::Completed, Sort::Created), ["Apples"]);
    for status in Status::ALL {
        assert_eq!(state.counts().of(*status), show(*status, Sort::Created).len());
    }
}
