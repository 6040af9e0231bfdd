//! The session in `localStorage`, so that it survives a reload and other tabs share it. The refresh token is in a cookie
//! that scripts cannot read.

use serde::{Deserialize, Serialize};
use shared::account::User;

use crate::browser::storage::Area;

/// The key in `localStorage`.
pub const KEY: &str = "docket.session";

/// The key of the id of the last user, if the session ended otherwise than by a sign-out.
const LAST_USER: &str = "docket.last-user";

/// The key that is set from a sign-out until the server has confirmed it.
const UNCONFIRMED: &str = "docket.sign-out";

/// A user with their access token.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Session {
    /// A short-lived bearer token.
    pub token: String,
    /// The user that the token belongs to.
    pub user: User,
}

/// The stored session.
pub fn load() -> Option<Session> {
    Area::Local.get(KEY)
}

/// The id of the user whose unsaved data stays in this browser: the user of the session; or the last one, if that session
/// ended otherwise than by a sign-out.
pub fn owner() -> Option<String> {
    load()
        .map(|session| session.user.id)
        .or_else(|| Area::Local.get(LAST_USER))
}

/// Stores a session for every tab.
pub fn save(session: &Session) {
    Area::Local.set(KEY, session);
    Area::Local.remove(LAST_USER);
    Area::Local.remove(UNCONFIRMED);
}

/// Removes the session after a sign-out.
pub fn remove() {
    Area::Local.remove(LAST_USER);
    Area::Local.remove(KEY);
}

/// Removes the session with this access token, which ended otherwise than by a sign-out. Another tab may have stored a newer
/// one, which stays.
pub fn expire(token: &str) {
    if let Some(session) = load().filter(|session| session.token == token) {
        // First, because other tabs react to the removal of the session.
        Area::Local.set(LAST_USER, &session.user.id);
        Area::Local.remove(KEY);
    }
}

/// Sets whether the server has yet to confirm a sign-out.
pub fn set_unconfirmed(unconfirmed: bool) {
    if unconfirmed {
        Area::Local.set(UNCONFIRMED, &true);
    } else {
        Area::Local.remove(UNCONFIRMED);
    }
}

/// Whether the server has yet to confirm a sign-out.
pub fn is_unconfirmed() -> bool {
    Area::Local.has(UNCONFIRMED)
}

/// The stored session with the current profile of its user; none if another user is signed in.
pub fn with_user(user: User) -> Option<Session> {
    load()
        .filter(|session| session.user.id == user.id)
        .map(|session| Session { user, ..session })
}
