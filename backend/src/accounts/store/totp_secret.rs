//! The stored secrets of authenticator apps: the columns `totp_secret` and `totp_sealed` of `users`.

use std::convert::Infallible;

use sqlx::FromRow;

use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, on_database};

/// The page size when all secrets are read, and the number of secrets that are replaced in a transaction.
const PAGE: i64 = 500;

/// The secret of an authenticator app, as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StoredSecret {
    /// In plain text, by a server of the version before.
    Plain(Vec<u8>),
    /// Sealed by [`TotpKeys`](crate::accounts::totp_secret::TotpKeys).
    Sealed(Vec<u8>),
}

impl StoredSecret {
    /// The secret in the columns `totp_secret` and `totp_sealed`. If both are present, a server of the version before has set up
    /// another app, and left the sealed secret of the app before.
    pub fn of(totp_secret: Option<Vec<u8>>, totp_sealed: Option<Vec<u8>>) -> Option<Self> {
        totp_secret.map(Self::Plain).or(totp_sealed.map(Self::Sealed))
    }

    /// The value of the SQL expression `coalesce(totp_secret, totp_sealed)`.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) | Self::Sealed(bytes) => bytes,
        }
    }
}

/// The secret of a user.
#[derive(FromRow)]
struct SecretRow {
    id: UserId,
    totp_secret: Option<Vec<u8>>,
    totp_sealed: Option<Vec<u8>>,
}

/// A secret that is sealed anew.
pub struct Resealed {
    /// The user of the app.
    pub user: UserId,
    /// The secret as it was read.
    pub before: StoredSecret,
    /// The sealed secret.
    pub sealed: Vec<u8>,
}

struct Replace(Vec<Resealed>);

impl Transaction for Replace {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        // The user may have set up another app since the secret was read.
        const SQL: &str = "UPDATE users SET totp_sealed = $3, totp_secret = NULL \
             WHERE id = $1 AND coalesce(totp_secret, totp_sealed) = $2";
        for Resealed { user, before, sealed } in &self.0 {
            execute!(
                tx,
                sqlx::query(SQL).bind(user).bind(before.bytes()).bind(sealed.as_slice())
            )?;
        }
        Ok(())
    }
}

impl Db {
    /// A page of the stored secrets of all users, sorted by user, that begins after the user `after`. The page after the last is
    /// empty.
    pub async fn totp_secrets(&self, after: Option<&UserId>) -> Result<Vec<(UserId, StoredSecret)>, DbError> {
        const SQL: &str = "SELECT id, totp_secret, totp_sealed FROM users \
             WHERE (totp_secret IS NOT NULL OR totp_sealed IS NOT NULL) AND id > $1 ORDER BY id LIMIT $2";
        let after = after.map_or("", UserId::as_str);
        let rows: Vec<SecretRow> =
            on_database!(self.read(), db => db.all(sqlx::query(SQL).bind(after).bind(PAGE)).await)?;
        let secret = |row: SecretRow| Some((row.id, StoredSecret::of(row.totp_secret, row.totp_sealed)?));
        Ok(rows.into_iter().filter_map(secret).collect())
    }

    /// Replaces secrets by the same secrets sealed anew, unless they have changed since they were read.
    pub async fn replace_totp_secrets(&self, secrets: Vec<Resealed>) -> Result<(), DbError> {
        if secrets.is_empty() {
            return Ok(());
        }
        self.transact(Replace(secrets)).await?;
        // Some were in plain text.
        self.erase_deleted();
        Ok(())
    }
}
