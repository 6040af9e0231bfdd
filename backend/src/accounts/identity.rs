//! The identity of a request, from its verified token.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::accounts::store::proof::Proof;
use crate::accounts::user_id::UserId;

/// The user of a verified token.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// The user's revision at the time of verification.
    pub revision: i64,
    /// The session; none for a token of the external issuer.
    pub session: Option<OwnSession>,
    /// The subject of a token of the external issuer, which may differ from the id of the user.
    pub(in crate::accounts) subject: Option<String>,
}

impl Identity {
    /// The user and the session; none for a token of the external issuer.
    pub fn membership(self) -> Option<Membership> {
        let user = self.user;
        self.session.map(|session| Membership { user, session })
    }

    /// Whether `name` is the id of the user or the subject of the token.
    pub fn is(&self, name: &str) -> bool {
        self.user.as_str() == name || self.subject.as_deref() == Some(name)
    }
}

/// The session of one of Docket's own tokens.
#[derive(Clone, Copy, Debug)]
pub struct OwnSession {
    /// The `sid` of the token.
    pub id: Uuid,
    /// When the password was last verified in this session.
    pub authenticated_at: DateTime<Utc>,
    /// The token version of the access token, which was the user's when it was verified.
    pub(in crate::accounts) token_version: i64,
}

/// A user with a session; not a user of the external issuer.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: OwnSession,
}

impl Membership {
    /// The verified access token, as a proof for changes of the account.
    pub fn proof(&self) -> Proof {
        Proof::at_version(self.user.clone(), self.session.token_version)
    }
}
