//! Getting back into an account, and proving an address: wire types. This wire is camelCase.

use serde::{Deserialize, Serialize};

use crate::account::{self, User};
use crate::problem::FieldError;
use crate::rules::{Check, Verdict};

/// The body of a request for a link by e-mail: to a new password, or to confirm the address.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, rename_all = "camelCase"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LinkRequest {
    /// The address of the account.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 3, max_length = 254)))]
    pub email: String,
    /// Ignored: links in mails lead to this server's own pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_to: Option<String>,
    /// Ignored, like `redirectTo`.
    #[serde(default, rename = "callbackURL", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(rename = "callbackURL"))]
    pub callback_url: Option<String>,
}

impl Check for LinkRequest {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut verdict = Verdict::default();
        let email = verdict.field("email", account::email(&self.email));
        verdict.finish(email.map(|email| Self {
            email,
            ..Self::default()
        }))
    }
}

/// The answer to a request for a link: the same whether or not there is such an account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct LinkRequested {
    /// Always true.
    pub status: bool,
    /// What to do next, as a sentence for people.
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
    /// 8 to 128 characters, not the name, not the e-mail address and not a common password.
    #[cfg_attr(feature = "openapi", oai(validator(min_length = 8, max_length = 128)))]
    pub new_password: String,
}

impl Check for PasswordReset {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut verdict = Verdict::default();
        let new = verdict.field("newPassword", account::new_password(&self.new_password, "", ""));
        let token = self.token;
        verdict.finish(new.map(|new_password| Self { token, new_password }))
    }
}

/// The answer to the token of a link that proves an address.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct EmailVerified {
    /// Always true.
    pub status: bool,
    /// The account.
    pub user: User,
}
