//! Signing up, in and out, and staying signed in, on the wire of Better Auth.

use std::sync::Arc;

use poem::web::Data;
use poem::web::cookie::CookieJar;
use poem_openapi::{ApiResponse, Object, OpenApi, Union};
use serde::{Deserialize, Serialize};
use shared::account::{CurrentSession, Renewed as RenewedSession, SignIn, SignUp, SignedIn, SignedOut, SignedUp, User};
use shared::problem::FieldError;
use shared::rules::Check;
use shared::two_factor::CodeWanted;
use uuid::Uuid;

use super::{Tag, recovery};
use crate::accounts::cookies::REFRESH_COOKIE;
use crate::accounts::device::{self, Device};
use crate::accounts::extract::{Anonymous, FromCookie, OptionalBearer, Refresh};
use crate::accounts::pending_sign_in::PendingSignIn;
use crate::accounts::rate_limit::Attempt;
use crate::accounts::refresh_token::RefreshToken;
use crate::accounts::service::Accounts;
use crate::accounts::sign_in;
use crate::accounts::store::audit::Event;
use crate::accounts::store::sessions::{Renewal, Renewed};
use crate::accounts::store::sign_up::NewUser;
use crate::accounts::store::users::UserRow;
use crate::accounts::user_id::UserId;
use crate::http::client::Client;
use crate::http::json::{JsonBody, RawJson};
use crate::http::problem::Problem;

/// The operations.
#[derive(Default)]
pub struct AuthApi;

/// An empty object. That it must be JSON keeps forms of other sites out.
#[derive(Deserialize, Object, Serialize)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl Check for Nothing {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        Ok(self)
    }
}

#[derive(ApiResponse)]
enum Joined {
    /// The account and a token; a cookie renews it.
    #[oai(status = 200)]
    Ok(RawJson<SignedUp>),
}

#[derive(Serialize, Union)]
#[oai(one_of)]
#[serde(untagged)]
enum SignInAnswer {
    SignedIn(SignedIn),
    CodeWanted(CodeWanted),
}

#[derive(ApiResponse)]
enum Welcome {
    /// The account and a token, which a cookie renews; or, when two-factor is on, a cookie that a code completes.
    #[oai(status = 200)]
    Ok(RawJson<SignInAnswer>),
}

#[derive(ApiResponse)]
enum Farewell {
    /// The session has ended, if there was one.
    #[oai(status = 200)]
    Ok(RawJson<SignedOut>),
}

#[derive(ApiResponse)]
enum Current {
    /// The session and its user; null without a valid token.
    #[oai(status = 200)]
    Ok(RawJson<Option<CurrentSession>>),
}

