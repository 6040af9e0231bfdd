//! The table `audit_events`: what happened to an account. Rows are only added; they go with the account.

use std::convert::Infallible;

use chrono::{DateTime, Utc};
use futures_util::{Stream, stream};
use shared::profile::Activity;
use sqlx::FromRow;
use uuid::Uuid;

use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now, on_database};
use crate::http::client::Client;

/// How many events a page has when all of them are read.
const PAGE: i64 = 500;

/// What happened. The word in the table and on the wire is [`Event::word`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    SignedUp,
    SignedIn,
    SignInFailed,
    SignedOut,
    SessionRevoked,
    OtherSessionsRevoked,
    AllSessionsRevoked,
    RefreshReused,
    PasswordChanged,
    PasswordResetRequested,
    PasswordReset,
    EmailChangeRequested,
    EmailChanged,
    EmailVerified,
    NameChanged,
    TwoFactorEnabled,
    TwoFactorDisabled,
    RecoveryCodesReplaced,
    RecoveryCodeUsed,
    DataExported,
}

impl Event {
    /// The stable name.
    pub fn word(self) -> &'static str {
        match self {
            Self::SignedUp => "signed_up",
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SignedOut => "signed_out",
            Self::SessionRevoked => "session_revoked",
            Self::OtherSessionsRevoked => "other_sessions_revoked",
            Self::AllSessionsRevoked => "all_sessions_revoked",
            Self::RefreshReused => "refresh_reused",
            Self::PasswordChanged => "password_changed",
            Self::PasswordResetRequested => "password_reset_requested",
            Self::PasswordReset => "password_reset",
            Self::EmailChangeRequested => "email_change_requested",
            Self::EmailChanged => "email_changed",
            Self::EmailVerified => "email_verified",
            Self::NameChanged => "name_changed",
            Self::TwoFactorEnabled => "two_factor_enabled",
            Self::TwoFactorDisabled => "two_factor_disabled",
            Self::RecoveryCodesReplaced => "recovery_codes_replaced",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::DataExported => "data_exported",
        }
    }
}

#[derive(FromRow)]
struct EventRow {
    id: Uuid,
    event: String,
    created_at: DateTime<Utc>,
    ip_address: Option<String>,
    user_agent: Option<String>,
    request_id: String,
}

impl From<EventRow> for Activity {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.id.to_string(),
            event: row.event,
            created_at: row.created_at,
            ip_address: row.ip_address,
            user_agent: row.user_agent,
            request_id: row.request_id,
        }
    }
}

/// Adds an event as a part of the change that it is about.
pub(super) async fn record(tx: &mut Tx<'_>, user_id: &UserId, event: Event, client: &Client) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO audit_events (user_id, id, event, ip_address, user_agent, request_id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(user_id)
            .bind(Uuid::now_v7())
            .bind(event.word())
            .bind(client.address_text())
            .bind(&client.user_agent)
            .bind(&client.request_id)
            .bind(now())
    )?;
    Ok(())
}

struct Record {
    user_id: UserId,
    event: Event,
    client: Client,
}

impl Transaction for Record {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        Ok(record(tx, &self.user_id, self.event, &self.client).await?)
    }
}

impl Db {
    /// Adds an event that changes nothing else.
    pub async fn record(&self, user_id: UserId, event: Event, client: Client) -> Result<(), DbError> {
        Ok(self.transact(Record { user_id, event, client }).await?)
    }

    /// The last `limit` events of an account, newest first.
    pub async fn activity(&self, user_id: &UserId, limit: i64) -> Result<Vec<Activity>, DbError> {
        let rows = self.events(user_id, Uuid::max(), limit).await?;
        Ok(rows.into_iter().map(Activity::from).collect())
    }

    /// All events of an account in pages, newest first. Each page is a query of its own, run when it is asked for.
    pub fn all_activity(&self, user_id: UserId) -> impl Stream<Item = Result<Vec<Activity>, DbError>> + use<> {
        stream::try_unfold((self.clone(), user_id, Uuid::max()), async |(db, user_id, before)| {
            let rows = db.events(&user_id, before, PAGE).await?;
            let Some(last) = rows.last().map(|row| row.id) else {
                return Ok(None);
            };
            let page = rows.into_iter().map(Activity::from).collect();
            Ok(Some((page, (db, user_id, last))))
        })
    }

    /// The last `limit` events before the one of the id `before`.
    async fn events(&self, user_id: &UserId, before: Uuid, limit: i64) -> Result<Vec<EventRow>, DbError> {
        const SQL: &str = "SELECT id, event, created_at, ip_address, user_agent, request_id FROM audit_events \
             WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
        on_database!(self.read(), db => db.all(sqlx::query(SQL).bind(user_id).bind(before).bind(limit)).await)
    }
}
