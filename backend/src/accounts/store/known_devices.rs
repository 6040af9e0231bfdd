//! The table `known_devices`: the browsers in which a user has signed in.

use chrono::{DateTime, Duration, Utc};

use crate::accounts::user_id::UserId;
use crate::db::{Db, DbError, Tx, execute, now, on_database};

/// SHA-256 of the token in a device cookie.
pub type DeviceHash = [u8; 32];

/// How long a device is known after its last sign-in.
pub const LIFETIME: Duration = Duration::days(365);
/// Maximum number of known devices of a user. The devices with the latest sign-ins are kept.
const DEVICES_MAX: i64 = 10;

/// How long after the sign-up a sign-in on the first device is expected.
const FIRST_SIGN_IN: Duration = Duration::hours(24);

/// Whether a sign-in on the device is to be mailed to the user: the device is not known, and not the first one of a new account.
pub(super) async fn is_new(tx: &mut Tx<'_>, user_id: &UserId, device: &DeviceHash) -> Result<bool, DbError> {
    const KNOWN: &str = "SELECT hash FROM known_devices WHERE user_id = $1 AND expires_at > $2";
    const ACCOUNT: &str = "SELECT created_at FROM users WHERE id = $1";
    let now = now();
    let known: Vec<(Vec<u8>,)> = on_database!(tx, c => c.all(sqlx::query(KNOWN).bind(user_id).bind(now)).await)?;
    if !known.is_empty() {
        return Ok(known.iter().all(|(hash,)| hash != device));
    }
    let (created_at,): (DateTime<Utc>,) = on_database!(tx, c => c.one(sqlx::query(ACCOUNT).bind(user_id)).await)?;
    Ok(now >= created_at + FIRST_SIGN_IN)
}

/// Adds a device of the user, or extends its lifetime. The caller has locked the user's row, so that concurrent sign-ins do not
/// exceed the maximum.
pub(super) async fn remember(tx: &mut Tx<'_>, user_id: &UserId, device: &DeviceHash) -> Result<(), DbError> {
    const ADD: &str = "INSERT INTO known_devices (user_id, hash, expires_at) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id, hash) DO UPDATE SET expires_at = excluded.expires_at";
    // SQLite requires a limit before an offset.
    const SURPLUS: &str = "DELETE FROM known_devices WHERE user_id = $1 AND hash IN (SELECT hash FROM known_devices \
         WHERE user_id = $1 ORDER BY expires_at DESC, hash LIMIT 1000000000 OFFSET $2)";
    execute!(
        tx,
        sqlx::query(ADD)
            .bind(user_id)
            .bind(device.as_slice())
            .bind(now() + LIFETIME)
    )?;
    execute!(tx, sqlx::query(SURPLUS).bind(user_id).bind(DEVICES_MAX))?;
    Ok(())
}

/// Replaces all known devices of the user by `device`.
pub(super) async fn replace_all(tx: &mut Tx<'_>, user_id: &UserId, device: &DeviceHash) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM known_devices WHERE user_id = $1";
    execute!(tx, sqlx::query(SQL).bind(user_id))?;
    remember(tx, user_id, device).await
}

impl Db {
    /// Whether the device is a known device of the user. Without a user the result is false, in the same time.
    pub async fn is_known_device(&self, user_id: Option<&UserId>, device: &DeviceHash) -> Result<bool, DbError> {
        const SQL: &str = "SELECT expires_at FROM known_devices WHERE user_id = $1 AND hash = $2 AND expires_at > $3";
        let found: Option<(DateTime<Utc>,)> = on_database!(self.read(), db => db.optional(sqlx::query(SQL)
            .bind(user_id.map_or("", UserId::as_str))
            .bind(device.as_slice())
            .bind(now())).await)?;
        Ok(found.is_some())
    }
}
