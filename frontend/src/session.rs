//! Who is signed in: the state of both programs, synchronised with the other tabs.

use gloo_events::EventListener;
use shared::account::User;
use wasm_bindgen::JsCast;
use web_sys::StorageEvent;
use yew::prelude::*;

use crate::api::stored_session::{self, Session};
use crate::ui::flag::use_flag;

/// How a session ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SessionEnd {
    /// The user signed out.
    SignedOut,
    /// It could not be refreshed.
    Expired,
}

/// The signed-in user, and how to change it.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentUser {
    /// The signed-in user.
    pub user: Option<User>,
    /// The last session expired.
    pub expired: bool,
    /// Starts a session, or stores a changed one.
    pub start_session: Callback<Session>,
    /// Ends the session.
    pub end_session: Callback<SessionEnd>,
}

/// The signed-in user, here and in the other tabs.
#[hook]
pub fn use_current_user() -> CurrentUser {
    let user = use_state(stored_user);
    let expired = use_flag();

    let start_session = {
        let (user, expired) = (user.setter(), expired.setter());
        use_callback((), move |session: Session, ()| {
            stored_session::save(&session);
            expired.set(false);
            user.set(Some(session.user));
        })
    };
    let end_session = {
        let (ended, user, expired) = ((*user).clone(), user.setter(), expired.setter());
        use_callback(ended, move |end: SessionEnd, ended| {
            // Another tab may have signed in as another user: that session has not expired.
            let other = stored_user()
                .filter(|stored| end == SessionEnd::Expired && ended.as_ref().is_some_and(|user| user.id != stored.id));
            if other.is_none() {
                stored_session::remove();
            }
            expired.set(end == SessionEnd::Expired && other.is_none());
            user.set(other);
        })
    };
    use_other_tabs(user.setter());
    CurrentUser {
        user: (*user).clone(),
        expired: *expired,
        start_session,
        end_session,
    }
}

fn stored_user() -> Option<User> {
    stored_session::load().map(|session| session.user)
}

/// Sets the user when another tab signs in or out.
#[hook]
fn use_other_tabs(user: UseStateSetter<Option<User>>) {
    use_effect_with((), move |()| {
        let listener = web_sys::window().map(|window| {
            EventListener::new(&window, "storage", move |event| {
                let key = event.dyn_ref::<StorageEvent>().and_then(StorageEvent::key);
                // There is no key when the whole storage was cleared.
                if key.is_none_or(|key| key == stored_session::KEY) {
                    user.set(stored_user());
                }
            })
        });
        move || drop(listener)
    });
}
