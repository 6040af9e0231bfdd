//! The table `identities`, which maps users of the external issuer to accounts.

use std::convert::Infallible;

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use crate::accounts::store::users;
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now, on_database};

/// The issuer and the subject of an external token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExternalIdentity {
    /// The `iss`; empty if the token has none.
    pub issuer: String,
    /// The `sub`.
    pub subject: String,
}

/// The account of an external identity.
#[derive(Clone, Debug, FromRow)]
pub struct ExternalAccount {
    /// The id of the user.
    pub user_id: UserId,
    /// The revision of the user.
    pub revision: i64,
    /// When the external tokens of the user were last revoked.
    pub tokens_revoked_at: Option<DateTime<Utc>>,
}

struct Create(ExternalIdentity);

impl Transaction for Create {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        const FIND: &str = "SELECT count(*) FROM identities WHERE issuer = $1 AND subject = $2";
        const INSERT: &str = "INSERT INTO identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (issuer, subject) DO NOTHING";
        let ExternalIdentity { issuer, subject } = &self.0;
        let (known,): (i64,) = on_database!(tx, c => c.one(sqlx::query(FIND).bind(issuer).bind(subject)).await)?;
        if known > 0 {
            return Ok(());
        }
        let mut user_id = UserId::new(subject.clone());
        let is_free = users::insert_bare(tx, &user_id).await? || is_unclaimed(tx, &user_id).await?;
        if !is_free {
            // The account of that id belongs to another user.
            user_id = UserId::new(Uuid::now_v7().to_string());
            users::insert_bare(tx, &user_id).await?;
        }
        let inserted = execute!(
            tx,
            sqlx::query(INSERT).bind(issuer).bind(subject).bind(user_id).bind(now())
        )?;
        if inserted == 0 {
            let reason = "the account of an external identity was created concurrently";
            return Err(DbError::SerializationFailure(reason.to_owned()).into());
        }
        Ok(())
    }
}

/// Whether the account was created for an external token by a version that did not store identities. Locks its row, so that
/// only one of two concurrent identities with the same subject gets it.
async fn is_unclaimed(tx: &mut Tx<'_>, user_id: &UserId) -> Result<bool, DbError> {
    const SQL: &str = "SELECT count(*) FROM identities WHERE user_id = $1";
    if !users::lock_bare(tx, user_id).await? {
        return Ok(false);
    }
    let (identities,): (i64,) = on_database!(tx, c => c.one(sqlx::query(SQL).bind(user_id)).await)?;
    Ok(identities == 0)
}

/// Revokes the external tokens of the user that have been issued so far.
pub(super) async fn revoke_tokens(tx: &mut Tx<'_>, user_id: &UserId) -> Result<(), DbError> {
    const SQL: &str = "UPDATE identities SET tokens_revoked_at = $2 WHERE user_id = $1";
    execute!(tx, sqlx::query(SQL).bind(user_id).bind(now()))?;
    Ok(())
}

impl Db {
    /// The account of an external identity.
    pub async fn external_account(&self, identity: &ExternalIdentity) -> Result<Option<ExternalAccount>, DbError> {
        const SQL: &str = "SELECT i.user_id, i.tokens_revoked_at, u.revision FROM identities i JOIN users u ON u.id = i.user_id \
             WHERE i.issuer = $1 AND i.subject = $2";
        on_database!(self.read(), db => db.optional(sqlx::query(SQL)
            .bind(&identity.issuer)
            .bind(&identity.subject)).await)
    }

    /// Creates the account of an external identity, unless it exists. Its id is the subject, unless another account has that id.
    pub async fn create_external_account(&self, identity: ExternalIdentity) -> Result<(), DbError> {
        Ok(self.transact(Create(identity)).await?)
    }
}
