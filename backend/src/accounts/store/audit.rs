//! The table `audit_events`, the history of an account, and the transactions that add to it. It is append-only; rows are deleted
//! with the account, or when they expire.

use std::convert::Infallible;
use std::future::Future;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{Stream, stream};
use sha2::{Digest, Sha256};
use shared::profile::{Activity, ActivityKind};
use sqlx::FromRow;
use uuid::Uuid;

use crate::accounts::event::Event;
use crate::accounts::store::notifications::{self, Notice, Notifier, Recipient};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now, on_database};
use crate::http::client::Client;

/// How long events of addresses without an account are stored.
const WITHOUT_ACCOUNT_LIFETIME: TimeDelta = TimeDelta::days(1);
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

    /// As [`Transaction::committed`].
    fn committed(&self) {}

    /// As [`Transaction::apply`]. What it returns besides the output is added to the history.
    fn apply(
        &self,
        tx: &mut Tx<'_>,
    ) -> impl Future<Output = Result<Audited<Self::Output>, Abort<Self::Refusal>>> + Send;
}

/// The output of a change, and its event, if any.
pub(super) struct Audited<T> {
    output: T,
    event: Option<(Subject, Event)>,
    recipient: Option<Recipient>,
}

/// What an event is about.
enum Subject {
    Account(UserId),
    /// SHA-256 of an e-mail address without an account.
    Address([u8; 32]),
}

impl Subject {
    fn user(&self) -> Option<&UserId> {
        match self {
            Self::Account(user) => Some(user),
            Self::Address(_) => None,
        }
    }
}

impl<T> Audited<T> {
    /// An output with an event of the account of `user`.
    pub(super) fn event(user: &UserId, event: Event, output: T) -> Self {
        Self::about(Subject::Account(user.clone()), event, output)
    }

    /// An output with an event of an e-mail address that has no account. It is stored for a day, so that the time of the
    /// transaction does not reveal that there is no account.
    pub(super) fn event_without_account(email: &str, event: Event, output: T) -> Self {
        Self::about(Subject::Address(Sha256::digest(email).into()), event, output)
    }

    fn about(subject: Subject, event: Event, output: T) -> Self {
        Self {
            output,
            event: Some((subject, event)),
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
        if let Some((subject, event)) = &audited.event {
            insert(tx, subject, *event, client).await?;
            if self.notifier.is_some() {
                notice = match subject {
                    Subject::Account(user) => {
                        notifications::due(tx, user, *event, audited.recipient.take(), client).await?
                    }
                    Subject::Address(hash) => {
                        notifications::count_without_account(tx, hash, *event).await?;
                        None
                    }
                };
            }
        }
        Ok(Recorded { audited, notice })
    }

    fn committed(&self, recorded: &Self::Output) {
        if let Some((subject, event)) = &recorded.audited.event {
            event.log(self.change.client(), subject.user());
        }
        self.change.committed();
        if let Some((notifier, notice)) = self.notifier.as_ref().zip(recorded.notice.as_ref()) {
            notifier.notify(notice);
        }
    }
}

async fn insert(tx: &mut Tx<'_>, subject: &Subject, event: Event, client: &Client) -> Result<(), DbError> {
    const OF_ACCOUNT: &str = "INSERT INTO audit_events \
         (user_id, id, event, ip_address, user_agent, request_id, created_at, is_security) \
         SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM users WHERE id = $1";
    const OF_ADDRESS: &str = "INSERT INTO events_without_account \
         (address_hash, id, event, ip_address, user_agent, request_id, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let now = now();
    macro_rules! insert {
        ($query:expr) => {
            $query
                .bind(Uuid::now_v7())
                .bind(event.name())
                .bind(client.address_text())
                .bind(&client.user_agent)
                .bind(&client.request_id)
                .bind(now)
        };
    }
    match subject {
        Subject::Account(user) => execute!(
            tx,
            insert!(sqlx::query(OF_ACCOUNT).bind(user)).bind(event.is_security())
        )?,
        Subject::Address(hash) => execute!(
            tx,
            insert!(sqlx::query(OF_ADDRESS).bind(hash.as_slice())).bind(now + WITHOUT_ACCOUNT_LIFETIME)
        )?,
    };
    Ok(())
}

/// Whether the history of the account has that event since a time.
pub(super) async fn has_happened_since(
    tx: &mut Tx<'_>,
    user_id: &UserId,
    event: Event,
    since: DateTime<Utc>,
) -> Result<bool, DbError> {
    const SQL: &str = "SELECT event FROM audit_events WHERE user_id = $1 AND event = $2 AND created_at >= $3 LIMIT 1";
    let found: Option<(String,)> = on_database!(tx, c => c.optional(sqlx::query(SQL)
        .bind(user_id)
        .bind(event.name())
        .bind(since)).await)?;
    Ok(found.is_some())
}

/// Records the event of an account, or of an address without one.
enum Record {
    OfAccount(UserId, Event, Client),
    OfAddress(String, Event, Client),
}

impl AuditedChange for Record {
    type Output = ();
    type Refusal = Infallible;

