//! The second factor of an account: the TOTP columns of `users`, the table `recovery_codes`, and the sign-ins in
//! `one_time_tokens` that want a code.

use chrono::Duration;
use sqlx::FromRow;

use super::audit::{self, Event};
use super::known_devices::{self, DeviceHash};
use super::sessions::{self, Replacement};
use super::users::{UserRow, user_columns};
use super::{Db, DbError, Tx, Write, execute, now, on};
use crate::auth::UserId;
use crate::client::Client;

/// SHA-256 of a recovery code, or of the token of a sign-in that wants a code.
pub type Hash = [u8; 32];

/// For so long a sign-in may wait for its code.
pub const PENDING: Duration = Duration::minutes(10);

/// The second factor of an account.
#[derive(FromRow)]
pub struct TwoFactor {
    /// Whether a sign-in needs a code.
    pub enabled: bool,
    /// What the app was set up with; perhaps before it was ever used.
    pub secret: Option<Vec<u8>>,
}

struct SetUp {
    user: UserId,
    secret: Vec<u8>,
    recovery_codes: Vec<Hash>,
}

impl Write for SetUp {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const SQL: &str = "UPDATE users SET totp_secret = $2, totp_last_step = NULL \
             WHERE id = $1 AND NOT two_factor_enabled";
        let user = self.user.as_str();
        let done = execute!(tx, sqlx::query(SQL).bind(user).bind(self.secret.as_slice()))?;
        if done == 0 {
            return Err(DbError::Changed);
        }
        replace_codes(tx, user, &self.recovery_codes).await
    }
}

/// A code of the app that fits `secret` at `step`.
pub struct AppCode {
    /// What it was computed from.
    pub secret: Vec<u8>,
    /// Its place in time. Accepted once, and nothing before it afterwards.
    pub step: i64,
}

struct TurnOn {
    user: UserId,
    code: AppCode,
    replacement: Replacement,
}

impl Write for TurnOn {
    type Out = UserRow;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<UserRow, DbError> {
        const SQL: &str = concat!(
            "UPDATE users SET two_factor_enabled = TRUE, totp_last_step = $3, updated_at = $4 \
             WHERE id = $1 AND totp_secret = $2 AND NOT two_factor_enabled RETURNING ",
            user_columns!()
        );
        let user = self.user.as_str();
        let changed: Option<UserRow> = on!(tx, c => c.optional(sqlx::query(SQL)
            .bind(user)
            .bind(self.code.secret.as_slice())
            .bind(self.code.step)
            .bind(now())).await)?;
        let row = changed.ok_or(DbError::Changed)?;
        sessions::replace_all(tx, user, &self.replacement).await?;
        audit::record(tx, user, Event::TwoFactorEnabled, &self.replacement.session.client).await?;
        Ok(row)
    }
}

struct TurnOff {
    user: UserId,
    device: DeviceHash,
    client: Client,
}

impl Write for TurnOff {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const SQL: &str = "UPDATE users SET two_factor_enabled = FALSE, totp_secret = NULL, totp_last_step = NULL, \
             updated_at = $2 WHERE id = $1 AND two_factor_enabled";
        const PENDING: &str = "DELETE FROM one_time_tokens WHERE user_id = $1 AND purpose = 'two_factor'";
        let user = self.user.as_str();
        let done = execute!(tx, sqlx::query(SQL).bind(user).bind(now()))?;
        if done == 0 {
            return Err(DbError::NotFound);
        }
        replace_codes(tx, user, &[]).await?;
        execute!(tx, sqlx::query(PENDING).bind(user))?;
        known_devices::replace_all(tx, user, &self.device).await?;
        audit::record(tx, user, Event::TwoFactorDisabled, &self.client).await
    }
}

struct ReplaceCodes {
    user: UserId,
    recovery_codes: Vec<Hash>,
    client: Client,
}

impl Write for ReplaceCodes {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        // Also holds the row, so that of two replacements at once the second finds the codes of the first.
        const SQL: &str = "UPDATE users SET updated_at = $2 WHERE id = $1 AND two_factor_enabled";
        let user = self.user.as_str();
        let done = execute!(tx, sqlx::query(SQL).bind(user).bind(now()))?;
        if done == 0 {
            return Err(DbError::NotFound);
        }
        replace_codes(tx, user, &self.recovery_codes).await?;
        audit::record(tx, user, Event::RecoveryCodesReplaced, &self.client).await
    }
}

/// Replaces the recovery codes as a part of a larger change.
async fn replace_codes(tx: &mut Tx<'_>, user_id: &str, hashes: &[Hash]) -> Result<(), DbError> {
    const CLEAR: &str = "DELETE FROM recovery_codes WHERE user_id = $1";
    const ADD: &str = "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)";
    execute!(tx, sqlx::query(CLEAR).bind(user_id))?;
    for hash in hashes {
        execute!(tx, sqlx::query(ADD).bind(user_id).bind(hash.as_slice()))?;
    }
    Ok(())
}

struct Await {
    user_id: String,
    hash: Hash,
}

impl Write for Await {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const SQL: &str = "INSERT INTO one_time_tokens (hash, user_id, purpose, expires_at, created_at) \
             VALUES ($1, $2, 'two_factor', $3, $4)";
        let now = now();
        execute!(
            tx,
            sqlx::query(SQL)
                .bind(self.hash.as_slice())
                .bind(&self.user_id)
                .bind(now + PENDING)
                .bind(now)
        )?;
        Ok(())
    }
}

