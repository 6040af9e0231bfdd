//! Two-factor authentication: the TOTP columns of `users`, the table `recovery_codes`, and the pending sign-ins in
//! `one_time_tokens`.

use chrono::Duration;
use sqlx::FromRow;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::known_devices::{self, DeviceHash};
use crate::accounts::store::proof::{Proof, Stale};
use crate::accounts::store::sessions::{self, Replacement};
use crate::accounts::store::totp_secret::StoredSecret;
use crate::accounts::store::users::{UserRow, user_columns};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now, on_database};
use crate::http::client::Client;

/// SHA-256 of a recovery code, or of the token of a pending sign-in.
pub type Hash = [u8; 32];

/// Lifetime of a pending sign-in.
pub const PENDING_LIFETIME: Duration = Duration::minutes(10);

/// The two-factor settings of an account.
pub struct TwoFactor {
    /// Whether a sign-in requires a code.
    pub enabled: bool,
    /// The secret of the app; present before two-factor authentication is enabled, once setup has begun.
    pub secret: Option<StoredSecret>,
}

#[derive(FromRow)]
struct TwoFactorRow {
    two_factor_enabled: bool,
    totp_secret: Option<Vec<u8>>,
    totp_sealed: Option<Vec<u8>>,
}

impl From<TwoFactorRow> for TwoFactor {
    fn from(row: TwoFactorRow) -> Self {
        Self {
            enabled: row.two_factor_enabled,
            secret: StoredSecret::of(row.totp_secret, row.totp_sealed),
        }
    }
}

/// Why a change of two-factor authentication is refused.
#[derive(Debug)]
pub enum TwoFactorRefusal {
    /// It is already enabled.
    IsOn,
    /// It is disabled.
    IsOff,
    /// As [`Stale`].
    Stale,
    /// The code has been used, or there is no such code.
    InvalidCode,
}

impl From<Stale> for TwoFactorRefusal {
    fn from(_: Stale) -> Self {
        Self::Stale
    }
}

impl From<FullProofRefusal> for TwoFactorRefusal {
    fn from(refusal: FullProofRefusal) -> Self {
        match refusal {
            FullProofRefusal::Stale => Self::Stale,
            FullProofRefusal::InvalidCode => Self::InvalidCode,
        }
    }
}

/// Why two-factor authentication is not enabled.
#[derive(Debug)]
pub enum TurnOnRefusal {
    /// It is already enabled, or was set up again with another secret.
    SetUpChanged,
    /// The credentials were changed, or the session of the request has ended.
    SessionEnded,
}

impl From<Stale> for TurnOnRefusal {
    fn from(_: Stale) -> Self {
        Self::SessionEnded
    }
}

/// Why a code does not complete a sign-in.
#[derive(Debug)]
pub enum CodeRefusal {
    /// This code or a later one has been used; or there is no such recovery code.
    Used,
    /// The pending sign-in has been completed or has expired, or two-factor authentication was disabled.
    SignInEnded,
}

struct SetUp {
    proof: Proof,
    sealed_secret: Vec<u8>,
    recovery_codes: Vec<Hash>,
}

impl Transaction for SetUp {
    type Output = ();
    type Refusal = TwoFactorRefusal;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<TwoFactorRefusal>> {
        const SQL: &str = "UPDATE users SET totp_sealed = $2, totp_secret = NULL, totp_last_step = NULL \
             WHERE id = $1 AND NOT two_factor_enabled";
        let user = self.proof.lock(tx).await?;
        let done = execute!(tx, sqlx::query(SQL).bind(user).bind(self.sealed_secret.as_slice()))?;
        if done == 0 {
            return Err(Abort::Refused(TwoFactorRefusal::IsOn));
        }
        Ok(replace_codes(tx, user, &self.recovery_codes).await?)
    }
}

/// A verified code of the app.
pub struct AppCode {
    /// The secret from which the code was computed.
    pub secret: StoredSecret,
    /// The time step of the code. A step is accepted once; afterwards only later steps are accepted.
    pub step: i64,
}

/// A code that can be consumed once.
pub enum Code {
    /// The time step of a code of the app.
    App(i64),
    /// The hash of a recovery code.
    Recovery(Hash),
}

/// A verified password and, while two-factor authentication is enabled, a code: what a change requires that an attacker who knows
/// the password must not be able to make.
pub struct FullProof {
    proof: Proof,
    code: Option<Code>,
}

/// Why a change that requires a [`FullProof`] is refused.
#[derive(Debug)]
pub enum FullProofRefusal {
    /// As [`Stale`], or two-factor authentication was enabled meanwhile.
    Stale,
    /// The code has been used, or there is no such code.
    InvalidCode,
}

impl From<Stale> for FullProofRefusal {
    fn from(_: Stale) -> Self {
        Self::Stale
    }
}

