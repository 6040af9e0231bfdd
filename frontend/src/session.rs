//! Who is signed in. The token and the account are kept in the browser's local storage, so that a reload and other tabs
//! know them; the refresh token is in a cookie that no script can read.

use gloo_events::EventListener;
use serde::{Deserialize, Serialize};
use shared::account::User;
use wasm_bindgen::JsCast;
use web_sys::StorageEvent;
use yew::prelude::*;

use crate::flag::use_flag;
use crate::storage::Area;

const KEY: &str = "docket.session";

/// A person and the token that proves it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Session {
    /// A short-lived bearer token.
    pub token: String,
    /// Whose it is.
    pub user: User,
}

/// The session that is kept, if there is one.
pub fn load() -> Option<Session> {
    Area::Local.get(KEY)
}

/// Keeps a session for every tab.
pub fn save(session: &Session) {
    Area::Local.set(KEY, session);
}

/// The kept session with what has changed about its person; none if somebody else is signed in.
pub fn with_user(user: User) -> Option<Session> {
    load()
        .filter(|session| session.user.id == user.id)
        .map(|session| Session { user, ..session })
}

/// How a session came to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// The person signed out.
    SignedOut,
    /// It could not be renewed.
    Expired,
}

/// Who is signed in, and how to change it.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentUser {
    /// Who is signed in.
    pub user: Option<User>,
    /// The last session ended against the person's will.
    pub expired: bool,
    /// Signs in.
    pub begin: Callback<Session>,
    /// Signs out.
    pub end: Callback<End>,
}

/// Who is signed in, here and in the other tabs.
#[hook]
pub fn use_current_user() -> CurrentUser {
    let user = use_state(|| load().map(|session| session.user));
    let expired = use_flag();

    let begin = {
        let (user, expired) = (user.setter(), expired.setter());
        use_callback((), move |session: Session, ()| {
            save(&session);
            expired.set(false);
            user.set(Some(session.user));
        })
    };
    let end = {
        let (ended, user, expired) = ((*user).clone(), user.setter(), expired.setter());
        use_callback(ended, move |end: End, ended| {
            let kept = load().map(|session| session.user);
            // Another tab may have signed in as somebody else: that session has not expired.
            let other =
                kept.filter(|kept| end == End::Expired && ended.as_ref().is_some_and(|user| user.id != kept.id));
            if other.is_none() {
                Area::Local.remove(KEY);
            }
            expired.set(end == End::Expired && other.is_none());
            user.set(other);
        })
    };
    {
        // Another tab signed in or out.
        let user = user.setter();
        use_effect_with((), move |()| {
            let listener = web_sys::window().map(|window| {
                EventListener::new(&window, "storage", move |event| {
                    let key = event.dyn_ref::<StorageEvent>().and_then(StorageEvent::key);
                    // A storage that was cleared altogether names no key.
                    if key.is_none_or(|key| key == KEY) {
                        user.set(load().map(|session| session.user));
                    }
                })
            });
            move || drop(listener)
        });
    }
    CurrentUser {
        user: (*user).clone(),
        expired: *expired,
        begin,
        end,
    }
}
