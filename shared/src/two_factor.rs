//! Two-factor authentication with an authenticator app (TOTP): wire types. The JSON is camelCase.

use serde::{Deserialize, Serialize};

use crate::account;
use crate::problem::FieldError;
use crate::rules::{Check, Validation, text};

/// Maximum length of a code, in characters. Recovery codes may contain spaces and dashes.
const CODE_MAX: usize = 40;

/// The response to a sign-in that requires a code.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct CodeWanted {
    /// Always true.
    pub two_factor_redirect: bool,
    /// The available methods: `totp`.
    pub two_factor_methods: Vec<String>,
}

/// The body with a code.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, rename_all = "camelCase"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CodeProof {
    /// A six-digit code of the app, or a recovery code. Spaces and dashes are ignored.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 40)))]
    pub code: String,
    /// Ignored: every sign-in requires a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_device: Option<bool>,
}

impl Check for CodeProof {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut validation = Validation::default();
        let code = validation.field("code", code(&self.code));
        validation.finish(code.map(|code| Self {
            code,
            trust_device: None,
        }))
    }
}

/// The body of operations that verify the password again and, while two-factor authentication is enabled, a code.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, skip_serializing_if_is_none))]
#[serde(deny_unknown_fields)]
pub struct PasswordAndCode {
    /// The password of the account.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 128)))]
    pub password: String,
    /// A six-digit code of the app, or a recovery code. Spaces and dashes are ignored. Ignored if two-factor authentication is
    /// disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 40)))]
    pub code: Option<String>,
}

impl Check for PasswordAndCode {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut validation = Validation::default();
        let password = validation.field("password", account::known_password(&self.password));
        let code = validation.field("code", self.code.as_deref().map(code).transpose());
        validation.finish(password.zip(code).map(|(password, code)| Self { password, code }))
    }
}

/// Normalises a code: upper case, without spaces and dashes. The error is a message for the user.
pub fn code(value: &str) -> Result<String, String> {
    text("A code", value.trim(), 1, CODE_MAX)?;
    let is_significant = |c: &char| !c.is_whitespace() && *c != '-';
    Ok(value
        .chars()
        .filter(is_significant)
        .collect::<String>()
        .to_ascii_uppercase())
}

/// The setup of an authenticator app. It becomes active when a code of the app has been verified.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct TwoFactorSetup {
    /// An `otpauth://` URI with the secret.
    #[serde(rename = "totpURI")]
    #[cfg_attr(feature = "openapi", oai(rename = "totpURI"))]
    pub totp_uri: String,
    /// A QR code of the URI: a `data:` URL of an SVG image.
    pub qr_code: String,
    /// Ten recovery codes. Each can replace a code of the app once.
    pub backup_codes: Vec<String>,
}

/// New recovery codes. All earlier ones are invalid.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodes {
    /// Always true.
    pub status: bool,
    /// Ten codes. Each can replace a code of the app once.
    pub backup_codes: Vec<String>,
}
