//! Sign-ins whose password was right and that still need a code.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::Utc;
use poem::web::cookie::CookieJar;
use sha2::{Digest, Sha256};
use shared::account::Renewed;

use crate::accounts::cookies::TWO_FACTOR_COOKIE;
use crate::accounts::event::Event;
use crate::accounts::random::random;
use crate::accounts::rate_limit::{Attempt, Permit};
use crate::accounts::recovery_codes::recovery_code_hash;
use crate::accounts::service::Accounts;
use crate::accounts::store::two_factor::{AppCode, CodeRefusal, PENDING};
use crate::accounts::store::users::UserRow;
use crate::accounts::totp::step_of;
use crate::accounts::user_id::UserId;
use crate::accounts::{device, session};
use crate::db::Abort;
use crate::http::client::Client;
use crate::http::problem::Problem;

/// Counts an attempt to enter a code of that user.
pub async fn attempt(
    accounts: &Accounts,
    jar: &CookieJar,
    user_id: &UserId,
    client: &Client,
) -> Result<Permit, Problem> {
    let device = device::known(&accounts.db, &accounts.cookies, jar, Some(user_id)).await?;
    let attempt = Attempt::Code {
        client,
        user_id,
        device,
    };
    accounts.rate_limiter.attempt(attempt).await
}

/// A code that completes a sign-in, in normal form.
pub enum Code<'a> {
    /// From the authenticator app.
    App(&'a str),
    /// A recovery code.
    Recovery(&'a str),
}

/// A sign-in whose password was right and that needs a code. The browser has a cookie with 256 random bits.
pub struct PendingSignIn {
    user_id: UserId,
    hash: [u8; 32],
    /// Whether the session outlives the browser window. Only the browser needs it, so the cookie keeps it.
    remember: bool,
}

impl PendingSignIn {
    /// Sets a cookie with which a code completes the sign-in within 10 minutes.
    pub async fn begin(accounts: &Accounts, jar: &CookieJar, user_id: UserId, remember: bool) -> Result<(), Problem> {
        let token = random::<32>()?;
        accounts.db.await_code(user_id, Sha256::digest(token).into()).await?;
        let value = format!("{}.{remember}", BASE64_URL_SAFE_NO_PAD.encode(token));
        let lifetime = PENDING.to_std().ok();
        accounts.cookies.set(jar, TWO_FACTOR_COOKIE, &value, lifetime);
        Ok(())
    }

    /// The pending sign-in of a cookie. [`Problem::NoSession`] if there is no cookie, or the sign-in has expired or was
    /// completed.
    pub async fn find(accounts: &Accounts, cookie: Option<String>) -> Result<Self, Problem> {
        let cookie = cookie.ok_or(Problem::NoSession)?;
        let (token, remember) = cookie.split_once('.').ok_or(Problem::NoSession)?;
        let token = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| Problem::NoSession)?;
        let hash = Sha256::digest(token).into();
        let user_id = accounts.db.user_awaiting_code(&hash).await?;
        let remember = remember != "false";
        Ok(Self {
            user_id: user_id.ok_or(Problem::NoSession)?,
            hash,
            remember,
        })
    }

    /// Begins the session. The code is used up. [`Problem::InvalidCode`] leaves the pending sign-in as it was.
    pub async fn complete(
        self,
        accounts: &Accounts,
        jar: &CookieJar,
        code: Code<'_>,
        client: Client,
    ) -> Result<Renewed, Problem> {
        let permit = attempt(accounts, jar, &self.user_id, &client).await?;
        match self.use_up(accounts, code, &client).await {
            Ok(user) => {
                permit.succeeded().await?;
                accounts.cookies.clear(jar, TWO_FACTOR_COOKIE);
                let (token, user) = session::begin(accounts, jar, client, user, self.remember).await?;
                Ok(Renewed { token, user })
            }
            Err(Problem::InvalidCode) => {
                accounts.db.record(self.user_id, Event::SignInFailed, client).await?;
                Err(Problem::InvalidCode)
            }
            Err(other) => Err(other),
        }
    }

    async fn use_up(&self, accounts: &Accounts, code: Code<'_>, client: &Client) -> Result<UserRow, Problem> {
        let user_id = self.user_id.clone();
        let used = match code {
            Code::App(code) => {
                let two_factor = accounts.db.two_factor(&user_id).await?;
                let secret = two_factor.and_then(|two_factor| two_factor.secret);
                let secret = secret.ok_or(Problem::NoSession)?;
                let step = step_of(code, &secret, Utc::now())?.ok_or(Problem::InvalidCode)?;
                let code = AppCode { secret, step };
                accounts.db.finish_by_app(user_id, self.hash, code).await
            }
            Code::Recovery(code) => {
                let code = recovery_code_hash(code);
                let client = client.clone();
                accounts
                    .db
                    .finish_by_recovery_code(user_id, self.hash, code, client)
                    .await
            }
        };
        used.map_err(|abort| match abort {
            Abort::Refused(CodeRefusal::Used) => Problem::InvalidCode,
            Abort::Refused(CodeRefusal::SignInEnded) => Problem::NoSession,
            Abort::Failed(error) => error.into(),
        })
    }
}
