//! The session in `localStorage`, so that it survives a reload and other tabs share it. The refresh token is in a cookie
//! that scripts cannot read.

use serde::{Deserialize, Serialize};
use shared::account::User;

use crate::browser::storage::Area;

/// The key in `localStorage`.
pub const KEY: &str = "docket.session";

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

/// Stores a session for every tab.
pub fn save(session: &Session) {
    Area::Local.set(KEY, session);
}

/// Removes the stored session.
pub fn remove() {
    Area::Local.remove(KEY);
}

/// The stored session with the current profile of its user; none if another user is signed in.
pub fn with_user(user: User) -> Option<Session> {
    load()
        .filter(|session| session.user.id == user.id)
        .map(|session| Session { user, ..session })
}
