//! The table `sessions`: a device that is signed in, and the refresh token it holds.

use std::convert::Infallible;

use chrono::{DateTime, Duration, Utc};
use shared::account::Session;
use sqlx::FromRow;
use uuid::Uuid;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::known_devices::{self, DeviceHash};
use crate::accounts::store::users::{self, UserRow};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now, on_database};
use crate::http::client::Client;

/// SHA-256 of a refresh token, or of its family: all that can be read of it.
pub type RefreshHash = [u8; 32];

/// A session ends when it was not renewed for so long.
pub const IDLE: Duration = Duration::days(7);
/// A session ends so long after it began, however often it was renewed.
const ABSOLUTE: Duration = Duration::days(30);
/// For so long the token before the current one still renews: two tabs at once, or an answer that got lost.
const GRACE: Duration = Duration::seconds(60);

/// A session as it is stored.
#[derive(Clone, Debug, FromRow)]
pub struct SessionRow {
    /// The `sid` of its tokens.
    pub id: Uuid,
    /// Its owner.
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
    /// Whether its cookie outlives the browser's window.
    pub remember: bool,
}

/// The columns of [`SessionRow`].
macro_rules! session_columns {
    () => {
        "id, user_id, refresh_hash, previous_hash, family_hash, sealed_successor, rotated_at, expires_at, created_at, \
         updated_at, ip_address, user_agent, remember"
    };
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

/// A session that is to begin.
#[derive(Clone)]
pub struct NewSession {
    /// The `sid` of its tokens.
    pub id: Uuid,
    /// Of its first refresh token.
    pub refresh_hash: RefreshHash,
    /// Of what all of its refresh tokens have in common.
    pub family_hash: RefreshHash,
    /// Whether its cookie outlives the browser's window.
    pub remember: bool,
    /// When the password was last proved.
    pub authenticated_at: DateTime<Utc>,
    /// Of the token of the device on which it begins, which is known to the account from now on.
    pub device: DeviceHash,
    /// Where it begins.
    pub client: Client,
}

/// The account got another password, turned two-factor on or off, or was deleted since it was read.
#[derive(Debug)]
pub struct UserChanged;

struct Start {
    user: UserRow,
    session: NewSession,
}

impl AuditedChange for Start {
    type Output = ();
    type Refusal = UserChanged;

    fn client(&self) -> &Client {
        &self.session.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<UserChanged>> {
        const SWEEP: &str = "DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2";
        let user_id = &self.user.id;
        // A new password that is set during a sign-in with the old one wins.
        if !users::lock(tx, &self.user).await? {
            return Err(Abort::Refused(UserChanged));
        }
        execute!(tx, sqlx::query(SWEEP).bind(user_id).bind(now()))?;
        insert(tx, user_id, &self.session).await?;
        Ok(Audited::event(user_id, Event::SignedIn, ()))
    }
}

/// Begins a session as a part of a larger change, on a device that is known from now on.
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

/// A session that takes the place of all sessions of a user.
pub struct Replacement {
    /// The session that asks for it.
    pub replaces: Uuid,
    /// The new one.
    pub session: NewSession,
}

/// Ends every session of a user, makes every device unknown and begins a new session. False if the session that it replaces
/// has ended.
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

/// Ends the sessions of a user, except `keep`, as a part of a larger change.
pub(super) async fn end_all(tx: &mut Tx<'_>, user_id: &UserId, keep: Option<Uuid>) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
    let keep = keep.unwrap_or_default();
    execute!(tx, sqlx::query(SQL).bind(user_id).bind(keep))?;
    Ok(())
}

/// A renewal that is asked for.
pub struct Renewal {
    /// The session that the token names.
    pub session: Uuid,
    /// Of the token that was presented.
    pub presented: RefreshHash,
    /// Of its family.
    pub family: RefreshHash,
    /// Of the token that is to replace it.
    pub successor: RefreshHash,
    /// That token, encrypted with a key derived from the presented one.
    pub sealed_successor: Vec<u8>,
    /// Where it was asked.
    pub client: Client,
}

/// What became of a renewal.
pub enum Renewed {
    /// The session is alive; the token that was presented decrypts its `sealed_successor`.
    Live(Box<SessionRow>),
    /// The session had ended before, or the token was never one of it.
    Ended,
    /// The token had been replaced a while ago: somebody else has it too, so the session has ended now.
    Reused,
}

impl AuditedChange for Renewal {
    type Output = Renewed;
    type Refusal = Infallible;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<Renewed>, Abort<Infallible>> {
        const FIND: &str = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions WHERE id = $1 AND expires_at > $2"
        );
        // Compare-and-swap: of two renewals at once, the second finds its token to be the previous one.
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
            return Ok(Audited::nothing(Renewed::Ended));
        };
        let expires_at = (now + IDLE).min(session.created_at + ABSOLUTE);
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
            return Ok(Audited::nothing(Renewed::Live(Box::new(session))));
        }
        // Only a renewal that happened while we waited for the row can make this differ from `session`.
        let current: Option<SessionRow> =
            on_database!(tx, c => c.optional(sqlx::query(FIND).bind(self.session).bind(now)).await)?;
        let Some(session) = current else {
            return Ok(Audited::nothing(Renewed::Ended));
        };
        let is_parent = session.previous_hash.as_deref() == Some(self.presented.as_slice());
        if is_parent && now < session.rotated_at + GRACE {
            return Ok(Audited::nothing(Renewed::Live(Box::new(session))));
        }
        delete(tx, self.session).await?;
        Ok(Audited::event(&session.user_id, Event::RefreshReused, Renewed::Reused))
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

/// The user has no session of that id.
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
        end_all(tx, &self.user, self.keep).await?;
        let event = match self.keep {
            Some(_) => Event::OtherSessionsRevoked,
            None => Event::AllSessionsRevoked,
        };
        Ok(Audited::event(&self.user, event, ()))
    }
}

