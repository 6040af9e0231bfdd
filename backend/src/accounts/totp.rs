//! TOTP codes of an authenticator app (RFC 6238).

use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, Utc};
use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Builder, Totp, TotpError};

use crate::accounts::random::random;
use crate::fault::Fault;

/// The issuer name that the app shows.
const ISSUER: &str = "Docket";
/// Maximum length of the account name that the app shows, in characters.
const ACCOUNT_MAX: usize = 100;
/// The number of digits of a code.
const DIGITS: usize = 6;
/// The width of a module of the QR code, in pixels. The image is about 300 pixels wide.
const MODULE: u32 = 6;

/// Generates a shared secret of 160 bits, the output size of HMAC-SHA-1.
pub fn generate_secret() -> Result<[u8; 20], Fault> {
    random()
}

/// The `otpauth` URI for an app, and its QR code as a `data:` URL.
pub fn setup(secret: &[u8], email: &str) -> Result<(String, String), Fault> {
    // The name is for display only. A colon would end the issuer, and the longest addresses exceed a QR code.
    let account: String = email.chars().filter(|&c| c != ':').take(ACCOUNT_MAX).collect();
    let uri = app(secret, &account).and_then(|app| app.to_url()).map_err(impossible)?;
    let code = QrCode::new(&uri).map_err(impossible)?;
    let picture = code.render::<svg::Color>().module_dimensions(MODULE, MODULE).build();
    let picture = format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(picture));
    Ok((uri, picture))
}

/// Whether a normalised code has the form of a code of the app, which no recovery code has.
pub fn is_app_code(code: &str) -> bool {
    code.len() == DIGITS && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// The 30-second time step of `code`, if it is the step of `time`, the previous or the next one; none if the code is wrong.
/// Reuse of a code is not detected here.
pub fn step_of(code: &str, secret: &[u8], time: DateTime<Utc>) -> Result<Option<i64>, Fault> {
    let app = app(secret, "").map_err(impossible)?;
    let time = u64::try_from(time.timestamp()).unwrap_or_default();
    let step = app.check(code, time).map(i64::try_from);
    step.transpose().map_err(impossible)
}

/// SHA-1, six digits, 30 seconds, a tolerance of one step: supported by every app, and the defaults of the library.
fn app(secret: &[u8], account: &str) -> Result<Totp, TotpError> {
    Builder::new()
        .with_secret(secret)
        .with_issuer(Some(ISSUER))
        .with_account_name(account)
        .build()
}

fn impossible(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::internal("the TOTP library rejected a secret or an account name").caused_by(error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The secret of the examples in RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    fn step(code: &str, seconds: i64) -> Option<i64> {
        step_of(code, SECRET, DateTime::from_timestamp(seconds, 0).unwrap()).unwrap()
    }

    #[test]
    fn codes_match_the_test_vectors_of_the_rfc() {
        // The last six digits of the examples for SHA-1.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(step(code, seconds), Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_is_valid_for_one_step_before_and_after() {
        let counts: Vec<bool> = [0, 30, 59, 60, 89, 90]
            .map(|seconds| step("287082", seconds).is_some())
            .into();
        assert_eq!(counts, [true, true, true, true, true, false]);
        assert_eq!(step("287082", 89), Some(1));
    }

    #[test]
    fn every_address_yields_a_setup() {
        let (uri, picture) = setup(SECRET, "a:b@example.com").unwrap();
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(
            uri,
            format!("otpauth://totp/Docket:ab%40example.com?secret={secret}&issuer=Docket")
        );
        assert!(picture.starts_with("data:image/svg+xml;base64,"));
        let long = format!("a@{}.example", "\u{1f600}".repeat(200));
        assert!(setup(SECRET, &long).is_ok());
    }
}
