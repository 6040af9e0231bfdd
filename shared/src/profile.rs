//! Profile, sessions, export and capabilities: wire types. The JSON is camelCase.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::account::{self, Session, User};
use crate::notifications::Notifications;
use crate::problem::FieldError;
use crate::rules::{Check, Validation};
use crate::task::Task;
use crate::times;
use crate::two_factor;

/// The body of a profile update. Absent members are not changed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields))]
#[serde(deny_unknown_fields)]
pub struct ProfileChange {
    /// Display name: 1 to 100 characters after trimming.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 1, max_length = 100)))]
    pub name: Option<String>,
}

impl Check for ProfileChange {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut validation = Validation::default();
        let name = validation.field("name", self.name.as_deref().map(account::name).transpose());
        validation.finish(name.map(|name| Self { name }))
    }
}

/// The body of operations that verify the password again.
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
        let mut validation = Validation::default();
        let password = validation.field("password", account::known_password(&self.password));
        validation.finish(password.map(|password| Self { password }))
    }
}

/// The body of the deletion of an account.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields))]
#[serde(deny_unknown_fields)]
pub struct AccountDeletion {
    /// The password of the account; required unless the account is of a user of the external issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 128)))]
    pub password: Option<String>,
    /// A six-digit code of the app, or a recovery code; required while two-factor authentication is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 40)))]
    pub code: Option<String>,
}

impl Check for AccountDeletion {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut validation = Validation::default();
        let password = self.password.as_deref().map(account::known_password).transpose();
        let password = validation.field("password", password);
        let code = validation.field("code", self.code.as_deref().map(two_factor::code).transpose());
        validation.finish(password.zip(code).map(|(password, code)| Self { password, code }))
    }
}

/// The body of a password change.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, rename_all = "camelCase"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PasswordChange {
    /// The current password.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 128)))]
    pub current_password: String,
    /// 8 to 128 characters, not the name or the e-mail address, not breached and not easy to guess.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 8, max_length = 128)))]
    pub new_password: String,
    /// Ignored: all sessions are always revoked, and a new one is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_other_sessions: Option<bool>,
}

impl Check for PasswordChange {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut validation = Validation::default();
        let current = validation.field("currentPassword", account::known_password(&self.current_password));
        let new = validation.field("newPassword", account::new_password(&self.new_password, "", ""));
        let revoke_other_sessions = self.revoke_other_sessions;
        validation.finish(current.zip(new).map(|(current_password, new_password)| Self {
            current_password,
            new_password,
            revoke_other_sessions,
        }))
    }
}

/// The body of an e-mail address change.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, rename_all = "camelCase"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EmailChange {
    /// Trimmed, normalised (NFKC) and lower-cased.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 3, max_length = 254)))]
    pub new_email: String,
    /// Ignored: links in mails point to pages of this server.
    #[serde(default, rename = "callbackURL", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(rename = "callbackURL"))]
    pub callback_url: Option<String>,
}

impl Check for EmailChange {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut validation = Validation::default();
        let new_email = validation.field("newEmail", account::email(&self.new_email));
        validation.finish(new_email.map(|new_email| Self {
            new_email,
            callback_url: None,
        }))
    }
}

/// The body that identifies a session to revoke.
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

/// The response of an operation without a result.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Done {
    /// Always true.
    pub status: bool,
}

/// The response to the deletion of an account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct AccountDeleted {
    /// Always true.
    pub success: bool,
    /// A confirmation for people.
    pub message: String,
}

/// The current access token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct AccessToken {
    /// A short-lived access token (JWT).
    pub token: String,
}

/// An audit event of an account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Unique id.
    pub id: String,
    /// The type of the event, such as `signed_in`.
    pub event: String,
    /// When it happened.
    #[serde(deserialize_with = "times::time")]
    pub created_at: DateTime<Utc>,
    /// The IP address of the request; null if unknown.
    pub ip_address: Option<String>,
    /// The `User-Agent` of the request; null if unknown.
    pub user_agent: Option<String>,
    /// The `X-Request-Id` of the response.
    pub request_id: String,
}

/// Which audit events are listed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Enum))]
#[cfg_attr(feature = "openapi", oai(rename_all = "lowercase"))]
pub enum ActivityKind {
    /// Those that concern the security of the account.
    #[default]
    Security,
    /// All.
    All,
}

impl ActivityKind {
    /// The value, as in a query string.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::All => "all",
        }
    }
}

/// All data that is stored about a user.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Export {
    /// The account.
    pub user: User,
    /// The settings of the mails about security events.
    pub notifications: Notifications,
    /// The active sessions.
    pub sessions: Vec<Session>,
    /// The audit events, newest first.
    pub activity: Vec<Activity>,
    /// The tasks, newest first.
    pub tasks: Vec<Task>,
}

/// Optional features of the server, for the client to adapt to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Whether the server sends mail: then addresses are verified, and a forgotten password is reset with a link.
    pub mail: bool,
    /// Minimum length of a new password, in characters.
    pub password_min_length: u32,
}