struct Authenticate {
    id: Uuid,
}

impl Transaction for Authenticate {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        const SQL: &str = "UPDATE sessions SET authenticated_at = $2 WHERE id = $1";
        execute!(tx, sqlx::query(SQL).bind(self.id).bind(now()))?;
        Ok(())
    }
}

impl Db {
    /// Begins a session for a user who signed in, and deletes those that have expired.
    pub async fn start_session(&self, user: UserRow, session: NewSession) -> Result<(), Abort<UserChanged>> {
        self.audit(Start { user, session }).await
    }

    /// Replaces a refresh token by its successor. Presenting the same one again within the grace changes nothing and finds
    /// the same successor.
    pub async fn renew_session(&self, renewal: Renewal) -> Result<Renewed, DbError> {
        Ok(self.audit(renewal).await?)
    }

    /// Whether `refresh_hash` is the session's current or previous token.
    pub async fn session_holds(&self, id: Uuid, refresh_hash: &RefreshHash) -> Result<bool, DbError> {
        Ok(self.session(id).await?.is_some_and(|session| {
            session.refresh_hash == refresh_hash || session.previous_hash.as_deref() == Some(refresh_hash.as_slice())
        }))
    }

    /// The session of an id.
    pub async fn session(&self, id: Uuid) -> Result<Option<SessionRow>, DbError> {
        const SQL: &str = concat!("SELECT ", session_columns!(), " FROM sessions WHERE id = $1");
        on_database!(self.read(), db => db.optional(sqlx::query(SQL).bind(id)).await)
    }

    /// The live sessions of a user, the last one that began first.
    pub async fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, DbError> {
        const SQL: &str = concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY created_at DESC, id DESC"
        );
        on_database!(self.read(), db => db.all(sqlx::query(SQL).bind(user).bind(now())).await)
    }

    /// Signs a session out. It is fine if there is none.
    pub async fn end_session(&self, id: Uuid, client: Client) -> Result<(), DbError> {
        Ok(self.audit(End { id, client }).await?)
    }

    /// Ends a session of the user from another one.
    pub async fn revoke_session(&self, user: UserId, id: Uuid, client: Client) -> Result<(), Abort<NoSuchSession>> {
        self.audit(Revoke { user, id, client }).await
    }

    /// Ends every session of the user, except `keep`.
    pub async fn revoke_sessions(&self, user: UserId, keep: Option<Uuid>, client: Client) -> Result<(), DbError> {
        Ok(self.audit(RevokeAll { user, keep, client }).await?)
    }

    /// Notes that the password was just proved in a session.
    pub async fn authenticate_session(&self, id: Uuid) -> Result<(), DbError> {
        Ok(self.transact(Authenticate { id }).await?)
    }
}
