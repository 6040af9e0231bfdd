//! The id of an authenticated user, as a capability: code that has a [`UserId`] may act for that user.

/// The id of a user. `accounts` constructs it from a verified token, and for its own flows from the rows that the store reads, by
/// e-mail address or by the hash of a secret. An id from a request is never one.
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
