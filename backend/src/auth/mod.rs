//! Who is asking. Possession is permission: only the token check makes a [`Caller`] (who may touch the tasks of the path), a
//! [`Member`] (who is signed in here) or a [`Fresh`] one (who proved the password lately), and only they have the
//! [`UserId`] that the functions of `db` want.

pub mod credential;
pub mod device;
pub mod link;
pub mod mail;
pub mod password;
pub mod session;
pub mod throttle;
pub mod token;
pub mod two_factor;

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use percent_encoding::percent_decode_str;
use poem::http::header;
use poem::{Request, Result};
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;
use token::Claims;
use uuid::Uuid;

use crate::App;
use crate::auth::password::Comparison;
use crate::auth::throttle::{Attempt, Permit};
use crate::client::RequestId;
use crate::db::users::UserRow;
use crate::issuer::{Refusal, claims_to_be_ours};
use crate::problem::Problem;

/// For so long after the password was proved a dangerous step does not ask for it again.
const FRESH: TimeDelta = TimeDelta::minutes(15);

/// The id of a user who has proved to be that user. Only this module makes one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct UserId(String);

impl UserId {
    /// The id as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user with a valid token whose id is also the `{user_id}` of the path.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", bearer_format = "JWT", rename = "bearer", checker = "check")]
pub struct Caller(Identity);

/// What a token proves.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// The user's revision at the moment of the check.
    pub revision: i64,
    /// The session; none for a token that was signed elsewhere.
    pub session: Option<OwnSession>,
    /// The subject of a token that was signed elsewhere: its other name for the user.
    subject: Option<String>,
}

impl Identity {
    /// Who is signed in here; none for a token that was signed elsewhere.
    pub fn membership(self) -> Option<Membership> {
        let user = self.user;
        self.session.map(|session| Membership { user, session })
    }

    /// Whether that is what the token or the database calls the user.
    fn is(&self, name: &str) -> bool {
        self.user.as_str() == name || self.subject.as_deref() == Some(name)
    }
}

/// A session of ours.
#[derive(Clone, Copy, Debug)]
pub struct OwnSession {
    /// The `sid` of its tokens.
    pub id: Uuid,
    /// When the password was last proved in it.
    pub authenticated_at: DateTime<Utc>,
}

/// A user who is signed in here, not by a token from elsewhere.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", bearer_format = "JWT", rename = "bearer", checker = "check_member")]
pub struct Member(Membership);

/// A member who proved the password in the last 15 minutes, as dangerous steps want it.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", bearer_format = "JWT", rename = "bearer", checker = "check_fresh")]
pub struct Fresh(Membership);

/// Who is signed in, and in which session.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: OwnSession,
}

impl std::ops::Deref for Member {
    type Target = Membership;

    fn deref(&self) -> &Membership {
        &self.0
    }
}

impl std::ops::Deref for Fresh {
    type Target = Membership;

    fn deref(&self) -> &Membership {
        &self.0
    }
}

impl Membership {
    /// The account, if `password` is its password. `field` is the member of the body that it came in.
    pub async fn prove(&self, app: &App, password: String, field: &'static str) -> Result<UserRow, Problem> {
        let user = app.db.user(self.user.as_str()).await?.ok_or(Problem::Unauthenticated)?;
        let session = self.session.id;
        let permit = app.throttle.attempt(Attempt::Password { session }).await?;
        if is_password(app, permit, password, Some(&user)).await? {
            Ok(user)
        } else {
            Err(Problem::WrongPassword(field))
        }
    }
}

/// Whether `password` is the one of `user`; without a user it is not, after the same time. A hash that was made at another
/// cost is replaced.
pub async fn is_password(app: &App, permit: Permit, password: String, user: Option<&UserRow>) -> Result<bool, Problem> {
    let stored = user.and_then(|user| user.password_hash.clone());
    let Comparison::Right { rehashed } = app.passwords.matches(permit, password, stored).await? else {
        return Ok(false);
    };
    if let Some((user, rehashed)) = user.zip(rehashed) {
        app.db.rehash_password(user, rehashed).await?;
    }
    Ok(true)
}

