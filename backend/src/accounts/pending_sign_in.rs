//! Pending sign-ins: the password is verified, and a code is still required.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use poem::web::cookie::CookieJar;
use sha2::{Digest, Sha256};
use shared::account::Renewed;

use crate::accounts::cookies::TWO_FACTOR_COOKIE;
use crate::accounts::event::Event;
use crate::accounts::random::random;
use crate::accounts::rate_limit::{Attempt, Permit};
use crate::accounts::recovery_codes::recovery_code_hash;
use crate::accounts::service::Accounts;
use crate::accounts::store::proof::Proof;
use crate::accounts::store::two_factor::{CodeRefusal, PENDING_LIFETIME};
use crate::accounts::store::users::UserRow;
use crate::accounts::user_id::UserId;
use crate::accounts::{device, session};
use crate::db::Abort;
use crate::http::client::Client;
use crate::http::problem::Problem;

/// Counts an attempt to enter a code of the user.
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

/// A normalised code.
pub enum Code<'a> {
    /// From the authenticator app.
    App(&'a str),
    /// A recovery code.
    Recovery(&'a str),
}

/// A pending sign-in. The browser has a cookie with a token of 256 random bits.
pub struct PendingSignIn {
    user_id: UserId,
    hash: [u8; 32],
    /// Whether the session outlives the browser window. It is stored in the cookie only.
    remember: bool,
}

impl PendingSignIn {
    /// Stores a pending sign-in of `user`, whose password was verified after it was read, and sets its cookie. It is valid for
    /// 10 minutes. [`Problem::NoSession`] if the credentials were changed since `user` was read.
    pub async fn begin(accounts: &Accounts, jar: &CookieJar, user: &UserRow, remember: bool) -> Result<(), Problem> {
        let token = random::<32>()?;
        let hash = Sha256::digest(token).into();
        let stored = accounts.db.store_pending_sign_in(Proof::of(user), hash).await;
        stored.map_err(session::sign_in_refused)?;
        let value = format!("{}.{remember}", BASE64_URL_SAFE_NO_PAD.encode(token));
        let lifetime = PENDING_LIFETIME.to_std().ok();
        accounts.cookies.set(jar, TWO_FACTOR_COOKIE, &value, lifetime);
        Ok(())
    }

    /// Finds the pending sign-in of a cookie. [`Problem::NoSession`] if there is no cookie, or if the sign-in has expired or
    /// been completed.
    pub async fn find(accounts: &Accounts, cookie: Option<String>) -> Result<Self, Problem> {
        let cookie = cookie.ok_or(Problem::NoSession)?;
        let (token, remember) = cookie.split_once('.').ok_or(Problem::NoSession)?;
        let token = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| Problem::NoSession)?;
        let hash = Sha256::digest(token).into();
        let user_id = accounts.db.pending_sign_in_user(&hash).await?;
        let remember = remember != "false";
        Ok(Self {
            user_id: user_id.ok_or(Problem::NoSession)?,
            hash,
            remember,
        })
    }

    /// Consumes the code and creates the session. [`Problem::InvalidCode`] leaves the pending sign-in unchanged.
    pub async fn complete(
        self,
        accounts: &Accounts,
        jar: &CookieJar,
        code: Code<'_>,
        client: Client,
    ) -> Result<Renewed, Problem> {
        let permit = attempt(accounts, jar, &self.user_id, &client).await?;
        match self.consume_code(accounts, code, &client).await {
            Ok(user) => {
                permit.succeeded().await?;
                accounts.cookies.clear(jar, TWO_FACTOR_COOKIE);
                let (token, user) = session::begin(accounts, jar, client, user, self.remember).await?;
                Ok(Renewed { token, user })
            }
            Err(Problem::InvalidCode) => {
                accounts
                    .db
                    .record(self.user_id, Event::SignInCodeFailed, client)
                    .await?;
                Err(Problem::InvalidCode)
            }
            Err(other) => Err(other),
        }
    }

    async fn consume_code(&self, accounts: &Accounts, code: Code<'_>, client: &Client) -> Result<UserRow, Problem> {
        let user_id = self.user_id.clone();
        let used = match code {
            Code::App(code) => {
                let two_factor = accounts.db.two_factor(&user_id).await?;
                let secret = two_factor.and_then(|two_factor| two_factor.secret);
                let secret = secret.ok_or(Problem::NoSession)?;
                let code = accounts
                    .totp_keys
                    .verify_code(&accounts.db, &user_id, secret, code)
                    .await?;
                accounts.db.complete_with_app_code(user_id, self.hash, code.step).await
            }
            Code::Recovery(code) => {
                let code = recovery_code_hash(code);
                let client = client.clone();
                accounts
                    .db
                    .complete_with_recovery_code(user_id, self.hash, code, client)
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
