//! Operations on the user's sessions and audit events.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem::web::cookie::CookieJar;
use poem_openapi::param::Query;
use poem_openapi::{ApiResponse, OpenApi};
use shared::account::Session;
use shared::profile::{Activity, ActivityKind, Done, SessionChoice};
use uuid::Uuid;

use super::{Nothing, Tag};
use crate::accounts::cookies::REFRESH_COOKIE;
use crate::accounts::extract::{AnyUser, Member};
use crate::accounts::service::Accounts;
use crate::accounts::store::sessions::NoSuchSession;
use crate::fault::Fault;
use crate::http::client::Client;
use crate::http::cursor;
use crate::http::json::{JsonBody, OptionalJsonBody, RawJson};
use crate::http::operation_error::{OperationError, operation_errors};
use crate::http::problem::Problem;

/// The operations on sessions and audit events.
#[derive(Default)]
pub struct SessionApi;

#[derive(ApiResponse)]
enum SessionsResponse {
    /// The active sessions, newest first.
    #[oai(status = 200)]
    Ok(RawJson<Vec<Session>>),
}

#[derive(ApiResponse)]
enum ActivityResponse {
    /// The audit events, newest first.
    #[oai(status = 200)]
    Ok(
        RawJson<Vec<Activity>>,
        /// The next page (`rel="next"`), if there is one.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

#[derive(ApiResponse)]
enum RevokeResponse {
    /// The sessions have ended.
    #[oai(status = 200)]
    Ok(RawJson<Done>),
}

fn revoked() -> Result<RevokeResponse, Fault> {
    Ok(RevokeResponse::Ok(RawJson::of(&Done { status: true })?))
}

operation_errors!(BetterAuth, RevokeErrors: Problem::NotFound);

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl SessionApi {
    /// List active sessions
    #[oai(path = "/list-sessions", method = "get", operation_id = "list_sessions")]
    async fn list(&self, accounts: Data<&Arc<Accounts>>, member: Member) -> Result<SessionsResponse, Problem> {
        let sessions = accounts.db.sessions(&member.user).await?;
        let sessions: Vec<Session> = sessions.into_iter().map(Session::from).collect();
        Ok(SessionsResponse::Ok(RawJson::of(&sessions)?))
    }

    /// Revoke a session
    #[oai(path = "/revoke-session", method = "post", operation_id = "revoke_session")]
    async fn revoke(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        member: Member,
        body: JsonBody<SessionChoice>,
    ) -> Result<RevokeResponse, OperationError<RevokeErrors>> {
        let id = body.valid()?.token.parse().map_err(|_| Problem::NotFound)?;
        accounts.db.revoke_session(member.user.clone(), id, client).await?;
        Ok(revoked()?)
    }

    /// Revoke all other sessions
    #[oai(
        path = "/revoke-other-sessions",
        method = "post",
        operation_id = "revoke_other_sessions"
    )]
    async fn revoke_others(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        member: Member,
        body: OptionalJsonBody<Nothing>,
    ) -> Result<RevokeResponse, Problem> {
        body.valid()?;
        let keep = Some(member.session.id);
        accounts.db.revoke_sessions(member.user.clone(), keep, client).await?;
        Ok(revoked()?)
    }

    /// Revoke all sessions
    ///
    /// With a token of the external issuer, revokes all tokens of the user that the issuer has issued so far.
    #[oai(path = "/revoke-sessions", method = "post", operation_id = "revoke_sessions")]
    async fn revoke_all(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        jar: &CookieJar,
        user: AnyUser,
        body: OptionalJsonBody<Nothing>,
    ) -> Result<RevokeResponse, Problem> {
        body.valid()?;
        accounts.db.revoke_sessions(user.user.clone(), None, client).await?;
        accounts.cookies.clear(jar, REFRESH_COOKIE);
        Ok(revoked()?)
    }

    /// List audit events of the account
    ///
    /// Returns an array, newest first. If there are older events, the header `Link` has the URL of the next page.
    #[oai(path = "/activity", method = "get", operation_id = "list_activity")]
    async fn activity(
        &self,
        accounts: Data<&Arc<Accounts>>,
        request: &Request,
        member: Member,
        /// Which events are listed.
        #[oai(default)]
        kind: Query<ActivityKind>,
        /// Maximum number of events.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "500")))]
        limit: Query<u16>,
        /// Cursor of the page, from the `Link` of the previous page.
        cursor: Query<Option<String>>,
    ) -> Result<ActivityResponse, Problem> {
        let Query(kind) = kind;
        let before = match cursor.0 {
            None => Uuid::max(),
            Some(cursor) => cursor::position(&cursor).ok_or_else(|| {
                let advice = "cursor must come from the Link header of a page. Omit it to start at the first page.";
                Problem::of_query("cursor", advice)
            })?,
        };
        let (events, last) = accounts.db.activity(&member.user, kind, before, limit.0).await?;
        let query = format!("kind={}&limit={}", kind.as_str(), limit.0);
        let next = last.map(|last| cursor::next_page(request.original_uri().path(), &query, &last));
        Ok(ActivityResponse::Ok(RawJson::of(&events)?, next.transpose()?))
    }
}

fn default_limit() -> u16 {
    100
}

impl From<NoSuchSession> for Problem {
    fn from(_: NoSuchSession) -> Self {
        Self::NotFound
    }
}
