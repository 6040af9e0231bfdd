//! Two-factor by an authenticator app (TOTP): wire types. This wire is camelCase.

use serde::{Deserialize, Serialize};

use crate::problem::FieldError;
use crate::rules::{Check, Verdict, text};

/// The longest code, in characters: recovery codes may be typed with spaces and dashes.
const CODE_MAX: usize = 40;

/// The answer to a sign-in that needs a code as well.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct CodeWanted {
    /// Always true.
    pub two_factor_redirect: bool,
    /// What can be answered: `totp`.
    pub two_factor_methods: Vec<String>,
}

/// The body with a code.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(deny_unknown_fields, rename_all = "camelCase"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CodeProof {
    /// Six digits of the app, or a recovery code. Spaces and dashes do not count.
    #[cfg_attr(feature = "openapi", oai(validator(max_length = 40)))]
    pub code: String,
    /// Ignored: every sign-in needs a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_device: Option<bool>,
}

impl Check for CodeProof {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        let mut verdict = Verdict::default();
        let code = verdict.field("code", code(&self.code));
        verdict.finish(code.map(|code| Self {
            code,
            trust_device: None,
        }))
    }
}

/// A code in normal form (upper case, without spaces and dashes), or what is wrong with it.
pub fn code(value: &str) -> Result<String, String> {
    text("A code", value.trim(), 1, CODE_MAX)?;
    let counts = |c: &char| !c.is_whitespace() && *c != '-';
    Ok(value.chars().filter(counts).collect::<String>().to_ascii_uppercase())
}

/// What an authenticator app is set up with. It counts once a code of the app has been verified.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct TwoFactorSetup {
    /// An `otpauth://` address, which holds the secret.
    #[serde(rename = "totpURI")]
    #[cfg_attr(feature = "openapi", oai(rename = "totpURI"))]
    pub totp_uri: String,
    /// The same as a picture to scan: a `data:` address of an SVG.
    pub qr_code: String,
    /// Ten recovery codes; each signs in once without the app.
    pub backup_codes: Vec<String>,
}

/// New recovery codes; those before are worth nothing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
#[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodes {
    /// Always true.
    pub status: bool,
    /// Ten codes; each signs in once without the app.
    pub backup_codes: Vec<String>,
}
