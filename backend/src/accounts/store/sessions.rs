//! The table `sessions`: the sessions of users and their refresh tokens.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};

use chrono::{DateTime, Duration, Utc};
use shared::account::Session;
use sqlx::FromRow;
use uuid::Uuid;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::identities;
use crate::accounts::store::known_devices::{self, DeviceHash};
use crate::accounts::store::proof::{Proof, Stale};
use crate::accounts::store::{email_links, one_time_tokens, users};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now, on_database};
use crate::http::client::Client;

/// SHA-256 of a refresh token, or of its family. Only the hash is stored.
pub type RefreshHash = [u8; 32];

/// Maximum number of sessions of a user.
const SESSIONS_MAX: i64 = 100;
/// Lifetime of a session after its last renewal.
pub const IDLE: Duration = Duration::days(7);
/// Maximum lifetime of a session, regardless of renewals.
const ABSOLUTE_LIFETIME: Duration = Duration::days(30);
/// How long the previous refresh token remains valid for the same browser, for concurrent renewals of two tabs and for lost
/// responses.
const REUSE_GRACE: Duration = Duration::seconds(10);

/// A row of `sessions`.
#[derive(Clone, Debug, FromRow)]
pub struct SessionRow {
    /// The `sid` of access tokens.
    pub id: Uuid,
    /// The owner.
    pub user_id: UserId,
    refresh_hash: Vec<u8>,
    previous_hash: Option<Vec<u8>>,
    family_hash: Option<Vec<u8>>,
    /// The current refresh token, encrypted with a key derived from the one before.
    pub sealed_successor: Option<Vec<u8>>,
    rotated_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    ip_address: Option<String>,
    user_agent: Option<String>,
    /// Whether the session outlives the browser window.
    pub remember: bool,
}

/// The columns of [`SessionRow`].
macro_rules! session_columns {
    () => {
        "id, user_id, refresh_hash, previous_hash, family_hash, sealed_successor, rotated_at, expires_at, created_at, \
         updated_at, ip_address, user_agent, remember"
    };
}

impl SessionRow {
    /// Whether the last renewal came from the same user agent and the same network: the IPv4 address, or the /64 of an IPv6
    /// address.
    fn is_of(&self, client: &Client) -> bool {
        let last = self.ip_address.as_ref().and_then(|address| address.parse().ok());
        self.user_agent == client.user_agent && last.map(network) == client.address.map(network)
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        let id = row.id.to_string();
        Self {
            token: id.clone(),
            id,
            user_id: row.user_id.as_str().to_owned(),
            expires_at: row.expires_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            ip_address: row.ip_address,
            user_agent: row.user_agent,
        }
    }
}

/// A session to create.
#[derive(Clone)]
pub struct NewSession {
    /// The `sid` of access tokens.
    pub id: Uuid,
    /// The hash of the first refresh token.
    pub refresh_hash: RefreshHash,
    /// The hash of the family, which all refresh tokens of the session share.
    pub family_hash: RefreshHash,
    /// Whether the session outlives the browser window.
    pub remember: bool,
    /// When the password was last verified.
    pub authenticated_at: DateTime<Utc>,
    /// The hash of the device token. The device becomes a known device.
    pub device: DeviceHash,
    /// The client that signs in.
    pub client: Client,
}

struct Start {
    proof: Proof,
    session: NewSession,
}

impl AuditedChange for Start {
    type Output = ();
    type Refusal = Stale;

    fn client(&self) -> &Client {
        &self.session.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<Stale>> {
        const SWEEP: &str = "DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2";
        // The sessions that have been idle longest end. SQLite requires a limit before an offset.
        const MAKE_ROOM: &str = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user_id = $1 \
             ORDER BY updated_at DESC, id DESC LIMIT 1000000000 OFFSET $2)";
        let user_id = self.proof.lock(tx).await?;
        execute!(tx, sqlx::query(SWEEP).bind(user_id).bind(now()))?;
        execute!(tx, sqlx::query(MAKE_ROOM).bind(user_id).bind(SESSIONS_MAX - 1))?;
        let event = if known_devices::is_new(tx, user_id, &self.session.device).await? {
            Event::SignedInOnNewDevice
        } else {
            Event::SignedIn
        };
        insert(tx, user_id, &self.session).await?;
        Ok(Audited::event(user_id, event, ()))
    }
}

/// Stores a session, and makes its device known.
pub(super) async fn insert(tx: &mut Tx<'_>, user_id: &UserId, session: &NewSession) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO sessions (id, user_id, refresh_hash, rotated_at, expires_at, created_at, updated_at, \
         authenticated_at, ip_address, user_agent, remember, family_hash) VALUES ($1, $2, $3, $4, $5, $4, $4, $10, $6, $7, $8, $9)";
    let now = now();
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(session.id)
            .bind(user_id)
            .bind(session.refresh_hash.as_slice())
            .bind(now)
            .bind(now + IDLE)
            .bind(session.client.address_text())
            .bind(&session.client.user_agent)
            .bind(session.remember)
            .bind(session.family_hash.as_slice())
            .bind(session.authenticated_at)
    )?;
    known_devices::remember(tx, user_id, &session.device).await
}