    fn client(&self) -> &Client {
        match self {
            Self::OfAccount(_, _, client) | Self::OfAddress(_, _, client) => client,
        }
    }

    async fn apply(&self, _: &mut Tx<'_>) -> Result<Audited<()>, Abort<Infallible>> {
        Ok(match self {
            Self::OfAccount(user, event, _) => Audited::event(user, *event, ()),
            Self::OfAddress(email, event, _) => Audited::event_without_account(email, *event, ()),
        })
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
        Ok(self.audit(Record::OfAccount(user_id, event, client)).await?)
    }

    /// As [`Db::record`], for an e-mail address that has no account.
    pub async fn record_without_account(&self, email: String, event: Event, client: Client) -> Result<(), DbError> {
        Ok(self.audit(Record::OfAddress(email, event, client)).await?)
    }

    /// The last `limit` events of an account before the one with the id `before`, newest first. The second value is the id of
    /// the last of them, if there are older ones.
    pub async fn activity(
        &self,
        user_id: &UserId,
        kind: ActivityKind,
        before: Uuid,
        limit: u16,
    ) -> Result<(Vec<Activity>, Option<Uuid>), DbError> {
        let mut rows = self.events(user_id, kind, before, i64::from(limit) + 1).await?;
        let more = rows.len() > usize::from(limit);
        rows.truncate(limit.into());
        let last = rows.last().filter(|_| more).map(|row| row.id);
        Ok((rows.into_iter().map(Activity::from).collect(), last))
    }

    /// All events of an account in pages, newest first. Each page is one query, run on demand.
    pub fn all_activity(&self, user_id: UserId) -> impl Stream<Item = Result<Vec<Activity>, DbError>> + use<> {
        stream::try_unfold((self.clone(), user_id, Uuid::max()), async |(db, user_id, before)| {
            let rows = db.events(&user_id, ActivityKind::All, before, PAGE).await?;
            let Some(last) = rows.last().map(|row| row.id) else {
                return Ok(None);
            };
            let page = rows.into_iter().map(Activity::from).collect();
            Ok(Some((page, (db, user_id, last))))
        })
    }

    /// The last `limit` events before the one with the id `before`. Each statement reads a range of one index.
    async fn events(
        &self,
        user_id: &UserId,
        kind: ActivityKind,
        before: Uuid,
        limit: i64,
    ) -> Result<Vec<EventRow>, DbError> {
        macro_rules! page {
            ($filter:literal) => {
                concat!(
                    "SELECT id, event, created_at, ip_address, user_agent, request_id FROM audit_events WHERE user_id = $1",
                    $filter,
                    " AND id < $2 ORDER BY id DESC LIMIT $3"
                )
            };
        }
        let sql = match kind {
            ActivityKind::Security => page!(" AND is_security = TRUE"),
            ActivityKind::All => page!(""),
        };
        on_database!(self.read(), db => db.all(sqlx::query(sql).bind(user_id).bind(before).bind(limit)).await)
    }
}
