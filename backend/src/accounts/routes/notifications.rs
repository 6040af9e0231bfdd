//! Operations on the settings of the mails about security events.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{ApiResponse, OpenApi};
use shared::notifications::{Notifications, NotificationsChange};

use super::Tag;
use crate::accounts::extract::{Member, RecentMember};
use crate::accounts::service::Accounts;
use crate::http::client::Client;
use crate::http::json::{JsonBody, RawJson};
use crate::http::operation_error::{OperationError, operation_errors};
use crate::http::problem::Problem;

/// The operations.
#[derive(Default)]
pub struct NotificationApi;

#[derive(ApiResponse)]
enum NotificationsResponse {
    /// All settings.
    #[oai(status = 200)]
    Ok(RawJson<Notifications>),
}

operation_errors!(BetterAuth, UpdateNotificationsErrors: Problem::SessionNotFresh);

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl NotificationApi {
    /// Get the settings of the mails about security events
    #[oai(path = "/notifications", method = "get", operation_id = "get_notifications")]
    async fn get(&self, accounts: Data<&Arc<Accounts>>, member: Member) -> Result<NotificationsResponse, Problem> {
        let settings = accounts.db.notifications(&member.user).await?;
        let settings = settings.ok_or(Problem::Unauthenticated)?;
        Ok(NotificationsResponse::Ok(RawJson::of(&settings)?))
    }

    /// Change the settings of the mails about security events
    ///
    /// Mails about a new password, a new e-mail address and changes of two-factor authentication are always sent.
    #[oai(path = "/notifications", method = "post", operation_id = "update_notifications")]
    async fn update(
        &self,
        accounts: Data<&Arc<Accounts>>,
        client: Client,
        member: RecentMember,
        body: JsonBody<NotificationsChange>,
    ) -> Result<NotificationsResponse, OperationError<UpdateNotificationsErrors>> {
        let change = body.valid()?;
        let changed = accounts.db.change_notifications(member.proof(), change, client);
        Ok(NotificationsResponse::Ok(RawJson::of(&changed.await?)?))
    }
}
