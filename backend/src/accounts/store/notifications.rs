//! The `notify_` columns of `users`: which mails about security events the user receives; and the mails that are due.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use shared::notifications::{Notifications, NotificationsChange};
use sqlx::FromRow;

use crate::accounts::event::Event;
use crate::accounts::notification::Notification;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::proof::{Proof, Stale};
use crate::accounts::store::rate_limits;
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Tx, execute, now, on_database};
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

/// A mail that is due once the event is committed.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The kind of the mail.
    pub notification: Notification,
    /// The recipient: a verified address.
    pub email: String,
    /// When the event happened.
    pub at: DateTime<Utc>,
    /// The client that caused it.
    pub client: Client,
    /// The link that undoes the change, if it is a change of a verified address.
    pub undo_link: Option<String>,
}

/// Sends the mails that are due. It must not block. Cheap to clone.
#[derive(Clone)]
pub struct Notifier(Arc<dyn Fn(&Notice) + Send + Sync>);

impl Notifier {
    /// Calls `send` for each mail.
    pub fn new(send: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        Self(Arc::new(send))
    }

    pub(super) fn notify(&self, notice: &Notice) {
        (self.0)(notice);
    }
}

/// The recipient of mails about an account, and the settings.
#[derive(FromRow)]
pub(super) struct Recipient {
    email: Option<String>,
    email_verified: bool,
    #[sqlx(flatten)]
    settings: NotificationsRow,
    #[sqlx(skip)]
    undo_link: Option<String>,
}

impl Recipient {
    /// The recipient of a mail with a link that undoes the change.
    pub(super) fn with_undo_link(self, link: &str) -> Self {
        let undo_link = Some(link.to_owned());
        Self { undo_link, ..self }
    }
}

/// The recipient of mails about the account; none if there is no such account.
pub(super) async fn recipient(tx: &mut Tx<'_>, user_id: &UserId) -> Result<Option<Recipient>, DbError> {
    const SQL: &str = concat!(
        "SELECT email, email_verified, ",
        notification_columns!(),
        " FROM users WHERE id = $1"
    );
    on_database!(tx, c => c.optional(sqlx::query(SQL).bind(user_id)).await)
}

/// Counts an event, and returns the mail about it, if it is due. The recipient is `before`, or the present address.
pub(super) async fn due(
    tx: &mut Tx<'_>,
    user_id: &UserId,
    event: Event,
    before: Option<Recipient>,
    client: &Client,
) -> Result<Option<Notice>, DbError> {
    let Some(notification) = Notification::of(event) else {
        return Ok(None);
    };
    let counted = rate_limits::count(tx, &notification.counter(user_id)).await?;
    if !counted.is_ok_and(|tally| notification.is_due(tally)) {
        return Ok(None);
    }
    let recipient = match before {
        Some(before) => Some(before),
        None => recipient(tx, user_id).await?,
    };
    let recipient = recipient.filter(|recipient| recipient.email_verified);
    Ok(recipient.and_then(|recipient| {
        let email = recipient.email?;
        let is_wanted = notification.is_wanted(&recipient.settings.into());
        is_wanted.then(|| Notice {
            notification,
            email,
            at: now(),
            client: client.clone(),
            undo_link: recipient.undo_link,
        })
    }))
}

/// Enables all mails about security events.
pub(super) async fn enable_all(tx: &mut Tx<'_>, user_id: &UserId) -> Result<(), DbError> {
    const SQL: &str = "UPDATE users SET notify_new_device = TRUE, notify_failed_sign_ins = TRUE, \
         notify_recovery_code_used = TRUE, notify_account_deleted = TRUE WHERE id = $1";
    execute!(tx, sqlx::query(SQL).bind(user_id))?;
    Ok(())
}

/// Counts an event of an e-mail address without an account, as [`due`] does for an account.
pub(super) async fn count_without_account(tx: &mut Tx<'_>, address: &[u8; 32], event: Event) -> Result<(), DbError> {
    if let Some(notification) = Notification::of(event) {
        // Whether the quota is exceeded does not matter: no mail is due.
        let _ = rate_limits::count(tx, &notification.counter_without_account(address)).await?;
    }
    Ok(())
}

struct Change {
    proof: Proof,
    change: NotificationsChange,
    client: Client,
}

impl AuditedChange for Change {
    type Output = Notifications;
    type Refusal = Stale;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<Notifications>, Abort<Stale>> {
        const SQL: &str = concat!(
            "UPDATE users SET notify_new_device = COALESCE($2, notify_new_device), \
             notify_failed_sign_ins = COALESCE($3, notify_failed_sign_ins), \
             notify_recovery_code_used = COALESCE($4, notify_recovery_code_used), \
             notify_account_deleted = COALESCE($5, notify_account_deleted) WHERE id = $1 RETURNING ",
            notification_columns!()
        );
        let user = self.proof.lock(tx).await?;
        let changed: NotificationsRow = on_database!(tx, c => c.one(sqlx::query(SQL)
            .bind(user)
            .bind(self.change.new_device)
            .bind(self.change.failed_sign_ins)
            .bind(self.change.recovery_code_used)
            .bind(self.change.account_deleted)).await)?;
        Ok(Audited::event(user, Event::NotificationsChanged, changed.into()))
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
        proof: Proof,
        change: NotificationsChange,
        client: Client,
    ) -> Result<Notifications, Abort<Stale>> {
        self.audit(Change { proof, change, client }).await
    }
}
