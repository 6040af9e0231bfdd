//! The table `one_time_tokens`: tokens that authorize one operation on an account, once. Every query filters by purpose, so a
//! token authorizes nothing else. This file has the tokens of changes of the e-mail address; the tokens of pending sign-ins are in
//! `two_factor`.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::proof::{Proof, Stale};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Tx, execute, now, on_database};
use crate::http::client::Client;

/// SHA-256 of a token. The token itself is not stored.
pub type TokenHash = [u8; 32];

/// The operation that a token authorizes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Verifies a new address, which replaces the current one.
    ChangeEmail,
    /// Restores the previous address. Only its use and the deletion of the account revoke the token.
    UndoEmailChange,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::ChangeEmail => "change_email",
            Self::UndoEmailChange => "undo_email_change",
        }
    }

    fn lifetime(self) -> TimeDelta {
        match self {
            Self::ChangeEmail => TimeDelta::hours(24),
            Self::UndoEmailChange => TimeDelta::days(7),
        }
    }
}

/// A token that was consumed.
#[derive(FromRow)]
pub(super) struct Redeemed {
    pub(super) user_id: UserId,
    /// The address that the token was sent to.
    pub(super) email: String,
    pub(super) created_at: DateTime<Utc>,
}

/// Consumes a token. None if it does not exist, is for another purpose, or has expired.
pub(super) async fn redeem(tx: &mut Tx<'_>, hash: &TokenHash, purpose: Purpose) -> Result<Option<Redeemed>, DbError> {
    const SQL: &str = "DELETE FROM one_time_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3 \
         RETURNING user_id, email, created_at";
    on_database!(tx, c => c.optional(sqlx::query(SQL)
        .bind(hash.as_slice())
        .bind(purpose.as_str())
        .bind(now())).await)
}

/// Revokes the one-time tokens of the user, except those that undo a change of the address: an attacker who changed it could
/// change the password, too.
pub(super) async fn revoke_all(tx: &mut Tx<'_>, user_id: &UserId) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM one_time_tokens WHERE user_id = $1 AND purpose <> $2";
    let kept = Purpose::UndoEmailChange.as_str();
    execute!(tx, sqlx::query(SQL).bind(user_id).bind(kept))?;
    Ok(())
}

/// Revokes the tokens of the user that undo a change of the address since `redeemed` was stored. Those of earlier changes remain:
/// otherwise whoever changed the address twice could revoke the token of the first owner by undoing the second change.
pub(super) async fn revoke_later_undo(tx: &mut Tx<'_>, redeemed: &Redeemed) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM one_time_tokens WHERE user_id = $1 AND purpose = $2 AND created_at >= $3";
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(&redeemed.user_id)
            .bind(Purpose::UndoEmailChange.as_str())
            .bind(redeemed.created_at)
    )?;
    Ok(())
}

async fn delete(tx: &mut Tx<'_>, user_id: &UserId, purpose: Purpose) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM one_time_tokens WHERE user_id = $1 AND purpose = $2";
    execute!(tx, sqlx::query(SQL).bind(user_id).bind(purpose.as_str()))?;
    Ok(())
}

/// Stores a token of the user for the address `email`. It is revoked when `session` ends.
pub(super) async fn insert(
    tx: &mut Tx<'_>,
    user_id: &UserId,
    purpose: Purpose,
    hash: &TokenHash,
    email: &str,
    session: Option<Uuid>,
) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO one_time_tokens (hash, user_id, purpose, email, session_id, expires_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let now = now();
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(hash.as_slice())
            .bind(user_id)
            .bind(purpose.as_str())
            .bind(email)
            .bind(session)
            .bind(now + purpose.lifetime())
            .bind(now)
    )?;
    Ok(())
}

struct RequestEmailChange {
    proof: Proof,
    session: Uuid,
    hash: TokenHash,
    email: String,
    client: Client,
}

impl AuditedChange for RequestEmailChange {
    type Output = ();
    type Refusal = Stale;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<Stale>> {
        let user = self.proof.lock(tx).await?;
        delete(tx, user, Purpose::ChangeEmail).await?;
        let session = Some(self.session);
        let inserted = insert(tx, user, Purpose::ChangeEmail, &self.hash, &self.email, session).await;
        inserted.map_err(|error| match error {
            DbError::Failed(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => Abort::Refused(Stale),
            error => Abort::Failed(error),
        })?;
        Ok(Audited::event(user, Event::EmailChangeRequested, ()))
    }
}

impl Db {
    /// Stores a token that changes the address to `email`, and replaces the previous one. It is revoked when `session` ends.
    /// [`Stale`] also if it has ended already.
    pub async fn request_email_change(
        &self,
        proof: Proof,
        session: Uuid,
        hash: TokenHash,
        email: String,
        client: Client,
    ) -> Result<(), Abort<Stale>> {
        let request = RequestEmailChange {
            proof,
            session,
            hash,
            email,
            client,
        };
        self.audit(request).await
    }
}
