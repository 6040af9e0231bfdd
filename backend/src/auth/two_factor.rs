//! The second factor: the codes of an authenticator app (TOTP, RFC 6238), recovery codes for when the app is gone, and the
//! cookie of a sign-in that still wants one of them.

use base32::Alphabet;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, Utc};
use poem::web::cookie::CookieJar;
use qrcode::QrCode;
use qrcode::render::svg;
use sha2::{Digest, Sha256};
use shared::account::Renewed;
use totp_rs::{Builder, Totp, TotpError};

use super::credential::{FromCookie, TwoFactor as TwoFactorCookie};
use super::throttle::{Attempt, Permit};
use super::{Membership, device, random, session};
use crate::App;
use crate::client::Client;
use crate::db::DbError;
use crate::db::audit::Event;
use crate::db::two_factor::{AppCode, PENDING, TwoFactor};
use crate::db::users::UserRow;
use crate::problem::Problem;

/// The cookie of a sign-in that wants a code.
pub const COOKIE: &str = "docket_two_factor";
/// What the app shows above the code.
const ISSUER: &str = "Docket";
/// The most characters of the e-mail address that it shows beside.
const ACCOUNT_MAX: usize = 100;
/// How many recovery codes there are at a time.
const RECOVERY_CODES: usize = 10;
/// The sides of a module of the QR code, in pixels: the picture is about 300 wide.
const MODULE: u32 = 6;

/// What the app and the server both know: 160 bits, as many as the hash of a code has.
pub fn draw_secret() -> Result<[u8; 20], Problem> {
    random()
}

/// What sets an app up: the `otpauth` address, and the same as a picture in a `data:` address.
pub fn setup(secret: &[u8], email: &str) -> Result<(String, String), Problem> {
    // It is only shown: a colon would end the issuer, and the longest addresses do not fit into a picture.
    let account: String = email.chars().filter(|&c| c != ':').take(ACCOUNT_MAX).collect();
    let uri = app(secret, &account).and_then(|app| app.to_url()).map_err(impossible)?;
    let code = QrCode::new(&uri).map_err(impossible)?;
    let picture = code.render::<svg::Color>().module_dimensions(MODULE, MODULE).build();
    let picture = format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(picture));
    Ok((uri, picture))
}

/// The 30-second step of `code`. [`Problem::InvalidCode`] unless it is the one of `time`, the one before or the one after.
/// Whether the code was used before is for the database to say.
fn step_of(code: &str, secret: &[u8], time: DateTime<Utc>) -> Result<i64, Problem> {
    let app = app(secret, "").map_err(impossible)?;
    let time = u64::try_from(time.timestamp()).unwrap_or_default();
    let step = app.check(code, time).ok_or(Problem::InvalidCode)?;
    i64::try_from(step).map_err(impossible)
}

/// SHA-1, six digits, 30 seconds, one step either side: what every app can do, and the defaults of the library.
fn app(secret: &[u8], account: &str) -> Result<Totp, TotpError> {
    Builder::new()
        .with_secret(secret)
        .with_issuer(Some(ISSUER))
        .with_account_name(account)
        .build()
}

fn impossible(error: impl std::fmt::Display) -> Problem {
    Problem::internal(
        "the library refuses the secret or the address of an authenticator app",
        error,
    )
}

/// New recovery codes.
pub struct RecoveryCodes {
    /// As they are shown, once.
    pub shown: Vec<String>,
    /// As they are stored.
    pub hashes: Vec<[u8; 32]>,
}

impl RecoveryCodes {
    /// Ten codes of 80 random bits.
    pub fn draw() -> Result<Self, Problem> {
        let code = |_| Ok(base32::encode(Alphabet::Rfc4648 { padding: false }, &random::<10>()?));
        let codes = (0..RECOVERY_CODES)
            .map(code)
            .collect::<Result<Vec<String>, Problem>>()?;
        Ok(Self {
            hashes: codes.iter().map(|code| recovery_code_hash(code)).collect(),
            shown: codes.iter().map(|code| grouped(code)).collect(),
        })
    }
}

/// What is stored of a recovery code in normal form: upper case, without dashes.
fn recovery_code_hash(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}

/// Groups of four are easy to copy by hand.
fn grouped(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(String::from_iter).collect();
    groups.join("-")
}

/// Leave to try one code for that user.
async fn permit(app: &App, jar: &CookieJar, user_id: &str, client: &Client) -> Result<Permit, Problem> {
    let device = device::known(app, jar, Some(user_id)).await?;
    let attempt = Attempt::Code {
        client,
        user_id,
        device,
    };
    app.throttle.attempt(attempt).await
}

