//! What people do with their own account.

use std::sync::Arc;

use poem::web::Data;
use poem::web::cookie::CookieJar;
use poem_openapi::{ApiResponse, OpenApi};
use shared::account::{Renewed, Session, User};
use shared::profile::{AccountDeleted, Export, PasswordChange, PasswordProof, ProfileChange};

use super::{Changed, Tag};
use crate::App;
use crate::auth::session::{self, REFRESH_COOKIE};
use crate::auth::{Fresh, Member};
use crate::client::Client;
use crate::db::DbError;
use crate::db::audit::Event;
use crate::json::{JsonBody, RawJson, StreamedJson};
use crate::problem::Problem;

/// The operations.
#[derive(Default)]
pub struct AccountApi;

#[derive(ApiResponse)]
enum WithToken {
    /// The password is changed, and a new session has begun: its token, which a cookie renews.
    #[oai(status = 200)]
    Ok(RawJson<Renewed>),
}

#[derive(ApiResponse)]
enum Gone {
    /// The account and everything that belonged to it are deleted.
    #[oai(status = 200)]
    Ok(RawJson<AccountDeleted>),
}

#[derive(ApiResponse)]
enum Download {
    /// Everything, as a file.
    #[oai(status = 200)]
    Ok(
        StreamedJson<Export>,
        /// Names the file.
        #[oai(header = "Content-Disposition")]
        String,
    ),
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl AccountApi {
    /// Change the profile
    #[oai(path = "/update-user", method = "post", operation_id = "update_user")]
    async fn update(
        &self,
        app: Data<&Arc<App>>,
        client: Client,
        member: Member,
        body: JsonBody<ProfileChange>,
    ) -> Result<Changed, Problem> {
        if let Some(name) = body.valid()?.name {
            app.db.rename_user(member.user.clone(), name, client).await?;
        }
        Changed::done()
    }

    /// Prove the password again
    ///
    /// For 15 minutes the session may then do what an old one may not.
    #[oai(path = "/verify-password", method = "post", operation_id = "verify_password")]
    async fn verify_password(
        &self,
        app: Data<&Arc<App>>,
        member: Member,
        body: JsonBody<PasswordProof>,
    ) -> Result<Changed, Problem> {
        let PasswordProof { password } = body.valid()?;
        member.prove(&app, password, "password").await?;
        app.db.authenticate_session(member.session.id).await?;
        Changed::done()
    }

    /// Change the password
    ///
    /// Every session and every access token ends, and a new session begins in this browser.
    #[oai(path = "/change-password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        app: Data<&Arc<App>>,
        client: Client,
        jar: &CookieJar,
        member: Member,
        body: JsonBody<PasswordChange>,
    ) -> Result<WithToken, Problem> {
        let PasswordChange {
            current_password,
            new_password,
            ..
        } = body.valid()?;
        let user = member.prove(&app, current_password, "currentPassword").await?;
        let email = user.email.as_deref().unwrap_or_default();
        let password = app
            .passwords
            .admit(&new_password, "newPassword", &user.name, email)
            .await?;
        let password_hash = app.passwords.hash(password).await?;
        let (replacement, handover) = session::draw_replacement(&app, client, member.session).await?;
        let changed = app.db.change_password(user, password_hash, replacement).await;
        let user = changed.map_err(|error| match error {
            // The password that was proved is not the password any more, or this session has ended.
            DbError::NotFound => Problem::Unauthenticated,
            other => other.into(),
        })?;
        let (token, user) = handover.complete(&app, jar, user)?;
        Ok(WithToken::Ok(RawJson::of(&Renewed { token, user })?))
    }

    /// Delete the account
    ///
    /// With all of its tasks, sessions and history. It cannot be undone.
    #[oai(path = "/delete-user", method = "post", operation_id = "delete_user")]
    async fn delete(
        &self,
        app: Data<&Arc<App>>,
        jar: &CookieJar,
        member: Member,
        body: JsonBody<PasswordProof>,
    ) -> Result<Gone, Problem> {
        let PasswordProof { password } = body.valid()?;
        member.prove(&app, password, "password").await?;
        app.db.delete_user(member.user.clone()).await?;
        app.cookies.clear(jar, REFRESH_COOKIE);
        Ok(Gone::Ok(RawJson::of(&AccountDeleted {
            success: true,
            message: "User deleted".to_owned(),
        })?))
    }

    /// Download everything
    #[oai(path = "/export", method = "get", operation_id = "export_data")]
    async fn export(&self, app: Data<&Arc<App>>, client: Client, member: Fresh) -> Result<Download, Problem> {
        let permit = Arc::clone(&app.exports)
            .try_acquire_owned()
            .map_err(|_| Problem::Busy)?;
        let id = member.user.as_str();
        let user = app.db.user(id).await?.ok_or(Problem::Unauthenticated)?;
        let sessions = app.db.sessions(&member.user).await?;
        let sessions: Vec<Session> = sessions.into_iter().map(Session::from).collect();
        let export = StreamedJson::object()
            .member("user", &User::from(user))?
            .member("sessions", &sessions)?
            .array("activity", app.db.all_activity(id.to_owned()))
            .await?
            .array("tasks", app.db.all_tasks(member.user.clone()))
            .await?;
        let request_id = client.request_id.clone();
        app.db.record(id.to_owned(), Event::DataExported, client).await?;
        let export = export.finish(move |problem| {
            // Released with the stream.
            let _permit = &permit;
            tracing::error!(
                request_id,
                reason = problem.reason(),
                "an export failed after its status was sent"
            )
        });
        let file = "attachment; filename=\"docket-export.json\"".to_owned();
        Ok(Download::Ok(export, file))
    }
}
