//! The table `one_time_tokens`: tokens that authorize one operation, once. Every query filters by purpose, so a token authorizes
//! nothing else. This file has the tokens of links; the tokens of pending sign-ins are in `two_factor`.

use std::convert::Infallible;

use chrono::TimeDelta;
use sqlx::FromRow;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Tx, execute, now, on_database};
use crate::http::client::Client;

/// SHA-256 of a token. The token itself is not stored.
pub type TokenHash = [u8; 32];

/// The operation that a token authorizes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Sets a new password.
    ResetPassword,
    /// Verifies the address of the account.
    VerifyEmail,
    /// Verifies a new address, which replaces the current one.
    ChangeEmail,
}

impl Purpose {
    /// The value in the table.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset_password",
            Self::VerifyEmail => "verify_email",
            Self::ChangeEmail => "change_email",
        }
    }

    fn lifetime(self) -> TimeDelta {
        match self {
            Self::ResetPassword => TimeDelta::hours(1),
            Self::VerifyEmail | Self::ChangeEmail => TimeDelta::hours(24),
        }
    }
}

/// A token to store.
pub struct NewToken {
    /// The hash of the token.
    pub hash: TokenHash,
    /// The operation that the token authorizes.
    pub purpose: Purpose,
    /// The address to which the token is sent, and which it verifies; none if it is not sent by mail.
    pub email: Option<String>,
}

/// A token that was consumed.
#[derive(FromRow)]
pub(super) struct Redeemed {
    pub(super) user_id: UserId,
    pub(super) email: Option<String>,
}

/// Consumes a token. None if it does not exist, is for another purpose, or has expired.
pub(super) async fn redeem(tx: &mut Tx<'_>, hash: &TokenHash, purpose: Purpose) -> Result<Option<Redeemed>, DbError> {
    const SQL: &str = "DELETE FROM one_time_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3 \
         RETURNING user_id, email";
    on_database!(tx, c => c.optional(sqlx::query(SQL)
        .bind(hash.as_slice())
        .bind(purpose.as_str())
        .bind(now())).await)
}

/// Revokes all one-time tokens of the user.
pub(super) async fn revoke_all(tx: &mut Tx<'_>, user_id: &UserId) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM one_time_tokens WHERE user_id = $1";
    execute!(tx, sqlx::query(SQL).bind(user_id))?;
    Ok(())
}

/// Stores a token of the user, which replaces the token with the same purpose.
async fn insert(tx: &mut Tx<'_>, user_id: &UserId, token: &NewToken) -> Result<(), DbError> {
    const REPLACE: &str = "DELETE FROM one_time_tokens WHERE user_id = $1 AND purpose = $2";
    const SQL: &str = "INSERT INTO one_time_tokens (hash, user_id, purpose, email, expires_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)";
    let purpose = token.purpose.as_str();
    execute!(tx, sqlx::query(REPLACE).bind(user_id).bind(purpose))?;
    let now = now();
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(token.hash.as_slice())
            .bind(user_id)
            .bind(purpose)
            .bind(&token.email)
            .bind(now + token.purpose.lifetime())
            .bind(now)
    )?;
    Ok(())
}

struct Issue {
    user_id: UserId,
    token: NewToken,
    event: Option<Event>,
    client: Client,
}

impl AuditedChange for Issue {
    type Output = ();
    type Refusal = Infallible;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<Infallible>> {
        insert(tx, &self.user_id, &self.token).await?;
        Ok(match self.event {
            Some(event) => Audited::event(&self.user_id, event, ()),
            None => Audited::nothing(()),
        })
    }
}

impl Db {
    /// Stores a token of the user, which replaces the token with the same purpose, and records `event`.
    pub async fn issue_token(
        &self,
        user_id: UserId,
        token: NewToken,
        event: Option<Event>,
        client: Client,
    ) -> Result<(), DbError> {
        let issue = Issue {
            user_id,
            token,
            event,
            client,
        };
        Ok(self.audit(issue).await?)
    }
}