/// A session that replaces all sessions of a user.
pub struct Replacement {
    /// The session of the request.
    pub replaces: Uuid,
    /// The new session.
    pub session: NewSession,
}

/// Revokes all sessions and forgets all known devices of the user, and stores a new session. False if the session of the
/// request has ended.
pub(super) async fn replace_all(tx: &mut Tx<'_>, user_id: &UserId, replacement: &Replacement) -> Result<bool, DbError> {
    let replaced = delete(tx, replacement.replaces).await?;
    if replaced.as_ref() != Some(user_id) {
        return Ok(false);
    }
    end_all(tx, user_id, None).await?;
    known_devices::replace_all(tx, user_id, &replacement.session.device).await?;
    insert(tx, user_id, &replacement.session).await?;
    Ok(true)
}

/// Deletes the sessions of the user, except `keep`.
pub(super) async fn end_all(tx: &mut Tx<'_>, user_id: &UserId, keep: Option<Uuid>) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
    let keep = keep.unwrap_or_default();
    execute!(tx, sqlx::query(SQL).bind(user_id).bind(keep))?;
    Ok(())
}

/// A refresh request.
pub struct Renewal {
    /// The session that the token names.
    pub session: Uuid,
    /// Hash of the presented token.
    pub presented: RefreshHash,
    /// Hash of its family.
    pub family: RefreshHash,
    /// Of the token that is to replace it.
    pub successor: RefreshHash,
    /// That token, encrypted with a key derived from the presented one.
    pub sealed_successor: Vec<u8>,
    /// The client that renews the session.
    pub client: Client,
}

/// The outcome of a renewal.
pub enum RenewalOutcome {
    /// The session is alive; the token that was presented decrypts its `sealed_successor`.
    Live(Box<SessionRow>),
    /// The session has ended, or the token does not belong to it.
    Ended,
    /// The token had been replaced before, so it may have been stolen. The session is revoked.
    Reused,
}

impl AuditedChange for Renewal {
    type Output = RenewalOutcome;
    type Refusal = Infallible;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<RenewalOutcome>, Abort<Infallible>> {
        const FIND: &str = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions WHERE id = $1 AND expires_at > $2"
        );
        // Compare-and-swap: of two concurrent renewals, the second finds that its token is the previous one.
        const SWAP: &str = concat!(
            "UPDATE sessions SET previous_hash = refresh_hash, refresh_hash = $3, sealed_successor = $4, rotated_at = $5, \
             updated_at = $5, expires_at = $6, ip_address = $7, user_agent = $8 \
             WHERE id = $1 AND refresh_hash = $2 RETURNING ",
            session_columns!()
        );
        let now = now();
        let found: Option<SessionRow> =
            on_database!(tx, c => c.optional(sqlx::query(FIND).bind(self.session).bind(now)).await)?;
        let of_family = |session: &SessionRow| session.family_hash.as_deref() == Some(self.family.as_slice());
        let Some(session) = found.filter(of_family) else {
            return Ok(Audited::nothing(RenewalOutcome::Ended));
        };
        let expires_at = (now + IDLE).min(session.created_at + ABSOLUTE_LIFETIME);
        let swapped: Option<SessionRow> = on_database!(tx, c => c.optional(sqlx::query(SWAP)
            .bind(self.session)
            .bind(self.presented.as_slice())
            .bind(self.successor.as_slice())
            .bind(self.sealed_successor.as_slice())
            .bind(now)
            .bind(expires_at)
            .bind(self.client.address_text())
            .bind(&self.client.user_agent)).await)?;
        if let Some(session) = swapped {
            return Ok(Audited::nothing(RenewalOutcome::Live(Box::new(session))));
        }
        // This differs from `session` only if a concurrent renewal held the row lock.
        let current: Option<SessionRow> =
            on_database!(tx, c => c.optional(sqlx::query(FIND).bind(self.session).bind(now)).await)?;
        let Some(session) = current else {
            return Ok(Audited::nothing(RenewalOutcome::Ended));
        };
        let is_parent = session.previous_hash.as_deref() == Some(self.presented.as_slice());
        if is_parent && now < session.rotated_at + REUSE_GRACE && session.is_of(&self.client) {
            return Ok(Audited::nothing(RenewalOutcome::Live(Box::new(session))));
        }
        delete(tx, self.session).await?;
        Ok(Audited::event(
            &session.user_id,
            Event::RefreshReused,
            RenewalOutcome::Reused,
        ))
    }
}

