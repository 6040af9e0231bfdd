//! The account as the server describes it.

use shared::account::{Session as Device, User};
use shared::notifications::Notifications;
use shared::profile::Capabilities;

use crate::api::accounts::{self, ActivityPage};
use crate::failure::Failure;

/// The number of events in a page of the history.
const PAGE: usize = 20;

/// The account as the server describes it.
#[derive(Clone, PartialEq)]
pub struct AccountData {
    pub capabilities: Capabilities,
    /// The id of the session of this browser.
    pub current_session: String,
    pub devices: Vec<Device>,
    /// The newest events of the history.
    pub activity: ActivityPage,
    /// Which mails about security events the user gets; none if the server sends no mail.
    pub notifications: Option<Notifications>,
}

impl AccountData {
    /// Fetches the account and its user.
    pub async fn fetch(user_id: &str) -> Result<(Self, User), Failure> {
        // First, because it refreshes an expired token; with an expired token there is no current session.
        let devices = accounts::sessions(user_id).await?;
        let current = accounts::current_session(user_id).await?;
        let capabilities = accounts::capabilities().await?;
        let notifications = match capabilities.mail {
            true => Some(accounts::notifications(user_id).await?),
            false => None,
        };
        let account = Self {
            capabilities,
            current_session: current.session.id,
            devices,
            activity: accounts::activity(user_id, &format!("limit={PAGE}")).await?,
            notifications,
        };
        Ok((account, current.user))
    }
}
