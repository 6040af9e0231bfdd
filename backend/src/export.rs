//! Export of all data that the server stores about a user.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{ApiResponse, OpenApi};
use shared::account::{Session, User};
use shared::profile::Export;
use tokio::sync::Semaphore;

use crate::accounts::event::Event;
use crate::accounts::extract::RecentUser;
use crate::accounts::routes::Tag;
use crate::db::Db;
use crate::http::client::Client;
use crate::http::json::StreamedJson;
use crate::http::operation_error::{OperationError, operation_errors};
use crate::http::problem::Problem;

/// Maximum number of concurrent exports. Each keeps a page of tasks in memory until the client has received it.
const CONCURRENT_MAX: usize = 16;

/// The state that exports share.
pub struct Exports {
    db: Db,
    permits: Arc<Semaphore>,
}

impl Exports {
    /// Exports from `db`.
    pub fn new(db: Db) -> Self {
        let permits = Arc::new(Semaphore::new(CONCURRENT_MAX));
        Self { db, permits }
    }
}

/// The export operation.
#[derive(Default)]
pub struct ExportApi;

#[derive(ApiResponse)]
enum ExportResponse {
    /// All data of the user, as a file.
    #[oai(status = 200)]
    Ok(
        StreamedJson<Export>,
        /// The name of the file.
        #[oai(header = "Content-Disposition")]
        String,
    ),
}

operation_errors!(BetterAuth, ExportErrors: Problem::SessionNotFresh, Problem::Busy);

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl ExportApi {
    /// Export all data of the user
    #[oai(path = "/export", method = "get", operation_id = "export_data")]
    async fn export(
        &self,
        exports: Data<&Arc<Exports>>,
        client: Client,
        caller: RecentUser,
    ) -> Result<ExportResponse, OperationError<ExportErrors>> {
        let permit = Arc::clone(&exports.permits)
            .try_acquire_owned()
            .map_err(|_| Problem::Busy)?;
        let db = &exports.db;
        let user = db.user(&caller.user).await?.ok_or(Problem::Unauthenticated)?;
        let sessions = db.sessions(&caller.user).await?;
        let notifications = db.notifications(&caller.user).await?.ok_or(Problem::Unauthenticated)?;
        let sessions: Vec<Session> = sessions.into_iter().map(Session::from).collect();
        let export = StreamedJson::object()
            .member("user", &User::from(user))?
            .member("notifications", &notifications)?
            .member("sessions", &sessions)?
            .array("activity", db.all_activity(caller.user.clone()))
            .await?
            .array("tasks", db.all_tasks(caller.user.clone()))
            .await?;
        let request_id = client.request_id.clone();
        db.record(caller.user.clone(), Event::DataExported, client).await?;
        let export = export.finish(move |fault| {
            // The permit is released when the stream is dropped.
            let _permit = &permit;
            tracing::error!(request_id, %fault, "an export failed after its status was sent")
        });
        let file = "attachment; filename=\"docket-export.json\"".to_owned();
        Ok(ExportResponse::Ok(export, file))
    }
}