/// Turns two-factor on for `member`, whose app has proved by `code` that it was set up. Every session ends, and a new one
/// begins in this browser.
pub async fn turn_on(
    app: &App,
    jar: &CookieJar,
    member: Membership,
    code: &str,
    client: Client,
) -> Result<Renewed, Problem> {
    let Membership { user, session } = member;
    let TwoFactor { enabled, secret } = app.db.two_factor(user.as_str()).await?;
    if enabled {
        return Err(Problem::TwoFactorOn);
    }
    let secret = secret.ok_or(Problem::TwoFactorOff)?;
    let permit = permit(app, jar, user.as_str(), &client).await?;
    let step = step_of(code, &secret, Utc::now())?;
    let code = AppCode { secret, step };
    let (mut replacement, handover) = session::draw_replacement(app, client, session).await?;
    // A code does not prove the password.
    replacement.session.authenticated_at = session.authenticated_at;
    let turned_on = app.db.turn_two_factor_on(user, code, replacement).await;
    let user = turned_on.map_err(|error| match error {
        DbError::NotFound => Problem::Unauthenticated,
        other => refused(other),
    })?;
    permit.succeeded().await?;
    let (token, user) = handover.complete(app, jar, user)?;
    Ok(Renewed { token, user })
}

fn refused(error: DbError) -> Problem {
    match error {
        DbError::Changed => Problem::InvalidCode,
        DbError::NotFound => Problem::NoSession,
        other => other.into(),
    }
}

/// What completes a sign-in: a code in normal form.
pub enum Proof<'a> {
    /// Of the app.
    App(&'a str),
    /// Of the ten.
    RecoveryCode(&'a str),
}

/// A sign-in whose password was right and that wants a code. The browser holds a cookie with 256 random bits.
pub struct PendingSignIn {
    user_id: String,
    hash: [u8; 32],
    /// Whether the session is to outlive the browser's window. Only the browser cares, so its cookie keeps it.
    remember: bool,
}

impl PendingSignIn {
    /// Gives the browser a cookie that a code completes within 10 minutes.
    pub async fn begin(app: &App, jar: &CookieJar, user_id: String, remember: bool) -> Result<(), Problem> {
        let token = random::<32>()?;
        app.db.await_code(user_id, Sha256::digest(token).into()).await?;
        let value = format!("{}.{remember}", BASE64_URL_SAFE_NO_PAD.encode(token));
        app.cookies.set(jar, COOKIE, &value, PENDING.to_std().ok());
        Ok(())
    }

    /// The one of the request's cookie. [`Problem::NoSession`] if there is none (any more).
    pub async fn find(app: &App, cookie: FromCookie<TwoFactorCookie>) -> Result<Self, Problem> {
        let cookie = cookie.value()?.ok_or(Problem::NoSession)?;
        let (token, remember) = cookie.split_once('.').ok_or(Problem::NoSession)?;
        let token = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| Problem::NoSession)?;
        let hash = Sha256::digest(token).into();
        let user_id = app.db.user_awaiting_code(&hash).await?.ok_or(Problem::NoSession)?;
        let remember = remember != "false";
        Ok(Self {
            user_id,
            hash,
            remember,
        })
    }

    /// Completes it: the session begins, and the cookie is used up as the code is. [`Problem::InvalidCode`] leaves it as it was.
    pub async fn finish(
        self,
        app: &App,
        jar: &CookieJar,
        proof: Proof<'_>,
        client: Client,
    ) -> Result<Renewed, Problem> {
        let permit = permit(app, jar, &self.user_id, &client).await?;
        match self.use_up(app, proof, &client).await {
            Ok(user) => {
                permit.succeeded().await?;
                app.cookies.clear(jar, COOKIE);
                let (token, user) = session::open(app, jar, client, user, self.remember).await?;
                Ok(Renewed { token, user })
            }
            Err(Problem::InvalidCode) => {
                app.db.record(self.user_id, Event::SignInFailed, client).await?;
                Err(Problem::InvalidCode)
            }
            Err(other) => Err(other),
        }
    }

    async fn use_up(&self, app: &App, proof: Proof<'_>, client: &Client) -> Result<UserRow, Problem> {
        let user_id = self.user_id.clone();
        let used = match proof {
            Proof::App(code) => {
                let secret = app.db.two_factor(&user_id).await?.secret.ok_or(Problem::NoSession)?;
                let step = step_of(code, &secret, Utc::now())?;
                app.db.finish_by_app(user_id, self.hash, AppCode { secret, step }).await
            }
            Proof::RecoveryCode(code) => {
                let code = recovery_code_hash(code);
                app.db
                    .finish_by_recovery_code(user_id, self.hash, code, client.clone())
                    .await
            }
        };
        used.map_err(refused)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The secret of the examples in RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    fn step(code: &str, seconds: i64) -> Option<i64> {
        step_of(code, SECRET, DateTime::from_timestamp(seconds, 0).unwrap()).ok()
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
