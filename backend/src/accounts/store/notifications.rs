//! The `notify_` columns of `users`: which mails about security events the user receives.

use shared::notifications::{Notifications, NotificationsChange};
use sqlx::FromRow;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Tx, on_database};
use crate::http::client::Client;

#[derive(FromRow)]
struct NotificationsRow {
    notify_new_device: bool,
    notify_failed_sign_ins: bool,
    notify_recovery_code_used: bool,
    notify_account_deleted: bool,
}

/// The columns of [`NotificationsRow`].
macro_rules! notification_columns {
    () => {
        "notify_new_device, notify_failed_sign_ins, notify_recovery_code_used, notify_account_deleted"
    };
}

impl From<NotificationsRow> for Notifications {
    fn from(row: NotificationsRow) -> Self {
        Self {
            new_device: row.notify_new_device,
            failed_sign_ins: row.notify_failed_sign_ins,
            recovery_code_used: row.notify_recovery_code_used,
            account_deleted: row.notify_account_deleted,
        }
    }
}

/// There is no such user.
#[derive(Debug)]
pub struct NoSuchUser;

struct Change {
    user: UserId,
    change: NotificationsChange,
    client: Client,
}

impl AuditedChange for Change {
    type Output = Notifications;
    type Refusal = NoSuchUser;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<Notifications>, Abort<NoSuchUser>> {
        const SQL: &str = concat!(
            "UPDATE users SET notify_new_device = COALESCE($2, notify_new_device), \
             notify_failed_sign_ins = COALESCE($3, notify_failed_sign_ins), \
             notify_recovery_code_used = COALESCE($4, notify_recovery_code_used), \
             notify_account_deleted = COALESCE($5, notify_account_deleted) WHERE id = $1 RETURNING ",
            notification_columns!()
        );
        let changed: Option<NotificationsRow> = on_database!(tx, c => c.optional(sqlx::query(SQL)
            .bind(&self.user)
            .bind(self.change.new_device)
            .bind(self.change.failed_sign_ins)
            .bind(self.change.recovery_code_used)
            .bind(self.change.account_deleted)).await)?;
        let changed = changed.ok_or(Abort::Refused(NoSuchUser))?;
        Ok(Audited::event(&self.user, Event::NotificationsChanged, changed.into()))
    }
}

impl Db {
    /// The settings of a user; none if there is no such user.
    pub async fn notifications(&self, user: &UserId) -> Result<Option<Notifications>, DbError> {
        const SQL: &str = concat!("SELECT ", notification_columns!(), " FROM users WHERE id = $1");
        let found: Option<NotificationsRow> =
            on_database!(self.read(), db => db.optional(sqlx::query(SQL).bind(user)).await)?;
        Ok(found.map(Notifications::from))
    }

    /// Changes the settings of a user, and returns all of them.
    pub async fn change_notifications(
        &self,
        user: UserId,
        change: NotificationsChange,
        client: Client,
    ) -> Result<Notifications, Abort<NoSuchUser>> {
        self.audit(Change { user, change, client }).await
    }
}
