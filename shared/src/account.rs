//! Accounts: wire types and validation rules. The JSON is camelCase.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::problem::FieldError;
use crate::rules::{Check, Validation, text};
use crate::times;
use crate::unicode::{folded, nfkc};

/// Maximum length of a name, in characters after trimming.
pub const NAME_MAX: usize = 100;
/// Maximum length of an e-mail address, in characters.
pub const EMAIL_MAX: usize = 254;
/// Minimum length of a password, in characters.
pub const PASSWORD_MIN: usize = 8;
/// Maximum length of a password, in characters.
pub const PASSWORD_MAX: usize = 128;

/// The body of a sign-up.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(deny_unknown_fields, rename_all = "camelCase", example, skip_serializing_if_is_none)
)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SignUp {
    /// Display name: 1 to 100 characters after trimming.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 1, max_length = 100)))]
    pub name: String,
    /// Trimmed, normalised (NFKC) and lower-cased.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 3, max_length = 254)))]
    pub email: String,
    /// 8 to 128 characters, not the name or the e-mail address, not breached and not easy to guess.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 8, max_length = 128)))]
    pub password: String,
    /// Whether the session outlives the browser window; true when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remember_me: Option<bool>,
    /// Ignored: links in mails point to pages of this server.
    #[serde(default, rename = "callbackURL", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(rename = "callbackURL"))]
    pub callback_url: Option<String>,
}

impl Check for SignUp {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut validation = Validation::default();
        let name = validation.field("name", name(&self.name));
        let email = validation.field("email", email(&self.email));
        let password = validation.field("password", new_password(&self.password, &self.name, &self.email));
        let account = name.zip(email).zip(password).map(|((name, email), password)| Self {
            name,
            email,
            password,
            remember_me: self.remember_me,
            callback_url: None,
        });
        validation.finish(account)
    }
}

/// The body of a sign-in.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(deny_unknown_fields, rename_all = "camelCase", example, skip_serializing_if_is_none)
)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SignIn {
    /// The e-mail address of the account, case-insensitive.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 254)))]
    pub email: String,
    /// The password of the account.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 128)))]
    pub password: String,
    /// Whether the session outlives the browser window; true when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remember_me: Option<bool>,
    /// Ignored: links in mails point to pages of this server.
    #[serde(default, rename = "callbackURL", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(rename = "callbackURL"))]
    pub callback_url: Option<String>,
}

impl Check for SignIn {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut validation = Validation::default();
        let email = validation.field("email", email(&self.email));
        let password = validation.field("password", known_password(&self.password));
        let credentials = email.zip(password).map(|(email, password)| Self {
            email,
            password,
            remember_me: self.remember_me,
            callback_url: None,
        });
        validation.finish(credentials)
    }
}

/// An account as its owner sees it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// An opaque string: the `{user_id}` of the task paths.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Normalised e-mail address; null for an account of the external issuer.
    pub email: Option<String>,
    /// Whether the e-mail address has been verified.
    pub email_verified: bool,
    /// The URL of a picture; null if there is none.
    pub image: Option<String>,
    /// When the account was created.
    #[serde(deserialize_with = "times::time")]
    pub created_at: DateTime<Utc>,
    /// When the account was last updated.
    #[serde(deserialize_with = "times::time")]
    pub updated_at: DateTime<Utc>,
    /// Whether a sign-in requires a code of an authenticator app.
    #[serde(default)]
    pub two_factor_enabled: bool,
}

/// A session.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The `sid` of its access tokens.
    pub id: String,
    /// The same as `id`, to identify the session in `revoke_session`. It is not a credential.
    pub token: String,
    /// The owner.
    pub user_id: String,
    /// When the session expires unless it is renewed.
    #[serde(deserialize_with = "times::time")]
    pub expires_at: DateTime<Utc>,
    /// When the session was created.
    #[serde(deserialize_with = "times::time")]
    pub created_at: DateTime<Utc>,
    /// When the session was last renewed.
    #[serde(deserialize_with = "times::time")]
    pub updated_at: DateTime<Utc>,
    /// The IP address of the sign-in or the last renewal; null if unknown.
    pub ip_address: Option<String>,
    /// The `User-Agent` of the sign-in or the last renewal; null if unknown.
    pub user_agent: Option<String>,
}

/// The response to a sign-up.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SignedUp {
    /// A short-lived access token (JWT); null if the e-mail address has to be verified first.
    pub token: Option<String>,
    /// The account.
    pub user: User,
}

/// A new access token of a session.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Renewed {
    /// A short-lived access token (JWT).
    pub token: String,
    /// The account.
    pub user: User,
}

/// The response to a sign-in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SignedIn {
    /// Always false: no redirect is needed.
    pub redirect: bool,
    /// A short-lived access token (JWT).
    pub token: String,
    /// The account.
    pub user: User,
}

/// The response to a sign-out.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SignedOut {
    /// Always true: signing out is idempotent.
    pub success: bool,
}

/// The session of the request and its user.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct CurrentSession {
    /// The session.
    pub session: Session,
    /// The account.
    pub user: User,
}

/// Normalises a name (trimmed). The error is a message for the user.
pub fn name(value: &str) -> Result<String, String> {
    let value = value.trim();
    text("A name", value, 1, NAME_MAX)?;
    Ok(value.to_owned())
}

/// Normalises an e-mail address (trimmed, NFKC, lower case). The error is a message for the user.
pub fn email(value: &str) -> Result<String, String> {
    let value = folded(value.trim());
    text("An e-mail address", &value, 1, EMAIL_MAX)?;
    let invalid = || "Enter a valid e-mail address, such as name@example.com.".to_owned();
    let (local, domain) = value.rsplit_once('@').ok_or_else(invalid)?;
    let is_forbidden = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '<' | '>' | ',');
    let is_valid = !local.is_empty()
        && local.chars().count() <= 64
        && !local.contains(is_forbidden)
        && !domain.contains(is_forbidden)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty());
    if is_valid { Ok(value) } else { Err(invalid()) }
}

/// Normalises a new password (NFKC). `own_name` and `address` are those of the account, or empty. The error is a message for
/// the user.
pub fn new_password(value: &str, own_name: &str, address: &str) -> Result<String, String> {
    let value = nfkc(value);
    text("A password", &value, PASSWORD_MIN, PASSWORD_MAX)?;
    let (password, address) = (folded(&value), folded(address.trim()));
    let local = address.split('@').next().unwrap_or_default();
    if password == folded(own_name.trim()) || password == address || password == local {
        return Err(
            "A password must not be your name or your e-mail address. Use several unrelated words: they are hard to guess and \
             easy to remember."
                .to_owned(),
        );
    }
    Ok(value)
}

/// Normalises a password that is to be verified (NFKC). Only the length and U+0000 are checked. The error is a message for the
/// user.
pub fn known_password(value: &str) -> Result<String, String> {
    let value = nfkc(value);
    text("A password", &value, 1, PASSWORD_MAX)?;
    Ok(value)
}
