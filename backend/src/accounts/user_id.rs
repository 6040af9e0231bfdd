//! The id of an authenticated user, as a capability: code that has a [`UserId`] may act for that user.

/// The id of a user who is authenticated, or whose row was found by a secret of that user. Only `accounts` constructs it, so a
/// function that takes it cannot be called with an id from a request.
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
