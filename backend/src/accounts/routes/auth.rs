//! Sign-up, sign-in, sign-out and session renewal, compatible with Better Auth.

use std::sync::Arc;

use poem::web::Data;
use poem::web::cookie::CookieJar;
use poem_openapi::{ApiResponse, OpenApi, Union};
use serde::Serialize;
use shared::account::{CurrentSession, Renewed, SignIn, SignUp, SignedIn, SignedOut, SignedUp};
use shared::two_factor::CodeWanted;

use super::{Nothing, Tag, too_many};
use crate::accounts::cookies::REFRESH_COOKIE;
use crate::accounts::extract::{Anonymous, FromCookie, OptionalBearer, Refresh};
use crate::accounts::refresh_token::RefreshToken;
use crate::accounts::service::Accounts;
use crate::accounts::session;
use crate::accounts::sign_in::{SignInOutcome, sign_in};
use crate::accounts::sign_up::sign_up;
use crate::accounts::store::sessions::{Renewal, RenewalOutcome};
use crate::http::client::Client;
use crate::http::json::{JsonBody, RawJson};
use crate::http::operation_error::{OperationError, operation_errors};
use crate::http::problem::Problem;

/// The operations that begin, renew and end the session of the browser.
#[derive(Default)]
pub struct AuthApi;

#[derive(ApiResponse)]
enum SignUpResponse {
    /// The account and its access token. The refresh token is set as a cookie.
    #[oai(status = 200)]
    Ok(RawJson<SignedUp>),
}

#[derive(Serialize, Union)]
#[oai(one_of, rename = "SignInAnswer")]
#[serde(untagged)]
enum SignInResult {
    SignedIn(SignedIn),
    CodeWanted(CodeWanted),
}

#[derive(ApiResponse)]
enum SignInResponse {
    /// The account and its access token, with the refresh token as a cookie; or, with two-factor authentication, a cookie for
    /// the operation that verifies the code.
    #[oai(status = 200)]
    Ok(RawJson<SignInResult>),
}

#[derive(ApiResponse)]
enum SignOutResponse {
    /// The session has ended, if there was one.
    #[oai(status = 200)]
    Ok(RawJson<SignedOut>),
}

#[derive(ApiResponse)]
enum SessionResponse {
    /// The session and its user; null if there is no valid token.
    #[oai(status = 200)]
    Ok(RawJson<Option<CurrentSession>>),
}

#[derive(ApiResponse)]
enum RefreshResponse {
    /// The account and a new access token. The new refresh token is set as a cookie.
    #[oai(status = 200)]
    Ok(RawJson<Renewed>),
}