#[derive(ApiResponse)]
enum WithToken {
    /// The account and a new token; a new cookie renews it.
    #[oai(status = 200)]
    Ok(RawJson<RenewedSession>),
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl AuthApi {
    /// Sign up with an e-mail address
    ///
    /// When the server sends mail, the answer is the same whether or not the address has an account: a mail says how to go on,
    /// and there is no token before.
    #[oai(path = "/sign-up/email", method = "post", operation_id = "sign_up")]
    async fn sign_up(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        body: JsonBody<SignUp>,
    ) -> Result<Joined, Problem> {
        let account = body.valid()?;
        let remember = account.remember_me.unwrap_or(true);
        accounts.rate_limiter.sign_up(&client).await?;
        let SignUp {
            name, email, password, ..
        } = account;
        let password = accounts.passwords.admit(&password, "password", &name, &email).await?;
        let password_hash = accounts.passwords.hash(password).await?;
        let user = NewUser {
            id: UserId::new(Uuid::now_v7().to_string()),
            name,
            email,
            password_hash,
        };
        if let Some(mailer) = &accounts.mailer {
            accounts.rate_limiter.mail(&client, "sign-up", &user.email).await?;
            let unconfirmed = SignedUp {
                token: None,
                user: User::from(&user),
            };
            mailer.post(
                &client,
                recovery::sign_up_letter(Arc::clone(&accounts), user, client.clone()),
            )?;
            return Ok(Joined::Ok(RawJson::of(&unconfirmed)?));
        }
        let (session, cookies) = sign_in::new_session(client.clone(), remember, Device::generate()?)?;
        let user = accounts.db.create_user(user, Some(session), client).await?;
        let (token, user) = cookies.set(&accounts, jar, user)?;
        let token = Some(token);
        Ok(Joined::Ok(RawJson::of(&SignedUp { token, user })?))
    }

    /// Sign in with an e-mail address
    ///
    /// When the server sends mail, the address must be confirmed; if it is not, the link is sent again.
    /// With two-factor on there is no token yet: `verify_totp` or `verify_backup_code` answers it.
    #[oai(path = "/sign-in/email", method = "post", operation_id = "sign_in")]
    async fn sign_in(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        body: JsonBody<SignIn>,
    ) -> Result<Welcome, Problem> {
        let SignIn {
            email,
            password,
            remember_me,
            ..
        } = body.valid()?;
        let user = accounts.db.user_by_email(&email).await?;
        let device = device::known(&accounts.db, &accounts.cookies, jar, user.as_ref().map(|user| &user.id)).await?;
        let attempt = Attempt::SignIn {
            client: &client,
            email: &email,
            device,
        };
        let permit = accounts.rate_limiter.attempt(attempt).await?;
        let is_right = accounts.is_password(permit, password, user.as_ref()).await?;
        let user = match user {
            Some(user) if is_right => user,
            user => {
                note_failure(&accounts, user, client);
                return Err(Problem::InvalidCredentials);
            }
        };
        if let Some(mailer) = accounts.mailer.as_ref().filter(|_| !user.email_verified) {
            accounts.rate_limiter.mail(&client, "confirm", &email).await?;
            mailer.post(
                &client,
                recovery::verification_letter(Arc::clone(&accounts), email, client.clone()),
            )?;
            return Err(Problem::EmailNotVerified);
        }
        let remember = remember_me.unwrap_or(true);
        let answer = if user.two_factor_enabled {
            PendingSignIn::begin(&accounts, jar, user.id, remember).await?;
            SignInAnswer::CodeWanted(CodeWanted {
                two_factor_redirect: true,
                two_factor_methods: vec!["totp".to_owned()],
            })
        } else {
            let (token, user) = sign_in::begin_session(&accounts, jar, client, user, remember).await?;
            let redirect = false;
            SignInAnswer::SignedIn(SignedIn { redirect, token, user })
        };
        Ok(Welcome::Ok(RawJson::of(&answer)?))
    }

    /// Sign out
    ///
    /// Ends the session of the token, of the cookie, or of both. Without either it does nothing, successfully.
    #[oai(path = "/sign-out", method = "post", operation_id = "sign_out")]
    async fn sign_out(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        bearer: OptionalBearer,
        cookie: FromCookie<Refresh>,
        _anonymous: Anonymous,
    ) -> Result<Farewell, Problem> {
        if let Some(session) = bearer.0.and_then(|identity| identity.session) {
            accounts.db.end_session(session.id, client.clone()).await?;
        }
        // A form of another site must neither use the cookie nor take it away.
        if let Ok(cookie) = cookie.value() {
            if let Some(token) = cookie.and_then(|cookie| RefreshToken::parse(&cookie))
                && accounts.db.session_holds(token.session, &token.hash()).await?
            {
                accounts.db.end_session(token.session, client).await?;
            }
            accounts.cookies.clear(jar, REFRESH_COOKIE);
        }
        Ok(Farewell::Ok(RawJson::of(&SignedOut { success: true })?))
    }

    /// Get the current session
    #[oai(path = "/get-session", method = "get", operation_id = "get_session")]
    async fn get_session(
        &self,
        accounts: Data<&Arc<Accounts>>,
        bearer: OptionalBearer,
        _anonymous: Anonymous,
    ) -> Result<Current, Problem> {
        let mut current = None;
        if let Some(identity) = bearer.0
            && let Some(session) = identity.session
        {
            let session = accounts.db.session(session.id).await?;
            let user = accounts.db.user(&identity.user).await?;
            current = session.zip(user).map(|(session, user)| CurrentSession {
                session: session.into(),
                user: user.into(),
            });
        }
        Ok(Current::Ok(RawJson::of(&current)?))
    }

    /// Renew the token
    ///
    /// The cookie's refresh token is replaced by its successor. Renewing twice at once is fine; a token that was replaced a
    /// while ago ends the session.
    #[oai(path = "/refresh", method = "post", operation_id = "refresh_session")]
    async fn refresh(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        cookie: FromCookie<Refresh>,
        body: JsonBody<Nothing>,
    ) -> Result<WithToken, Problem> {
        let token = cookie.value()?.and_then(|cookie| RefreshToken::parse(&cookie));
        let token = token.ok_or(Problem::NoSession)?;
        let Nothing {} = body.valid()?;
        let successor = token.successor()?;
        let renewal = Renewal {
            session: token.session,
            presented: token.hash(),
            family: token.family_hash(),
            successor: successor.hash(),
            sealed_successor: token.seal(&successor),
            client,
        };
        let Renewed::Live(session) = accounts.db.renew_session(renewal).await? else {
            return Err(Problem::NoSession);
        };
        let sealed = session.sealed_successor.as_deref().unwrap_or_default();
        let successor = token.unseal(sealed).ok_or(Problem::NoSession)?;
        let user = accounts.db.user(&session.user_id).await?.ok_or(Problem::NoSession)?;
        let (token, user) = sign_in::renew(&accounts, jar, &successor, user, session.remember)?;
        Ok(WithToken::Ok(RawJson::of(&RenewedSession { token, user })?))
    }
}

/// Notes in the account's history that somebody could not sign in. Nobody waits for it, or the answer would take longer where
/// there is an account.
fn note_failure(accounts: &Accounts, user: Option<UserRow>, client: Client) {
    let Some(user) = user else { return };
    let db = accounts.db.clone();
    tokio::spawn(async move {
        if let Err(error) = db.record(user.id, Event::SignInFailed, client).await {
            tracing::warn!(%error, "a failed sign-in is missing in the history of an account");
        }
    });
}