/// Uses up the sign-in that wants a code. [`DbError::NotFound`] if that was done before or it is too old.
async fn take(tx: &mut Tx<'_>, user_id: &str, hash: &Hash) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM one_time_tokens \
         WHERE hash = $1 AND user_id = $2 AND purpose = 'two_factor' AND expires_at > $3";
    let done = execute!(tx, sqlx::query(SQL).bind(hash.as_slice()).bind(user_id).bind(now()))?;
    if done == 0 { Err(DbError::NotFound) } else { Ok(()) }
}

struct FinishByApp {
    user_id: String,
    pending: Hash,
    code: AppCode,
}

impl Write for FinishByApp {
    type Out = UserRow;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<UserRow, DbError> {
        // Compare-and-swap: of two uses of a code at once, the second finds its step to be the last one.
        const SQL: &str = concat!(
            "UPDATE users SET totp_last_step = $3 \
             WHERE id = $1 AND totp_secret = $2 AND two_factor_enabled AND totp_last_step < $3 RETURNING ",
            user_columns!()
        );
        take(tx, &self.user_id, &self.pending).await?;
        let accepted: Option<UserRow> = on!(tx, c => c.optional(sqlx::query(SQL)
            .bind(&self.user_id)
            .bind(self.code.secret.as_slice())
            .bind(self.code.step)).await)?;
        accepted.ok_or(DbError::Changed)
    }
}

struct FinishByRecoveryCode {
    user_id: String,
    pending: Hash,
    code: Hash,
    client: Client,
}

impl Write for FinishByRecoveryCode {
    type Out = UserRow;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<UserRow, DbError> {
        const USE: &str = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2";
        const USER: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users WHERE id = $1 AND two_factor_enabled"
        );
        take(tx, &self.user_id, &self.pending).await?;
        let done = execute!(tx, sqlx::query(USE).bind(&self.user_id).bind(self.code.as_slice()))?;
        if done == 0 {
            return Err(DbError::Changed);
        }
        audit::record(tx, &self.user_id, Event::RecoveryCodeUsed, &self.client).await?;
        on!(tx, c => c.one(sqlx::query(USER).bind(&self.user_id)).await)
    }
}

impl Db {
    /// Keeps the secret of an app that is not in use yet, and its recovery codes. [`DbError::Changed`] if two-factor is on.
    pub async fn set_up_two_factor(
        &self,
        user: UserId,
        secret: Vec<u8>,
        recovery_codes: Vec<Hash>,
    ) -> Result<(), DbError> {
        self.write(SetUp {
            user,
            secret,
            recovery_codes,
        })
        .await
    }

    /// The second factor of a user. [`DbError::NotFound`] if there is no such user.
    pub async fn two_factor(&self, user_id: &str) -> Result<TwoFactor, DbError> {
        const SQL: &str = "SELECT two_factor_enabled AS enabled, totp_secret AS secret FROM users WHERE id = $1";
        on!(self.read(), db => db.one(sqlx::query(SQL).bind(user_id)).await)
    }

    /// Turns two-factor on with a valid code and replaces all sessions by a new one. [`DbError::Changed`] if it is already on
    /// or was set up again; [`DbError::NotFound`] if the calling session has ended.
    pub async fn turn_two_factor_on(
        &self,
        user: UserId,
        code: AppCode,
        replacement: Replacement,
    ) -> Result<UserRow, DbError> {
        self.write(TurnOn {
            user,
            code,
            replacement,
        })
        .await
    }

    /// Turns two-factor off and deletes its secret and recovery codes; `device` becomes the only known one.
    /// [`DbError::NotFound`] if it is off.
    pub async fn turn_two_factor_off(&self, user: UserId, device: DeviceHash, client: Client) -> Result<(), DbError> {
        self.write(TurnOff { user, device, client }).await
    }

    /// Replaces the recovery codes. [`DbError::NotFound`] if two-factor is off.
    pub async fn replace_recovery_codes(
        &self,
        user: UserId,
        recovery_codes: Vec<Hash>,
        client: Client,
    ) -> Result<(), DbError> {
        self.write(ReplaceCodes {
            user,
            recovery_codes,
            client,
        })
        .await
    }

    /// Remembers a sign-in that wants a code.
    pub async fn await_code(&self, user_id: String, hash: Hash) -> Result<(), DbError> {
        self.write(Await { user_id, hash }).await
    }

    /// Whose sign-in it is that wants a code; none if it is too old or over.
    pub async fn user_awaiting_code(&self, hash: &Hash) -> Result<Option<String>, DbError> {
        const SQL: &str =
            "SELECT user_id FROM one_time_tokens WHERE hash = $1 AND purpose = 'two_factor' AND expires_at > $2";
        let pending: Option<(String,)> =
            on!(self.read(), db => db.optional(sqlx::query(SQL).bind(hash.as_slice()).bind(now())).await)?;
        Ok(pending.map(|(user_id,)| user_id))
    }

    /// Uses up the sign-in `pending` and a code of the app. [`DbError::Changed`] if the code, or a later one, was used before;
    /// [`DbError::NotFound`] if the sign-in is over.
    pub async fn finish_by_app(&self, user_id: String, pending: Hash, code: AppCode) -> Result<UserRow, DbError> {
        self.write(FinishByApp { user_id, pending, code }).await
    }

    /// Uses up the sign-in `pending` and a recovery code. [`DbError::Changed`] if there is no such code (any more);
    /// [`DbError::NotFound`] if the sign-in is over.
    pub async fn finish_by_recovery_code(
        &self,
        user_id: String,
        pending: Hash,
        code: Hash,
        client: Client,
    ) -> Result<UserRow, DbError> {
        self.write(FinishByRecoveryCode {
            user_id,
            pending,
            code,
            client,
        })
        .await
    }
}