operation_errors!(BetterAuth, SignUpErrors: Problem::EmailTaken("email"), too_many(), Problem::Busy);
operation_errors!(BetterAuth, SignInErrors: Problem::InvalidCredentials, Problem::NoSession, Problem::EmailNotVerified, too_many(), Problem::Busy);

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl AuthApi {
    /// Sign up with an e-mail address
    ///
    /// If the server sends mail, the response is the same whether or not the address has an account and contains no token. A mail
    /// explains the next step.
    #[oai(path = "/sign-up/email", method = "post", operation_id = "sign_up")]
    async fn sign_up(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        body: JsonBody<SignUp>,
    ) -> Result<SignUpResponse, OperationError<SignUpErrors>> {
        let signed_up = sign_up(&accounts, jar, client, body.valid()?).await?;
        Ok(SignUpResponse::Ok(RawJson::of(&signed_up)?))
    }

    /// Sign in with an e-mail address
    ///
    /// If the server sends mail, the address must be verified; otherwise the verification mail is sent again.
    /// With two-factor authentication the response contains no token; complete the sign-in with `verify_totp` or
    /// `verify_backup_code`.
    #[oai(path = "/sign-in/email", method = "post", operation_id = "sign_in")]
    async fn sign_in(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        body: JsonBody<SignIn>,
    ) -> Result<SignInResponse, OperationError<SignInErrors>> {
        let outcome = sign_in(&accounts, jar, client, body.valid()?).await?;
        let result = match outcome {
            SignInOutcome::SignedIn { token, user } => {
                let redirect = false;
                SignInResult::SignedIn(SignedIn { redirect, token, user })
            }
            SignInOutcome::NeedsCode => SignInResult::CodeWanted(CodeWanted {
                two_factor_redirect: true,
                two_factor_methods: vec!["totp".to_owned()],
            }),
        };
        Ok(SignInResponse::Ok(RawJson::of(&result)?))
    }

    /// Sign out
    ///
    /// Ends the sessions of the access token and of the refresh cookie. Succeeds if there is neither.
    #[oai(path = "/sign-out", method = "post", operation_id = "sign_out")]
    async fn sign_out(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        bearer: OptionalBearer,
        cookie: FromCookie<Refresh>,
        _anonymous: Anonymous,
    ) -> Result<SignOutResponse, Problem> {
        if let Some(session) = bearer.0.and_then(|identity| identity.session()) {
            accounts.db.end_session(session.id, client.clone()).await?;
        }
        // A cross-site request must neither use nor delete the cookie.
        if let Ok(cookie) = cookie.value() {
            if let Some(token) = cookie.and_then(|cookie| RefreshToken::parse(&cookie))
                && accounts.db.is_refresh_token_of(token.session, &token.hash()).await?
            {
                accounts.db.end_session(token.session, client).await?;
            }
            accounts.cookies.clear(jar, REFRESH_COOKIE);
        }
        Ok(SignOutResponse::Ok(RawJson::of(&SignedOut { success: true })?))
    }

    /// Get the current session
    #[oai(path = "/get-session", method = "get", operation_id = "get_session")]
    async fn get_session(
        &self,
        accounts: Data<&Arc<Accounts>>,
        bearer: OptionalBearer,
        _anonymous: Anonymous,
    ) -> Result<SessionResponse, Problem> {
        let mut current = None;
        if let Some(identity) = bearer.0
            && let Some(session) = identity.session()
        {
            let session = accounts.db.session(session.id).await?;
            let user = accounts.db.user(&identity.user).await?;
            current = session.zip(user).map(|(session, user)| CurrentSession {
                session: session.into(),
                user: user.into(),
            });
        }
        Ok(SessionResponse::Ok(RawJson::of(&current)?))
    }

    /// Renew the access token
    ///
    /// Rotates the refresh token in the cookie. Concurrent renewals with the same token by the same browser succeed for 10 seconds;
    /// a later reuse of a replaced token, or one from another network or user agent, ends the session.
    #[oai(path = "/refresh", method = "post", operation_id = "refresh_session")]
    async fn refresh(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        cookie: FromCookie<Refresh>,
        body: JsonBody<Nothing>,
    ) -> Result<RefreshResponse, Problem> {
        let token = cookie.value()?.and_then(|cookie| RefreshToken::parse(&cookie));
        let token = token.ok_or(Problem::NoSession)?;
        let Nothing {} = body.valid()?;
        let successor = token.successor()?;
        let renewal = Renewal {
            session: token.session,
            presented: token.hash(),
            family: token.family_hash(),
            successor: successor.hash(),
            sealed_successor: token.seal(&successor)?,
            client: client.clone(),
        };
        let RenewalOutcome::Live(session) = accounts.db.renew_session(renewal).await? else {
            return Err(Problem::NoSession);
        };
        client.set_user_id(session.user_id.as_str());
        let sealed = session.sealed_successor.as_deref().unwrap_or_default();
        let successor = token.unseal(sealed)?.ok_or(Problem::NoSession)?;
        let user = accounts.db.user(&session.user_id).await?.ok_or(Problem::NoSession)?;
        let (token, user) = session::renew(&accounts, jar, &successor, user, session.remember)?;
        Ok(RefreshResponse::Ok(RawJson::of(&Renewed { token, user })?))
    }
}
