//! The table `sessions`: a device that is signed in, and the refresh token it holds.

use chrono::{DateTime, Duration, Utc};
use shared::account::Session;
use sqlx::FromRow;
use uuid::Uuid;

use super::{Db, DbError, Tx, Write, now, on};

/// SHA-256 of a refresh token: all that is stored of it.
pub type RefreshHash = [u8; 32];

/// A session ends when it was not renewed for so long.
pub const IDLE: Duration = Duration::days(7);
/// A session ends so long after it began, however often it was renewed.
const ABSOLUTE: Duration = Duration::days(30);
/// For so long the token before the current one still renews: two tabs at once, or an answer that got lost.
const GRACE: Duration = Duration::seconds(30);

/// A session as it is stored.
#[derive(Clone, Debug, FromRow)]
pub struct SessionRow {
    /// The `sid` of its tokens.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: String,
    refresh_hash: Vec<u8>,
    previous_hash: Option<Vec<u8>>,
    rotated_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    ip_address: Option<String>,
    user_agent: Option<String>,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id.to_string(),
            user_id: row.user_id,
            expires_at: row.expires_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            ip_address: row.ip_address,
            user_agent: row.user_agent,
        }
    }
}

/// What is known of a device when it signs in.
pub struct Device {
    /// Its network address.
    pub ip_address: Option<String>,
    /// What its browser calls itself.
    pub user_agent: Option<String>,
}

/// A session that is to begin.
pub struct NewSession {
    /// The `sid` of its tokens.
    pub id: Uuid,
    /// Of its first refresh token.
    pub refresh_hash: RefreshHash,
    /// Where it begins.
    pub device: Device,
}

struct Start {
    user_id: String,
    session: NewSession,
}

impl Write for Start {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const SWEEP: &str = "DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2";
        on!(tx, c => sqlx::query(SWEEP).bind(&self.user_id).bind(now()).execute(&mut **c).await.map(drop))?;
        insert(tx, &self.user_id, &self.session).await
    }
}

/// Begins a session as a part of a larger change.
pub(super) async fn insert(tx: &mut Tx<'_>, user_id: &str, session: &NewSession) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO sessions \
         (id, user_id, refresh_hash, rotated_at, expires_at, created_at, updated_at, ip_address, user_agent) \
         VALUES ($1, $2, $3, $4, $5, $4, $4, $6, $7)";
    let now = now();
    on!(tx, c => sqlx::query(SQL)
        .bind(session.id)
        .bind(user_id)
        .bind(session.refresh_hash.as_slice())
        .bind(now)
        .bind(now + IDLE)
        .bind(&session.device.ip_address)
        .bind(&session.device.user_agent)
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

struct Rotate {
    id: Uuid,
    presented: RefreshHash,
    successor: RefreshHash,
}

impl Write for Rotate {
    type Out = SessionRow;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<SessionRow, DbError> {
        const FIND: &str = "SELECT * FROM sessions WHERE id = $1 AND expires_at > $2";
        // Compare-and-swap: of two renewals at once, the second finds its token to be the previous one.
        const SWAP: &str = "UPDATE sessions SET previous_hash = refresh_hash, refresh_hash = $3, rotated_at = $4, \
             updated_at = $4, expires_at = $5 WHERE id = $1 AND refresh_hash = $2 RETURNING *";
        let now = now();
        let found: Option<SessionRow> =
            on!(tx, c => sqlx::query_as(FIND).bind(self.id).bind(now).fetch_optional(&mut **c).await)?;
        let session = found.ok_or(DbError::NotFound)?;
        let expires_at = (now + IDLE).min(session.created_at + ABSOLUTE);
        let swapped: Option<SessionRow> = on!(tx, c => sqlx::query_as(SWAP)
            .bind(self.id)
            .bind(self.presented.as_slice())
            .bind(self.successor.as_slice())
            .bind(now)
            .bind(expires_at)
            .fetch_optional(&mut **c)
            .await)?;
        if let Some(session) = swapped {
            return Ok(session);
        }
        // Only a renewal that happened while we waited for the row can make this differ from `session`.
        let current: Option<SessionRow> =
            on!(tx, c => sqlx::query_as(FIND).bind(self.id).bind(now).fetch_optional(&mut **c).await)?;
        current
            .filter(|session| {
                session.refresh_hash == self.successor
                    && session.previous_hash.as_deref() == Some(self.presented.as_slice())
                    && now < session.rotated_at + GRACE
            })
            .ok_or(DbError::NotFound)
    }
}

struct End {
    id: Uuid,
}

impl Write for End {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const SQL: &str = "DELETE FROM sessions WHERE id = $1";
        on!(tx, c => sqlx::query(SQL).bind(self.id).execute(&mut **c).await.map(drop))?;
        Ok(())
    }
}

impl Db {
    /// Begins a session, and forgets those of the user that have expired.
    pub async fn start_session(&self, user_id: String, session: NewSession) -> Result<(), DbError> {
        self.write(Start { user_id, session }).await
    }

    /// Replaces the refresh token `presented` by its `successor`. Presenting the same one again within the grace changes
    /// nothing and succeeds. [`DbError::NotFound`] if the session has ended or the token is another.
    pub async fn rotate_session(
        &self,
        id: Uuid,
        presented: RefreshHash,
        successor: RefreshHash,
    ) -> Result<SessionRow, DbError> {
        self.write(Rotate {
            id,
            presented,
            successor,
        })
        .await
    }

    /// Whether `refresh_hash` is the session's current or previous token.
    pub async fn session_holds(&self, id: Uuid, refresh_hash: &RefreshHash) -> Result<bool, DbError> {
        Ok(self.session(id).await?.is_some_and(|session| {
            session.refresh_hash == refresh_hash || session.previous_hash.as_deref() == Some(refresh_hash.as_slice())
        }))
    }

    /// The session of an id.
    pub async fn session(&self, id: Uuid) -> Result<Option<SessionRow>, DbError> {
        const SQL: &str = "SELECT * FROM sessions WHERE id = $1";
        Ok(on!(self.read(), pool => sqlx::query_as(SQL).bind(id).fetch_optional(pool).await)?)
    }

    /// Ends a session. It is fine if there is none.
    pub async fn end_session(&self, id: Uuid) -> Result<(), DbError> {
        self.write(End { id }).await
    }
}
