//! The id of an authenticated user, as a capability: whoever holds one may act for that user.

/// The id of a user who is authenticated, or whose row was found by a secret that only this user has. Only `accounts` makes
/// one, so a function that takes it cannot be called with an id out of a request.
#[derive(Clone, Debug, Eq, Hash, PartialEq, sqlx::Type)]
#[sqlx(transparent)]
pub struct UserId(String);

impl UserId {
    pub(in crate::accounts) fn new(id: String) -> Self {
        Self(id)
    }

    /// The id as it is stored and sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