async fn delete(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<UserId>, DbError> {
    const SQL: &str = "DELETE FROM sessions WHERE id = $1 RETURNING user_id";
    let deleted: Option<(UserId,)> = on_database!(tx, c => c.optional(sqlx::query(SQL).bind(id)).await)?;
    Ok(deleted.map(|(user_id,)| user_id))
}

struct End {
    id: Uuid,
    client: Client,
}

impl AuditedChange for End {
    type Output = ();
    type Refusal = Infallible;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<Infallible>> {
        Ok(match delete(tx, self.id).await? {
            Some(user_id) => Audited::event(&user_id, Event::SignedOut, ()),
            None => Audited::nothing(()),
        })
    }
}

/// The user has no session with that id.
#[derive(Debug)]
pub struct NoSuchSession;

struct Revoke {
    user: UserId,
    id: Uuid,
    client: Client,
}

impl AuditedChange for Revoke {
    type Output = ();
    type Refusal = NoSuchSession;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<NoSuchSession>> {
        const SQL: &str = "DELETE FROM sessions WHERE user_id = $1 AND id = $2";
        let user = &self.user;
        let done = execute!(tx, sqlx::query(SQL).bind(user).bind(self.id))?;
        if done == 0 {
            return Err(Abort::Refused(NoSuchSession));
        }
        Ok(Audited::event(user, Event::SessionRevoked, ()))
    }
}

struct RevokeAll {
    user: UserId,
    keep: Option<Uuid>,
    client: Client,
}

impl AuditedChange for RevokeAll {
    type Output = ();
    type Refusal = Infallible;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<Infallible>> {
        // What was requested before is void, too.
        let user = &self.user;
        let (event, row) = match self.keep {
            Some(_) => (Event::OtherSessionsRevoked, users::by_id(tx, user).await?),
            None => {
                identities::revoke_tokens(tx, user).await?;
                (Event::AllSessionsRevoked, users::revoke_tokens(tx, user).await?)
            }
        };
        end_all(tx, user, self.keep).await?;
        one_time_tokens::revoke_all(tx, user).await?;
        if let Some(email) = row.and_then(|row| row.email) {
            email_links::revoke(tx, &email).await?;
        }
        Ok(Audited::event(user, event, ()))
    }
}

struct Authenticate {
    proof: Proof,
    id: Uuid,
}

impl Transaction for Authenticate {
    type Output = ();
    type Refusal = Stale;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Stale>> {
        const SQL: &str = "UPDATE sessions SET authenticated_at = $3 WHERE user_id = $1 AND id = $2";
        let user = self.proof.lock(tx).await?;
        execute!(tx, sqlx::query(SQL).bind(user).bind(self.id).bind(now()))?;
        Ok(())
    }
}

impl Db {
    /// Creates a session for a user who signed in, and deletes the user's expired sessions, and those that have been idle longest
    /// if there are [`SESSIONS_MAX`].
    pub async fn start_session(&self, proof: Proof, session: NewSession) -> Result<(), Abort<Stale>> {
        self.audit(Start { proof, session }).await
    }

    /// Replaces a refresh token by its successor. A repeated renewal with the same token by the same client within
    /// [`REUSE_GRACE`] changes nothing and returns the same successor.
    pub async fn renew_session(&self, renewal: Renewal) -> Result<RenewalOutcome, DbError> {
        Ok(self.audit(renewal).await?)
    }

    /// Whether `refresh_hash` is the hash of the session's current or previous refresh token.
    pub async fn is_refresh_token_of(&self, id: Uuid, refresh_hash: &RefreshHash) -> Result<bool, DbError> {
        Ok(self.session(id).await?.is_some_and(|session| {
            session.refresh_hash == refresh_hash || session.previous_hash.as_deref() == Some(refresh_hash.as_slice())
        }))
    }

    /// The session with that id, even if it has expired.
    pub async fn session(&self, id: Uuid) -> Result<Option<SessionRow>, DbError> {
        const SQL: &str = concat!("SELECT ", session_columns!(), " FROM sessions WHERE id = $1");
        on_database!(self.read(), db => db.optional(sqlx::query(SQL).bind(id)).await)
    }

    /// The active sessions of the user, newest first.
    pub async fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, DbError> {
        const SQL: &str = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY created_at DESC, id DESC"
        );
        on_database!(self.read(), db => db.all(sqlx::query(SQL).bind(user).bind(now())).await)
    }

    /// Deletes a session and records a sign-out. Does nothing if there is no such session.
    pub async fn end_session(&self, id: Uuid, client: Client) -> Result<(), DbError> {
        Ok(self.audit(End { id, client }).await?)
    }

    /// Revokes a session of the user.
    pub async fn revoke_session(&self, user: UserId, id: Uuid, client: Client) -> Result<(), Abort<NoSuchSession>> {
        self.audit(Revoke { user, id, client }).await
    }

    /// Revokes all sessions of the user, except `keep`, and the links and pending sign-ins that were requested before; without
    /// `keep`, also the external tokens of the user.
    pub async fn revoke_sessions(&self, user: UserId, keep: Option<Uuid>, client: Client) -> Result<(), DbError> {
        Ok(self.audit(RevokeAll { user, keep, client }).await?)
    }

    /// Starts the recent-authentication window of a session, whose password has just been verified.
    pub async fn authenticate_session(&self, proof: Proof, id: Uuid) -> Result<(), Abort<Stale>> {
        self.transact(Authenticate { proof, id }).await
    }
}