impl FullProof {
    /// A password that was verified while two-factor authentication was disabled.
    pub fn without_code(proof: Proof) -> Self {
        Self { proof, code: None }
    }

    /// A verified password, and a code that the change consumes.
    pub fn with_code(proof: Proof, code: Code) -> Self {
        Self {
            proof,
            code: Some(code),
        }
    }

    /// Locks the row of the user until the transaction ends, and consumes the code.
    pub(super) async fn lock<R>(&self, tx: &mut Tx<'_>) -> Result<&UserId, Abort<R>>
    where
        R: From<Stale> + From<FullProofRefusal>,
    {
        const IS_OFF: &str = "SELECT id FROM users WHERE id = $1 AND NOT two_factor_enabled";
        let refuse = |refusal: FullProofRefusal| Err(Abort::Refused(refusal.into()));
        let user = self.proof.lock(tx).await?;
        let is_consumed = match &self.code {
            Some(Code::App(step)) => consume_app_code(tx, user, *step).await?.is_some(),
            Some(Code::Recovery(code)) => consume_recovery_code(tx, user, code).await?,
            None => {
                let off: Option<(UserId,)> = on_database!(tx, c => c.optional(sqlx::query(IS_OFF).bind(user)).await)?;
                return off.map_or_else(|| refuse(FullProofRefusal::Stale), |_| Ok(user));
            }
        };
        if is_consumed {
            Ok(user)
        } else {
            refuse(FullProofRefusal::InvalidCode)
        }
    }
}

struct TurnOn {
    proof: Proof,
    code: AppCode,
    replacement: Replacement,
}

impl AuditedChange for TurnOn {
    type Output = UserRow;
    type Refusal = TurnOnRefusal;

