//! Accounts and sessions, on the wire of the original plan: camelCase under `/api/auth`.

use std::sync::Arc;

use poem::Request;
use poem::http::header;
use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::{Deserialize, Serialize};
use shared::account::{CurrentSession, SignIn, SignUp, SignedIn, SignedOut, SignedUp, User};
use shared::problem::FieldError;
use shared::rules::Check;

use super::Tag;
use crate::App;
use crate::auth;
use crate::auth::refresh::{self, RefreshToken};
use crate::cors;
use crate::db::sessions::{Device, NewSession};
use crate::json::{JsonBody, RawJson};
use crate::problem::Problem;

/// The most characters kept of what a browser calls itself.
const USER_AGENT_MAX: usize = 255;

/// The operations.
pub struct AuthApi;

/// An empty object. That it must be JSON keeps forms of other sites out.
#[derive(Deserialize, Object, Serialize)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
struct Renewal {}

impl Check for Renewal {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        Ok(self)
    }
}

#[derive(ApiResponse)]
enum WithToken {
    /// The account and a token; the cookie renews it.
    #[oai(status = 200)]
    Ok(
        RawJson<SignedUp>,
        /// The refresh token, for the browser alone.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Welcome {
    /// The account and a token; the cookie renews it.
    #[oai(status = 200)]
    Ok(
        RawJson<SignedIn>,
        /// The refresh token, for the browser alone.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Farewell {
    /// The session has ended, if there was one.
    #[oai(status = 200)]
    Ok(
        RawJson<SignedOut>,
        /// Takes the refresh token away.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Current {
    /// The session and its user; null without a valid token.
    #[oai(status = 200)]
    Ok(RawJson<Option<CurrentSession>>),
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl AuthApi {
    /// Sign up with an e-mail address
    #[oai(path = "/sign-up/email", method = "post", operation_id = "sign_up")]
    async fn sign_up(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        body: JsonBody<SignUp>,
    ) -> Result<WithToken, Problem> {
        let account = body.valid()?;
        let password_hash = app.passwords.hash(account.password).await?;
        let (session, refresh) = new_session(&app, request)?;
        let user = app
            .db
            .create_user(account.name, account.email, password_hash, session)
            .await?;
        let user = User::from(user);
        let token = app.tokens.sign(&user.id, refresh.session)?;
        Ok(WithToken::Ok(
            RawJson::of(&SignedUp { token, user })?,
            refresh.set_cookie(),
        ))
    }

    /// Sign in with an e-mail address
    #[oai(path = "/sign-in/email", method = "post", operation_id = "sign_in")]
    async fn sign_in(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        body: JsonBody<SignIn>,
    ) -> Result<Welcome, Problem> {
        let SignIn { email, password } = body.valid()?;
        let user = app.db.user_by_email(&email).await?;
        let stored = user.as_ref().and_then(|user| user.password_hash.clone());
        let matches = app.passwords.matches(password, stored).await?;
        let user = user.filter(|_| matches).ok_or(Problem::InvalidCredentials)?;
        let user = User::from(user);
        let (session, refresh) = new_session(&app, request)?;
        app.db.start_session(user.id.clone(), session).await?;
        let token = app.tokens.sign(&user.id, refresh.session)?;
        let redirect = false;
        let signed_in = RawJson::of(&SignedIn { redirect, token, user })?;
        Ok(Welcome::Ok(signed_in, refresh.set_cookie()))
    }

    /// Sign out
    ///
    /// Ends the session of the token, of the cookie, or of both. Without either it does nothing, successfully.
    #[oai(path = "/sign-out", method = "post", operation_id = "sign_out")]
    async fn sign_out(&self, app: Data<&Arc<App>>, request: &Request) -> Result<Farewell, Problem> {
        let identity = auth::identity(request).await?;
        if let Some(session) = identity.and_then(|identity| identity.session) {
            app.db.end_session(session).await?;
        }
        if let Some(token) = RefreshToken::from_request(request)
            && cors::may_use_cookies(request, &app.cors_origins)
            && app.db.session_holds(token.session, &token.hash()).await?
        {
            app.db.end_session(token.session).await?;
        }
        let signed_out = RawJson::of(&SignedOut { success: true })?;
        Ok(Farewell::Ok(signed_out, refresh::clear_cookie()))
    }

    /// Get the current session
    #[oai(path = "/get-session", method = "get", operation_id = "get_session")]
    async fn get_session(&self, app: Data<&Arc<App>>, request: &Request) -> Result<Current, Problem> {
        let mut current = None;
        if let Some(identity) = auth::identity(request).await?
            && let Some(session) = identity.session
        {
            let session = app.db.session(session).await?;
            let user = app.db.user(identity.user.as_str()).await?;
            current = session.zip(user).map(|(session, user)| CurrentSession {
                session: session.into(),
                user: user.into(),
            });
        }
        Ok(Current::Ok(RawJson::of(&current)?))
    }

    /// Renew the token
    ///
    /// The cookie's refresh token is replaced by its successor. Renewing twice at once is fine.
    #[oai(path = "/refresh", method = "post", operation_id = "refresh_session")]
    async fn refresh(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        body: JsonBody<Renewal>,
    ) -> Result<WithToken, Problem> {
        if !cors::may_use_cookies(request, &app.cors_origins) {
            return Err(Problem::ForbiddenOrigin);
        }
        let Renewal {} = body.valid()?;
        let token = RefreshToken::from_request(request).ok_or(Problem::NoSession)?;
        let successor = app.refresh_tokens.successor(&token);
        let rotated = app
            .db
            .rotate_session(token.session, token.hash(), successor.hash())
            .await;
        let session = rotated.map_err(no_session)?;
        let user: User = app.db.user(&session.user_id).await?.ok_or(Problem::NoSession)?.into();
        let token = app.tokens.sign(&user.id, session.id)?;
        Ok(WithToken::Ok(
            RawJson::of(&SignedUp { token, user })?,
            successor.set_cookie(),
        ))
    }
}

fn no_session(error: crate::db::DbError) -> Problem {
    match error.into() {
        Problem::NotFound => Problem::NoSession,
        problem => problem,
    }
}

/// A session for the device that asks, and the refresh token that it will hold.
fn new_session(app: &App, request: &Request) -> Result<(NewSession, RefreshToken), Problem> {
    let refresh = app.refresh_tokens.draw()?;
    let device = Device {
        ip_address: request
            .remote_addr()
            .as_socket_addr()
            .map(|address| address.ip().to_string()),
        user_agent: request
            .header(header::USER_AGENT)
            .map(|agent| agent.chars().take(USER_AGENT_MAX).collect()),
    };
    let session = NewSession {
        id: refresh.session,
        refresh_hash: refresh.hash(),
        device,
    };
    Ok((session, refresh))
}
