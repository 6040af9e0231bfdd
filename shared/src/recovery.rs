//! Password reset and e-mail verification: wire types. The JSON is camelCase.

use serde::{Deserialize, Serialize};

use crate::account::{self, User};
use crate::problem::FieldError;
use crate::rules::{Check, Validation};

/// The body of a request for a link by mail: to reset the password, or to verify the e-mail address.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, rename_all = "camelCase"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LinkRequest {
    /// The address of the account.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 3, max_length = 254)))]
    pub email: String,
    /// Ignored: links in mails point to pages of this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_to: Option<String>,
    /// Ignored, like `redirectTo`.
    #[serde(default, rename = "callbackURL", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(rename = "callbackURL"))]
    pub callback_url: Option<String>,
}

impl Check for LinkRequest {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut validation = Validation::default();
        let email = validation.field("email", account::email(&self.email));
        validation.finish(email.map(|email| Self {
            email,
            ..Self::default()
        }))
    }
}

/// The response to a request for a link. It is the same whether or not the account exists.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct LinkRequested {
    /// Always true.
    pub status: bool,
    /// A message for the user: what to do next.
    pub message: String,
}

/// The body that sets a new password with the token of a link.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, rename_all = "camelCase"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PasswordReset {
    /// The `token` of the link.
    pub token: String,
    /// 8 to 128 characters, not the name or the e-mail address, not breached and not easy to guess.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 8, max_length = 128)))]
    pub new_password: String,
}

impl Check for PasswordReset {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut validation = Validation::default();
        let new = validation.field("newPassword", account::new_password(&self.new_password, "", ""));
        let token = self.token;
        validation.finish(new.map(|new_password| Self { token, new_password }))
    }
}

/// The body that verifies an e-mail address with the token of a link.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(
    feature = "openapi",
    oai(deny_unknown_fields, rename_all = "camelCase", skip_serializing_if_is_none)
)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EmailVerification {
    /// The `token` of the link.
    pub token: String,
    /// The password that was chosen at the sign-up, or that of the account. Either this or `newPassword` is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 128)))]
    pub password: Option<String>,
    /// A new password: 8 to 128 characters, not the name, not the e-mail address and not a common password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 8, max_length = 128)))]
    pub new_password: Option<String>,
}

/// The password in a valid [`EmailVerification`].
pub enum VerificationPassword<'a> {
    /// The password that was chosen at the sign-up, or that of the account.
    Existing(&'a str),
    /// A new password.
    New(&'a str),
}

impl EmailVerification {
    /// The new password if there is one, otherwise the existing one.
    pub fn chosen_password(&self) -> VerificationPassword<'_> {
        match &self.new_password {
            Some(new) => VerificationPassword::New(new),
            None => VerificationPassword::Existing(self.password.as_deref().unwrap_or_default()),
        }
    }
}

impl Check for EmailVerification {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut validation = Validation::default();
        let token = self.token;
        let checked = match (self.password, self.new_password) {
            (_, Some(new)) => {
                let new = validation.field("newPassword", account::new_password(&new, "", ""));
                new.map(|new| (None, Some(new)))
            }
            (password, None) => {
                let password = validation.field("password", account::known_password(&password.unwrap_or_default()));
                password.map(|password| (Some(password), None))
            }
        };
        validation.finish(checked.map(|(password, new_password)| Self {
            token,
            password,
            new_password,
        }))
    }
}

/// The body with the token of a link.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields))]
#[serde(deny_unknown_fields)]
pub struct LinkToken {
    /// The `token` of the link.
    pub token: String,
}

impl Check for LinkToken {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        Ok(self)
    }
}

/// The response to the verification of an e-mail address.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct EmailVerified {
    /// Always true.
    pub status: bool,
    /// The account.
    pub user: User,
}