    fn client(&self) -> &Client {
        &self.replacement.session.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<UserRow>, Abort<TurnOnRefusal>> {
        const SQL: &str = concat!(
            "UPDATE users SET two_factor_enabled = TRUE, totp_last_step = $3, token_version = token_version + 1, \
             updated_at = $4 WHERE id = $1 AND coalesce(totp_secret, totp_sealed) = $2 AND NOT two_factor_enabled \
             AND EXISTS (SELECT 1 FROM recovery_codes WHERE user_id = $1) RETURNING ",
            user_columns!()
        );
        // A server of the version before disables two-factor authentication without deleting the sealed secret, but it deletes the
        // recovery codes: without them there is no setup.
        let user = self.proof.lock(tx).await?;
        let changed: Option<UserRow> = on_database!(tx, c => c.optional(sqlx::query(SQL)
            .bind(user)
            .bind(self.code.secret.bytes())
            .bind(self.code.step)
            .bind(now())).await)?;
        let row = changed.ok_or(Abort::Refused(TurnOnRefusal::SetUpChanged))?;
        if !sessions::replace_all(tx, user, &self.replacement).await? {
            return Err(Abort::Refused(TurnOnRefusal::SessionEnded));
        }
        Ok(Audited::event(user, Event::TwoFactorEnabled, row))
    }
}

struct TurnOff {
    proof: FullProof,
    device: DeviceHash,
    client: Client,
}

impl AuditedChange for TurnOff {
    type Output = ();
    type Refusal = TwoFactorRefusal;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<TwoFactorRefusal>> {
        const PENDING: &str = "DELETE FROM one_time_tokens WHERE user_id = $1 AND purpose = 'two_factor'";
        let user = self.proof.lock(tx).await?;
        if !clear(tx, user).await? {
            return Err(Abort::Refused(TwoFactorRefusal::IsOff));
        }
        execute!(tx, sqlx::query(PENDING).bind(user))?;
        known_devices::replace_all(tx, user, &self.device).await?;
        Ok(Audited::event(user, Event::TwoFactorDisabled, ()))
    }
}

struct ReplaceCodes {
    proof: FullProof,
    recovery_codes: Vec<Hash>,
    client: Client,
}

impl AuditedChange for ReplaceCodes {
    type Output = ();
    type Refusal = TwoFactorRefusal;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<TwoFactorRefusal>> {
        const SQL: &str = "UPDATE users SET updated_at = $2 WHERE id = $1 AND two_factor_enabled";
        let user = self.proof.lock(tx).await?;
        let done = execute!(tx, sqlx::query(SQL).bind(user).bind(now()))?;
        if done == 0 {
            return Err(Abort::Refused(TwoFactorRefusal::IsOff));
        }
        replace_codes(tx, user, &self.recovery_codes).await?;
        Ok(Audited::event(user, Event::RecoveryCodesReplaced, ()))
    }
}

/// Disables two-factor authentication of the user, and deletes its secret and recovery codes.
pub(super) async fn clear(tx: &mut Tx<'_>, user_id: &UserId) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE users SET two_factor_enabled = FALSE, totp_secret = NULL, totp_sealed = NULL, \
         totp_last_step = NULL, updated_at = $2 WHERE id = $1 AND two_factor_enabled";
    let was_enabled = execute!(tx, sqlx::query(SQL).bind(user_id).bind(now()))? > 0;
    replace_codes(tx, user_id, &[]).await?;
    Ok(was_enabled)
}

/// Deletes the recovery codes of the user.
pub(super) async fn delete_recovery_codes(tx: &mut Tx<'_>, user_id: &UserId) -> Result<(), DbError> {
    replace_codes(tx, user_id, &[]).await
}

/// Deletes the secret and the recovery codes of a setup that was not completed: whoever began it may have had the old credentials.
pub(super) async fn cancel_setup(tx: &mut Tx<'_>, user_id: &UserId) -> Result<(), DbError> {
    const SQL: &str = "UPDATE users SET totp_secret = NULL, totp_sealed = NULL, totp_last_step = NULL \
         WHERE id = $1 AND NOT two_factor_enabled AND (totp_secret IS NOT NULL OR totp_sealed IS NOT NULL)";
    if execute!(tx, sqlx::query(SQL).bind(user_id))? > 0 {
        delete_recovery_codes(tx, user_id).await?;
    }
    Ok(())
}

/// Replaces the recovery codes of the user.
async fn replace_codes(tx: &mut Tx<'_>, user_id: &UserId, hashes: &[Hash]) -> Result<(), DbError> {
    const CLEAR: &str = "DELETE FROM recovery_codes WHERE user_id = $1";
    const ADD: &str = "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)";
    execute!(tx, sqlx::query(CLEAR).bind(user_id))?;
    for hash in hashes {
        execute!(tx, sqlx::query(ADD).bind(user_id).bind(hash.as_slice()))?;
    }
    Ok(())
}

struct StorePending {
    proof: Proof,
    hash: Hash,
}

impl Transaction for StorePending {
    type Output = ();
    type Refusal = Stale;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Stale>> {
        const SQL: &str = "INSERT INTO one_time_tokens (hash, user_id, purpose, expires_at, created_at) \
             VALUES ($1, $2, 'two_factor', $3, $4)";
        let user = self.proof.lock(tx).await?;
        let now = now();
        execute!(
            tx,
            sqlx::query(SQL)
                .bind(self.hash.as_slice())
                .bind(user)
                .bind(now + PENDING_LIFETIME)
                .bind(now)
        )?;
        Ok(())
    }
}

/// Consumes the pending sign-in.
async fn consume_pending(tx: &mut Tx<'_>, user_id: &UserId, hash: &Hash) -> Result<(), Abort<CodeRefusal>> {
    const SQL: &str = "DELETE FROM one_time_tokens \
         WHERE hash = $1 AND user_id = $2 AND purpose = 'two_factor' AND expires_at > $3";
    let done = execute!(tx, sqlx::query(SQL).bind(hash.as_slice()).bind(user_id).bind(now()))?;
    if done == 0 {
        Err(Abort::Refused(CodeRefusal::SignInEnded))
    } else {
        Ok(())
    }
}

/// Consumes a code of the app with that time step. None if it or a later one has been used, or two-factor authentication was
/// disabled. The secret is not compared: another setup changes the token version, and disabling two-factor authentication deletes
/// the pending sign-ins.
async fn consume_app_code(tx: &mut Tx<'_>, user_id: &UserId, step: i64) -> Result<Option<UserRow>, DbError> {
    // Compare-and-swap: of two concurrent uses of a code, the second finds that its step was already used.
    const SQL: &str = concat!(
        "UPDATE users SET totp_last_step = $2 \
         WHERE id = $1 AND two_factor_enabled AND totp_last_step < $2 RETURNING ",
        user_columns!()
    );
    on_database!(tx, c => c.optional(sqlx::query(SQL).bind(user_id).bind(step)).await)
}

/// Consumes a recovery code. False if there is no such code.
async fn consume_recovery_code(tx: &mut Tx<'_>, user_id: &UserId, code: &Hash) -> Result<bool, DbError> {
    const SQL: &str = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2";
    let done = execute!(tx, sqlx::query(SQL).bind(user_id).bind(code.as_slice()))?;
    Ok(done > 0)
}

struct CompleteWithAppCode {
    user_id: UserId,
    pending: Hash,
    step: i64,
}

impl Transaction for CompleteWithAppCode {
    type Output = UserRow;
    type Refusal = CodeRefusal;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<UserRow, Abort<CodeRefusal>> {
        consume_pending(tx, &self.user_id, &self.pending).await?;
        let accepted = consume_app_code(tx, &self.user_id, self.step).await?;
        accepted.ok_or(Abort::Refused(CodeRefusal::Used))
    }
}

struct CompleteWithRecoveryCode {
    user_id: UserId,
    pending: Hash,
    code: Hash,
    client: Client,
}

impl AuditedChange for CompleteWithRecoveryCode {
    type Output = UserRow;
    type Refusal = CodeRefusal;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<UserRow>, Abort<CodeRefusal>> {
        const USER: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users WHERE id = $1 AND two_factor_enabled"
        );
        consume_pending(tx, &self.user_id, &self.pending).await?;
        if !consume_recovery_code(tx, &self.user_id, &self.code).await? {
            return Err(Abort::Refused(CodeRefusal::Used));
        }
        let user: Option<UserRow> = on_database!(tx, c => c.optional(sqlx::query(USER).bind(&self.user_id)).await)?;
        let user = user.ok_or(Abort::Refused(CodeRefusal::SignInEnded))?;
        Ok(Audited::event(&self.user_id, Event::RecoveryCodeUsed, user))
    }
}

impl Db {
    /// Stores the sealed secret and the recovery codes of a setup that is not verified yet.
    pub async fn set_up_two_factor(
        &self,
        proof: Proof,
        sealed_secret: Vec<u8>,
        recovery_codes: Vec<Hash>,
    ) -> Result<(), Abort<TwoFactorRefusal>> {
        self.transact(SetUp {
            proof,
            sealed_secret,
            recovery_codes,
        })
        .await
    }

