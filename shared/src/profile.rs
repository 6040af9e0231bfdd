//! What people change about their account: wire types. This wire is camelCase.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::account::{self, Session, User};
use crate::problem::FieldError;
use crate::rules::{Check, Verdict};
use crate::task::Task;
use crate::times;

/// The body of a change of the profile. What is absent stays.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields))]
#[serde(deny_unknown_fields)]
pub struct ProfileChange {
    /// What to call the person: 1 to 100 characters after trimming.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 1, max_length = 100)))]
    pub name: Option<String>,
}

impl Check for ProfileChange {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut verdict = Verdict::default();
        let name = verdict.field("name", self.name.as_deref().map(account::name).transpose());
        verdict.finish(name.map(|name| Self { name }))
    }
}

/// The body of what needs the password once more.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields))]
#[serde(deny_unknown_fields)]
pub struct PasswordProof {
    /// The password of the account.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 128)))]
    pub password: String,
}

impl Check for PasswordProof {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut verdict = Verdict::default();
        let password = verdict.field("password", account::known_password(&self.password));
        verdict.finish(password.map(|password| Self { password }))
    }
}

/// The body of a change of the password.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, rename_all = "camelCase"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PasswordChange {
    /// The password until now.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 128)))]
    pub current_password: String,
    /// 8 to 128 characters, not the name, not the e-mail address and not a common password.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 8, max_length = 128)))]
    pub new_password: String,
    /// Changes nothing: every session ends in any case, and a new one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_other_sessions: Option<bool>,
}

impl Check for PasswordChange {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut verdict = Verdict::default();
        let current = verdict.field("currentPassword", account::known_password(&self.current_password));
        let new = verdict.field("newPassword", account::new_password(&self.new_password, "", ""));
        let revoke_other_sessions = self.revoke_other_sessions;
        verdict.finish(current.zip(new).map(|(current_password, new_password)| Self {
            current_password,
            new_password,
            revoke_other_sessions,
        }))
    }
}

/// The body of a change of the e-mail address.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, rename_all = "camelCase"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EmailChange {
    /// Trimmed, normalised (NFKC) and lower-cased.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 3, max_length = 254)))]
    pub new_email: String,
    /// Ignored: links in mails lead to this server's own pages.
    #[serde(default, rename = "callbackURL", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(rename = "callbackURL"))]
    pub callback_url: Option<String>,
}

impl Check for EmailChange {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut verdict = Verdict::default();
        let new_email = verdict.field("newEmail", account::email(&self.new_email));
        verdict.finish(new_email.map(|new_email| Self {
            new_email,
            callback_url: None,
        }))
    }
}

/// The body that names a session to end.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields))]
#[serde(deny_unknown_fields)]
pub struct SessionChoice {
    /// The `token` of a session in the list.
    pub token: String,
}

impl Check for SessionChoice {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        Ok(self)
    }
}

/// The answer to what is simply done.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Done {
    /// Always true.
    pub status: bool,
}

/// The answer to the deletion of an account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct AccountDeleted {
    /// Always true.
    pub success: bool,
    /// Says so in words.
    pub message: String,
}

/// The current access token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct AccessToken {
    /// A short-lived bearer token (JWT).
    pub token: String,
}

/// Something that happened to an account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Unique.
    pub id: String,
    /// What happened, such as `signed_in`.
    pub event: String,
    /// When.
    #[serde(deserialize_with = "times::time")]
    pub created_at: DateTime<Utc>,
    /// The network address it was asked from; null when unknown.
    pub ip_address: Option<String>,
    /// The browser it was asked in; null when unknown.
    pub user_agent: Option<String>,
    /// The `X-Request-Id` of the answer.
    pub request_id: String,
}

/// Everything that is kept of a person.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Export {
    /// The account.
    pub user: User,
    /// The devices that are signed in.
    pub sessions: Vec<Session>,
    /// What happened to the account, newest first.
    pub activity: Vec<Activity>,
    /// The tasks, newest first.
    pub tasks: Vec<Task>,
}

/// What this server can do, for the client to say so.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Whether it sends e-mail: addresses are confirmed, and a forgotten password is reset by a link.
    pub mail: bool,
    /// The shortest new password, in characters.
    pub password_min_length: u32,
}
