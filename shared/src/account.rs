//! Accounts: wire types and rules. This wire is camelCase.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::problem::FieldError;
use crate::rules::{Check, Verdict, text};
use crate::times;
use crate::unicode::{folded, nfkc};

/// The longest name, in characters after trimming.
pub const NAME_MAX: usize = 100;
/// The longest e-mail address, in characters.
pub const EMAIL_MAX: usize = 254;
/// The shortest password, in characters.
pub const PASSWORD_MIN: usize = 8;
/// The longest password, in characters.
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
    /// What to call the person: 1 to 100 characters after trimming.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 1, max_length = 100)))]
    pub name: String,
    /// Trimmed, normalised (NFKC) and lower-cased before it is compared.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 3, max_length = 254)))]
    pub email: String,
    /// 8 to 128 characters, not the name, not the e-mail address and not a common password.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 8, max_length = 128)))]
    pub password: String,
    /// Whether the browser stays signed in after it is closed; true when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remember_me: Option<bool>,
    /// Ignored: links in mails lead to this server's own pages.
    #[serde(default, rename = "callbackURL", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(rename = "callbackURL"))]
    pub callback_url: Option<String>,
}

impl Check for SignUp {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut verdict = Verdict::default();
        let name = verdict.field("name", name(&self.name));
        let email = verdict.field("email", email(&self.email));
        let password = verdict.field("password", new_password(&self.password, &self.name, &self.email));
        let account = name.zip(email).zip(password).map(|((name, email), password)| Self {
            name,
            email,
            password,
            remember_me: self.remember_me,
            callback_url: None,
        });
        verdict.finish(account)
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
    /// The address of the account, in any letter case.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 254)))]
    pub email: String,
    /// The password of the account.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 128)))]
    pub password: String,
    /// Whether the browser stays signed in after it is closed; true when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remember_me: Option<bool>,
    /// Ignored: links in mails lead to this server's own pages.
    #[serde(default, rename = "callbackURL", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(rename = "callbackURL"))]
    pub callback_url: Option<String>,
}

impl Check for SignIn {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut verdict = Verdict::default();
        let email = verdict.field("email", email(&self.email));
        let password = verdict.field("password", known_password(&self.password));
        let credentials = email.zip(password).map(|(email, password)| Self {
            email,
            password,
            remember_me: self.remember_me,
            callback_url: None,
        });
        verdict.finish(credentials)
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
    /// What to call the person.
    pub name: String,
    /// In normal form; null for an account that came with an outside token.
    pub email: Option<String>,
    /// Whether the address is known to reach the person.
    pub email_verified: bool,
    /// The address of a picture; null when there is none.
    pub image: Option<String>,
    /// When the account was made.
    #[serde(deserialize_with = "times::time")]
    pub created_at: DateTime<Utc>,
    /// When the account last changed.
    #[serde(deserialize_with = "times::time")]
    pub updated_at: DateTime<Utc>,
    /// Whether a sign-in also needs a code of an authenticator app.
    #[serde(default)]
    pub two_factor_enabled: bool,
}

/// A device that is signed in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The `sid` of its tokens.
    pub id: String,
    /// Names the session when it is to be revoked. It is the `id` again and opens nothing.
    pub token: String,
    /// Whose it is.
    pub user_id: String,
    /// When it ends unless it is renewed.
    #[serde(deserialize_with = "times::time")]
    pub expires_at: DateTime<Utc>,
    /// When it began.
    #[serde(deserialize_with = "times::time")]
    pub created_at: DateTime<Utc>,
    /// When it was last seen: at its last renewal.
    #[serde(deserialize_with = "times::time")]
    pub updated_at: DateTime<Utc>,
    /// The network address it began at; null when unknown.
    pub ip_address: Option<String>,
    /// The browser it began in; null when unknown.
    pub user_agent: Option<String>,
}

/// The answer to a sign-up.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SignedUp {
    /// A short-lived bearer token (JWT); null when the address has to be confirmed first.
    pub token: Option<String>,
    /// The account.
    pub user: User,
}

/// The answer to what leaves a session with a new token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Renewed {
    /// A short-lived bearer token (JWT).
    pub token: String,
    /// Whose it is.
    pub user: User,
}

/// The answer to a sign-in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SignedIn {
    /// Always false: there is nowhere else to go.
    pub redirect: bool,
    /// A short-lived bearer token (JWT).
    pub token: String,
    /// Whose it is.
    pub user: User,
}

/// The answer to a sign-out.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct SignedOut {
    /// Always true: signing out twice is fine.
    pub success: bool,
}

/// Who is asking, and on which device.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct CurrentSession {
    /// The device.
    pub session: Session,
    /// The account.
    pub user: User,
}

/// A name in normal form, or what is wrong with it.
pub fn name(value: &str) -> Result<String, String> {
    let value = value.trim();
    text("A name", value, 1, NAME_MAX)?;
    Ok(value.to_owned())
}

/// An e-mail address in normal form (trimmed, NFKC, lower case), or what is wrong with it.
pub fn email(value: &str) -> Result<String, String> {
    let value = folded(value.trim());
    text("An e-mail address", &value, 1, EMAIL_MAX)?;
    let unlike = || "This is not an e-mail address; one looks like name@example.com.".to_owned();
    let (local, domain) = value.rsplit_once('@').ok_or_else(unlike)?;
    let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '<' | '>' | ',');
    let plain = !local.is_empty()
        && local.chars().count() <= 64
        && !local.contains(strange)
        && !domain.contains(strange)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty());
    if plain { Ok(value) } else { Err(unlike()) }
}

/// A new password in normal form (NFKC), or what is wrong with it. `own_name` and `address` are those of the account, or empty.
pub fn new_password(value: &str, own_name: &str, address: &str) -> Result<String, String> {
    let value = nfkc(value);
    text("A password", &value, PASSWORD_MIN, PASSWORD_MAX)?;
    let (password, address) = (folded(&value), folded(address.trim()));
    let local = address.split('@').next().unwrap_or_default();
    if password == folded(own_name.trim()) || password == address || password == local {
        return Err("A password must not be your name or your e-mail address. Several words that do not belong together are easy to keep in mind.".to_owned());
    }
    Ok(value)
}

/// A password that is to be compared, in normal form. Only what no password can be is refused.
pub fn known_password(value: &str) -> Result<String, String> {
    let value = nfkc(value);
    text("A password", &value, 1, PASSWORD_MAX)?;
    Ok(value)
}
