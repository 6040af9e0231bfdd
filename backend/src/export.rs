//! Export of all data that the server stores about a user.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use poem::web::Data;
use poem_openapi::{ApiResponse, OpenApi};
use shared::account::{Session, User};
use shared::profile::Export;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::accounts::event::Event;
use crate::accounts::extract::RecentUser;
use crate::accounts::routes::Tag;
use crate::accounts::user_id::UserId;
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
    /// The users whose exports are being sent by this server.
    running: Arc<Mutex<HashSet<UserId>>>,
}

/// Permission to send an export of a user, until it is dropped.
struct ExportPermit {
    running: Arc<Mutex<HashSet<UserId>>>,
    user: UserId,
    _permit: OwnedSemaphorePermit,
}

impl Drop for ExportPermit {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.user);
    }
}

fn lock(running: &Mutex<HashSet<UserId>>) -> MutexGuard<'_, HashSet<UserId>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Exports {
    /// Exports from `db`.
    pub fn new(db: Db) -> Self {
        let permits = Arc::new(Semaphore::new(CONCURRENT_MAX));
        let running = Arc::default();
        Self { db, permits, running }
    }

    /// Begins an export. [`Problem::ExportRunning`] if one of the user is being sent, [`Problem::Busy`] if too many are.
    fn begin(&self, user: &UserId) -> Result<ExportPermit, Problem> {
        let mut running = lock(&self.running);
        if running.contains(user) {
            return Err(Problem::ExportRunning);
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| Problem::Busy)?;
        running.insert(user.clone());
        Ok(ExportPermit {
            running: Arc::clone(&self.running),
            user: user.clone(),
            _permit: permit,
        })
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

operation_errors!(BetterAuth, ExportErrors: Problem::SessionNotFresh, Problem::ExportRunning, Problem::Busy);

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
        let permit = exports.begin(&caller.user)?;
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