    /// The two-factor settings of a user; none if there is no such user.
    pub async fn two_factor(&self, user_id: &UserId) -> Result<Option<TwoFactor>, DbError> {
        const SQL: &str = "SELECT two_factor_enabled, totp_secret, totp_sealed FROM users WHERE id = $1";
        let row: Option<TwoFactorRow> =
            on_database!(self.read(), db => db.optional(sqlx::query(SQL).bind(user_id)).await)?;
        Ok(row.map(TwoFactor::from))
    }

    /// Enables two-factor authentication with a verified code, revokes all access tokens of the user, and replaces all sessions
    /// by a new one.
    pub async fn turn_two_factor_on(
        &self,
        proof: Proof,
        code: AppCode,
        replacement: Replacement,
    ) -> Result<UserRow, Abort<TurnOnRefusal>> {
        self.audit(TurnOn {
            proof,
            code,
            replacement,
        })
        .await
    }

    /// Disables two-factor authentication, deletes its secret and recovery codes, and makes `device` the only known device.
    pub async fn turn_two_factor_off(
        &self,
        proof: FullProof,
        device: DeviceHash,
        client: Client,
    ) -> Result<(), Abort<TwoFactorRefusal>> {
        self.audit(TurnOff { proof, device, client }).await
    }

    /// Replaces the recovery codes.
    pub async fn replace_recovery_codes(
        &self,
        proof: FullProof,
        recovery_codes: Vec<Hash>,
        client: Client,
    ) -> Result<(), Abort<TwoFactorRefusal>> {
        self.audit(ReplaceCodes {
            proof,
            recovery_codes,
            client,
        })
        .await
    }

    /// Stores a pending sign-in, identified by the hash of its token.
    pub async fn store_pending_sign_in(&self, proof: Proof, hash: Hash) -> Result<(), Abort<Stale>> {
        self.transact(StorePending { proof, hash }).await
    }

    /// The user of a pending sign-in; none if it has expired or been completed.
    pub async fn pending_sign_in_user(&self, hash: &Hash) -> Result<Option<UserId>, DbError> {
        const SQL: &str =
            "SELECT user_id FROM one_time_tokens WHERE hash = $1 AND purpose = 'two_factor' AND expires_at > $2";
        let pending: Option<(UserId,)> =
            on_database!(self.read(), db => db.optional(sqlx::query(SQL).bind(hash.as_slice()).bind(now())).await)?;
        Ok(pending.map(|(user_id,)| user_id))
    }

    /// Consumes the pending sign-in and a verified code of the app, which has the time step `step`.
    pub async fn complete_with_app_code(
        &self,
        user_id: UserId,
        pending: Hash,
        step: i64,
    ) -> Result<UserRow, Abort<CodeRefusal>> {
        self.transact(CompleteWithAppCode { user_id, pending, step }).await
    }

    /// Consumes the pending sign-in and a recovery code.
    pub async fn complete_with_recovery_code(
        &self,
        user_id: UserId,
        pending: Hash,
        code: Hash,
        client: Client,
    ) -> Result<UserRow, Abort<CodeRefusal>> {
        self.audit(CompleteWithRecoveryCode {
            user_id,
            pending,
            code,
            client,
        })
        .await
    }
}
