//! Who is signed in: the state of both programs, synchronised with the other tabs.

use gloo_events::EventListener;
use shared::account::User;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::StorageEvent;
use yew::prelude::*;

use crate::api::accounts;
use crate::api::stored_session::{self, Session};
use crate::ui::flag::use_flag;
use crate::ui::toast::Toasts;
use crate::user_data;

/// How a session ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SessionEnd {
    /// The user signed out or deleted the account: all data of the user is removed.
    SignedOut,
    /// The user ended all sessions. Unsaved data stays until somebody signs in, and longer if it is the same user.
    Revoked,
    /// The server refused it, and the refusal has removed it. Unsaved data stays as above.
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

/// The signed-in user, here and in the other tabs. Toasts are removed with the user whose tasks they name.
#[hook]
pub fn use_current_user(toasts: &Toasts) -> CurrentUser {
    let user = use_state(stored_user);
    let expired = use_flag();

    let start_session = {
        let (user, expired) = (user.setter(), expired.setter());
        use_callback((), move |session: Session, ()| {
            stored_session::save(&session);
            user_data::remove_of_others();
            expired.set(false);
            user.set(Some(session.user));
        })
    };
    let end_session = {
        let (user, expired, toasts) = (user.setter(), expired.setter(), toasts.clone());
        use_callback((), move |end: SessionEnd, ()| {
            match end {
                SessionEnd::SignedOut => stored_session::remove(),
                SessionEnd::Revoked => {
                    if let Some(session) = stored_session::load() {
                        stored_session::expire(&session.token);
                    }
                }
                SessionEnd::Expired => {}
            }
            toasts.clear();
            // Another tab may have signed in: that session has not expired.
            let stored = stored_user();
            expired.set(end == SessionEnd::Expired && stored.is_none());
            user.set(stored);
        })
    };
    use_other_tabs((*user).clone(), user.setter(), toasts.clone());
    use_unconfirmed_sign_out();
    CurrentUser {
        user: (*user).clone(),
        expired: *expired,
        start_session,
        end_session,
    }
}

/// The user of the stored session. Removes the data of all others.
fn stored_user() -> Option<User> {
    user_data::remove_of_others();
    stored_session::load().map(|session| session.user)
}

/// Sets the user when another tab signs in or out. A page that the browser had suspended catches up when it is shown again.
#[hook]
fn use_other_tabs(user: Option<User>, setter: UseStateSetter<Option<User>>, toasts: Toasts) {
    use_effect_with(user, move |user| {
        let user = user.clone();
        let update = Callback::from(move |event: Event| {
            let key = event.dyn_ref::<StorageEvent>().and_then(StorageEvent::key);
            // There is no key when the whole storage was cleared, or the page is shown.
            if key.is_none_or(|key| key == stored_session::KEY) {
                let stored = stored_user();
                let id = |user: &Option<User>| user.as_ref().map(|user| user.id.clone());
                if id(&stored) != id(&user) {
                    toasts.clear();
                }
                setter.set(stored);
            }
        });
        let listeners = web_sys::window().map(|window| {
            ["storage", "pageshow"].map(|name| {
                let update = update.clone();
                EventListener::new(&window, name, move |event| update.emit(event.clone()))
            })
        });
        move || drop(listeners)
    });
}

/// Repeats a sign-out that the server has not confirmed: at the start, and when there is a network again.
#[hook]
fn use_unconfirmed_sign_out() {
    use_effect_with((), |()| {
        let confirm = || spawn_local(accounts::confirm_sign_out());
        confirm();
        let listener = web_sys::window().map(|window| EventListener::new(&window, "online", move |_| confirm()));
        move || drop(listener)
    });
}