impl std::ops::Deref for Caller {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.0
    }
}

async fn check(request: &Request, bearer: Bearer) -> Result<Identity> {
    let identity = identify(request, &bearer.token).await?;
    let owner = owner(request.uri().path());
    if owner.is_some_and(|owner| identity.is(&owner)) {
        Ok(identity)
    } else {
        Err(Problem::Forbidden.into())
    }
}

async fn check_member(request: &Request, bearer: Bearer) -> Result<Membership> {
    let identity = identify(request, &bearer.token).await?;
    Ok(identity.membership().ok_or(Problem::Unauthenticated)?)
}

async fn check_fresh(request: &Request, bearer: Bearer) -> Result<Membership> {
    let member = check_member(request, bearer).await?;
    if Utc::now() - member.session.authenticated_at < FRESH {
        Ok(member)
    } else {
        Err(Problem::SessionNotFresh.into())
    }
}

/// The `{user_id}` of a path: all that the API keeps of a user is below `/api/{user_id}/`.
fn owner(path: &str) -> Option<Cow<'_, str>> {
    let owner = path.strip_prefix("/api/")?.split('/').next()?;
    Some(percent_decode_str(owner).decode_utf8_lossy())
}

/// Bytes that nobody can guess.
fn random<const BYTES: usize>() -> Result<[u8; BYTES], Problem> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Problem::internal("the system has no randomness", error))?;
    Ok(bytes)
}

/// The bearer token of a request.
pub fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Who sent the request, where a missing or invalid token is no error.
async fn identity(request: &Request) -> Result<Option<Identity>, Problem> {
    let Some(token) = bearer(request) else { return Ok(None) };
    match identify(request, token).await {
        Ok(identity) => Ok(Some(identity)),
        Err(Problem::Unauthenticated) => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn app(request: &Request) -> Result<&Arc<App>, Problem> {
    let app = request.data();
    app.ok_or_else(|| Problem::Internal("the application is not wired up".to_owned()))
}

async fn identify(request: &Request, token: &str) -> Result<Identity, Problem> {
    let app = app(request)?;
    match app.tokens.verify(token) {
        Some(claims) => insider(app, claims).await,
        None => outsider(app, request, token).await,
    }
}

/// The user of a token of ours, if its session lives.
async fn insider(app: &App, claims: Claims) -> Result<Identity, Problem> {
    let live = app.sessions.find(claims.session).await?;
    let live = live
        .filter(|live| live.user_id == claims.subject && live.token_version == claims.version)
        .ok_or(Problem::Unauthenticated)?;
    Ok(Identity {
        user: UserId(claims.subject),
        revision: live.revision,
        session: Some(OwnSession {
            id: claims.session,
            authenticated_at: live.authenticated_at,
        }),
        subject: None,
    })
}

/// The user of a token from outside, if such are accepted. The account comes into being on first use.
async fn outsider(app: &App, request: &Request, token: &str) -> Result<Identity, Problem> {
    let issuer = app.issuer.as_ref().ok_or(Problem::Unauthenticated)?;
    if claims_to_be_ours(token) {
        return Err(Problem::Unauthenticated);
    }
    let outsider = issuer.verify(token).await.map_err(|refusal| match refusal {
        Refusal::Invalid(reason) => {
            let request_id = RequestId::of(request);
            tracing::info!(request_id, reason, "a token from outside is refused");
            Problem::Unauthenticated
        }
        Refusal::Unavailable(problem) => problem,
    })?;
    let mapped = match app.db.mapped(&outsider).await? {
        None => {
            app.db.admit(outsider.clone()).await?;
            app.db.mapped(&outsider).await?
        }
        found => found,
    };
    let mapped = mapped.ok_or(Problem::Unauthenticated)?;
    Ok(Identity {
        user: UserId(mapped.user_id),
        revision: mapped.revision,
        session: None,
        subject: Some(outsider.subject),
    })
}
