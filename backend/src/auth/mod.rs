//! Who is asking. Possession of a [`Caller`] is permission: only the token check makes one, and only a caller has the
//! [`UserId`] that every function of `db::tasks` wants.

pub mod password;
pub mod refresh;
pub mod token;

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use poem::http::header;
use poem::{Request, Result};
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;
use uuid::Uuid;

use crate::App;
use crate::problem::Problem;

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
    pub session: Option<Uuid>,
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
    if owner.is_some_and(|owner| owner == identity.user.as_str()) {
        Ok(identity)
    } else {
        Err(Problem::Forbidden.into())
    }
}

/// The `{user_id}` of a path: all that the API keeps of a user is below `/api/{user_id}/`.
fn owner(path: &str) -> Option<Cow<'_, str>> {
    let owner = path.strip_prefix("/api/")?.split('/').next()?;
    Some(percent_decode_str(owner).decode_utf8_lossy())
}

/// Who sent the request, where a missing or invalid token is no error.
pub async fn identity(request: &Request) -> Result<Option<Identity>, Problem> {
    let token = request
        .header(header::AUTHORIZATION)
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = token else { return Ok(None) };
    match identify(request, token.trim()).await {
        Ok(identity) => Ok(Some(identity)),
        Err(Problem::Unauthenticated) => Ok(None),
        Err(problem) => Err(problem),
    }
}

async fn identify(request: &Request, token: &str) -> Result<Identity, Problem> {
    let app: &Arc<App> = request
        .data()
        .ok_or_else(|| Problem::Internal("the application is not wired up".to_owned()))?;
    let claims = app.tokens.verify(token).ok_or(Problem::Unauthenticated)?;
    let revision = match claims.session {
        Some(session) => {
            let live = app.sessions.find(session).await?;
            live.filter(|live| live.user_id == claims.subject)
                .map(|live| live.revision)
        }
        None if app.trust_external_tokens => Some(admitted(app, &claims.subject).await?),
        None => None,
    };
    Ok(Identity {
        revision: revision.ok_or(Problem::Unauthenticated)?,
        user: UserId(claims.subject),
        session: claims.session,
    })
}

/// The revision of the subject of an outside token, whose account comes into being on first use.
async fn admitted(app: &App, subject: &str) -> Result<i64, Problem> {
    if let Some(revision) = app.db.user_revision(subject).await? {
        return Ok(revision);
    }
    app.db.admit_user(subject.to_owned()).await?;
    app.db.user_revision(subject).await?.ok_or(Problem::Unauthenticated)
}
