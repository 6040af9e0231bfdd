//! The identity of a request, from its verified token.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::accounts::external::ExternalToken;
use crate::accounts::store::proof::Proof;
use crate::accounts::user_id::UserId;
use crate::http::problem::Problem;

/// The recent-authentication window: how long after an authentication sensitive operations are allowed.
const RECENT: TimeDelta = TimeDelta::minutes(15);

/// The user of a verified token.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// The user's revision at the time of verification.
    pub revision: i64,
    /// What the user was authenticated with.
    pub(in crate::accounts) credential: Credential,
}

/// The kind of a verified token.
#[derive(Clone, Debug)]
pub(in crate::accounts) enum Credential {
    /// One of Docket's own tokens, with its session.
    Session(OwnSession),
    /// A token of the external issuer.
    External(ExternalToken),
}

impl Identity {
    /// The session; none for a token of the external issuer.
    pub fn session(&self) -> Option<OwnSession> {
        match &self.credential {
            Credential::Session(session) => Some(*session),
            Credential::External(_) => None,
        }
    }

    /// The user and the session; none for a token of the external issuer.
    pub fn membership(self) -> Option<Membership> {
        let session = self.session()?;
        Some(Membership {
            user: self.user,
            session,
        })
    }

    /// Whether `name` is the id of the user or the subject of an external token.
    pub fn is(&self, name: &str) -> bool {
        let is_subject = match &self.credential {
            Credential::Session(_) => false,
            Credential::External(token) => token.identity.subject == name,
        };
        is_subject || self.user.as_str() == name
    }

    /// [`Problem::SessionNotFresh`] unless the user was authenticated within the last 15 minutes: with the password in the
    /// session, or by the external issuer.
    pub fn require_recent_authentication(&self) -> Result<(), Problem> {
        let authenticated_at = match &self.credential {
            Credential::Session(session) => session.authenticated_at,
            Credential::External(token) => token.authenticated_at,
        };
        if Utc::now() - authenticated_at < RECENT {
            Ok(())
        } else {
            Err(Problem::SessionNotFresh)
        }
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
