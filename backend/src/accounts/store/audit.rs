//! The table `audit_events`, the history of an account, and the transactions that add to it. It is append-only; rows are deleted
//! with the account.

use std::convert::Infallible;
use std::future::Future;

use chrono::{DateTime, Utc};
use futures_util::{Stream, stream};
use shared::profile::Activity;
use sqlx::FromRow;
use uuid::Uuid;

use crate::accounts::event::Event;
use crate::accounts::store::notifications::{self, Notice, Notifier, Recipient};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now, on_database};
use crate::http::client::Client;

/// The page size when all events are read.
const PAGE: i64 = 500;

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

/// A change of an account whose event is added to the history in the same transaction.
pub(super) trait AuditedChange: Send + Sync + 'static {
    /// As [`Transaction::Output`].
    type Output: Send + Sync + 'static;
    /// As [`Transaction::Refusal`].
    type Refusal: Send + 'static;

    /// The client that requested the change.
    fn client(&self) -> &Client;

    /// As [`Transaction::apply`]. What it returns besides the output is added to the history.
    fn apply(
        &self,
        tx: &mut Tx<'_>,
    ) -> impl Future<Output = Result<Audited<Self::Output>, Abort<Self::Refusal>>> + Send;
}

/// The output of a change, and its event, if any.
pub(super) struct Audited<T> {
    output: T,
    event: Option<(UserId, Event)>,
    recipient: Option<Recipient>,
}

impl<T> Audited<T> {
    /// An output with an event of the account of `user`.
    pub(super) fn event(user: &UserId, event: Event, output: T) -> Self {
        Self {
            output,
            event: Some((user.clone(), event)),
            recipient: None,
        }
    }

    /// The recipient of the mail about the event, instead of the address that the account has after the change.
    pub(super) fn mailed_to(self, recipient: Option<Recipient>) -> Self {
        Self { recipient, ..self }
    }

    /// An output without an event.
    pub(super) fn nothing(output: T) -> Self {
        Self {
            output,
            event: None,
            recipient: None,
        }
    }
}

/// A change as a transaction: it adds the event to the history. Once it is committed, it logs the event, and tells the owner of
/// the account.
struct Audit<T> {
    change: T,
    notifier: Option<Notifier>,
}

/// What [`Audit`] returns: the output of the change, and the mail that is due.
struct Recorded<T> {
    audited: Audited<T>,
    notice: Option<Notice>,
}

impl<T: AuditedChange> Transaction for Audit<T> {
    type Output = Recorded<T::Output>;
    type Refusal = T::Refusal;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Abort<T::Refusal>> {
        let client = self.change.client();
        let mut audited = self.change.apply(tx).await?;
        let mut notice = None;
        if let Some((user, event)) = &audited.event {
            insert(tx, user, *event, client).await?;
            if self.notifier.is_some() {
                notice = notifications::due(tx, user, *event, audited.recipient.take(), client).await?;
            }
        }
        Ok(Recorded { audited, notice })
    }

    fn committed(&self, recorded: &Self::Output) {
        if let Some((user, event)) = &recorded.audited.event {
            event.log(self.change.client(), Some(user));
        }
        if let Some((notifier, notice)) = self.notifier.as_ref().zip(recorded.notice.as_ref()) {
            notifier.notify(notice);
        }
    }
}

async fn insert(tx: &mut Tx<'_>, user_id: &UserId, event: Event, client: &Client) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO audit_events (user_id, id, event, ip_address, user_agent, request_id, created_at) \
         SELECT id, $2, $3, $4, $5, $6, $7 FROM users WHERE id = $1";
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(user_id)
            .bind(Uuid::now_v7())
            .bind(event.name())
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

impl AuditedChange for Record {
    type Output = ();
    type Refusal = Infallible;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, _: &mut Tx<'_>) -> Result<Audited<()>, Abort<Infallible>> {
        Ok(Audited::event(&self.user_id, self.event, ()))
    }
}

impl Db {
    /// Applies a change and adds its event to the history. After the commit, logs the event, and tells the owner of the account.
    pub(super) async fn audit<T: AuditedChange>(&self, change: T) -> Result<T::Output, Abort<T::Refusal>> {
        let notifier = self.attached().cloned();
        let recorded = self.transact(Audit { change, notifier }).await?;
        Ok(recorded.audited.output)
    }

    /// Adds an event that changes nothing else to the history.
    pub async fn record(&self, user_id: UserId, event: Event, client: Client) -> Result<(), DbError> {
        Ok(self.audit(Record { user_id, event, client }).await?)
    }

    /// The last `limit` events of an account, newest first.
    pub async fn activity(&self, user_id: &UserId, limit: i64) -> Result<Vec<Activity>, DbError> {
        let rows = self.events(user_id, Uuid::max(), limit).await?;
        Ok(rows.into_iter().map(Activity::from).collect())
    }

    /// All events of an account in pages, newest first. Each page is one query, run on demand.
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
