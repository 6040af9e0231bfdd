//! Codes of an authenticator app (TOTP, RFC 6238).

use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, Utc};
use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Builder, Totp, TotpError};

use crate::accounts::random::random;
use crate::fault::Fault;

/// The issuer that the app shows above the code.
const ISSUER: &str = "Docket";
/// The most characters of the e-mail address that the app shows.
const ACCOUNT_MAX: usize = 100;
/// The width of a module of the QR code, in pixels: the picture is about 300 wide.
const MODULE: u32 = 6;

/// A new secret, which the app and the server share: 160 bits, as many as the hash of a code has.
pub fn generate_secret() -> Result<[u8; 20], Fault> {
    random()
}

/// The `otpauth` URI that sets an app up, and its QR code as a `data:` URL.
pub fn setup(secret: &[u8], email: &str) -> Result<(String, String), Fault> {
    // It is only shown: a colon would end the issuer, and the longest addresses do not fit into a picture.
    let account: String = email.chars().filter(|&c| c != ':').take(ACCOUNT_MAX).collect();
    let uri = app(secret, &account).and_then(|app| app.to_url()).map_err(impossible)?;
    let code = QrCode::new(&uri).map_err(impossible)?;
    let picture = code.render::<svg::Color>().module_dimensions(MODULE, MODULE).build();
    let picture = format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(picture));
    Ok((uri, picture))
}

/// The 30-second step of `code`; none unless it is the step of `time`, the one before or the one after. It does not tell
/// whether the code was used before.
pub fn step_of(code: &str, secret: &[u8], time: DateTime<Utc>) -> Result<Option<i64>, Fault> {
    let app = app(secret, "").map_err(impossible)?;
    let time = u64::try_from(time.timestamp()).unwrap_or_default();
    let step = app.check(code, time).map(i64::try_from);
    step.transpose().map_err(impossible)
}

/// SHA-1, six digits, 30 seconds, one step either side: what every app can do, and the defaults of the library.
fn app(secret: &[u8], account: &str) -> Result<Totp, TotpError> {
    Builder::new()
        .with_secret(secret)
        .with_issuer(Some(ISSUER))
        .with_account_name(account)
        .build()
}

fn impossible(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::internal("the library refuses the secret or the address of an authenticator app").caused_by(error)
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
    fn codes_are_those_of_the_rfc() {
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
    fn a_code_holds_one_step_either_side() {
        let counts: Vec<bool> = [0, 30, 59, 60, 89, 90]
            .map(|seconds| step("287082", seconds).is_some())
            .into();
        assert_eq!(counts, [true, true, true, true, true, false]);
        assert_eq!(step("287082", 89), Some(1));
    }

    #[test]
    fn every_address_sets_an_app_up() {
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
