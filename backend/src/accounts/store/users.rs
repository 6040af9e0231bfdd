//! The table `users`.

use std::convert::Infallible;

use chrono::{DateTime, Utc};
use shared::account::User;
use sqlx::FromRow;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::proof::{Proof, Stale};
use crate::accounts::store::two_factor::{self, FullProof, FullProofRefusal};
use crate::accounts::store::{email_links, notifications, one_time_tokens, pending_sign_ups};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now, on_database};
use crate::http::client::Client;

/// A row of `users`, without the columns that only statements use.
#[derive(Clone, Debug, FromRow)]
pub struct UserRow {
    /// Opaque id.
    pub id: UserId,
    /// Display name.
    pub name: String,
    /// Normalised; none for an account of the external issuer.
    pub email: Option<String>,
    /// Whether the address is verified.
    pub email_verified: bool,
    image: Option<String>,
    /// PHC string; none for an account of the external issuer.
    pub password_hash: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// The `ver` of valid access tokens.
    pub token_version: i64,
    /// Whether a sign-in requires a code.
    pub two_factor_enabled: bool,
}

/// The columns of [`UserRow`].
macro_rules! user_columns {
    () => {
        "id, name, email, email_verified, image, password_hash, created_at, updated_at, token_version, two_factor_enabled"
    };
}
pub(super) use user_columns;

const BY_EMAIL: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE email = $1");
const BY_ID: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE id = $1");

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id.as_str().to_owned(),
            name: row.name,
            email: row.email,
            email_verified: row.email_verified,
            image: row.image,
            created_at: row.created_at,
            updated_at: row.updated_at,
            two_factor_enabled: row.two_factor_enabled,
        }
    }
}

/// Creates an account without a name, an e-mail address and a password. False if the id is taken.
pub(super) async fn insert_bare(tx: &mut Tx<'_>, id: &UserId) -> Result<bool, DbError> {
    const SQL: &str = "INSERT INTO users (id, name, created_at, updated_at) VALUES ($1, '', $2, $2) \
         ON CONFLICT (id) DO NOTHING";
    let inserted = execute!(tx, sqlx::query(SQL).bind(id).bind(now()))?;
    Ok(inserted > 0)
}

/// Locks the row of an account without an e-mail address and a password. False if there is no such account with that id.
pub(super) async fn lock_bare(tx: &mut Tx<'_>, id: &UserId) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE users SET updated_at = updated_at \
         WHERE id = $1 AND email IS NULL AND password_hash IS NULL";
    let locked = execute!(tx, sqlx::query(SQL).bind(id))?;
    Ok(locked > 0)
}

struct Rename {
    user: UserId,
    name: String,
    client: Client,
}

impl AuditedChange for Rename {
    type Output = ();
    type Refusal = Infallible;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<Infallible>> {
        const SQL: &str = "UPDATE users SET name = $2, updated_at = $3 WHERE id = $1";
        let user = &self.user;
        execute!(tx, sqlx::query(SQL).bind(user).bind(&self.name).bind(now()))?;
        Ok(Audited::event(user, Event::NameChanged, ()))
    }
}

/// Revokes all access tokens of the user, and what was authorized by a [`Proof`] before: also a setup of two-factor
/// authentication that is not complete.
pub(super) async fn revoke_tokens(tx: &mut Tx<'_>, id: &UserId) -> Result<Option<UserRow>, DbError> {
    const SQL: &str = concat!(
        "UPDATE users SET token_version = token_version + 1 WHERE id = $1 RETURNING ",
        user_columns!()
    );
    two_factor::cancel_setup(tx, id).await?;
    on_database!(tx, c => c.optional(sqlx::query(SQL).bind(id)).await)
}

/// The account with that address.
pub(super) async fn by_email(tx: &mut Tx<'_>, email: &str) -> Result<Option<UserRow>, DbError> {
    on_database!(tx, c => c.optional(sqlx::query(BY_EMAIL).bind(email)).await)
}

/// The account with that id.
pub(super) async fn by_id(tx: &mut Tx<'_>, id: &UserId) -> Result<Option<UserRow>, DbError> {
    on_database!(tx, c => c.optional(sqlx::query(BY_ID).bind(id)).await)
}

/// Sets a new password, and revokes all access tokens, one-time tokens and links of the user. The caller deletes the sessions.
pub(super) async fn set_password(tx: &mut Tx<'_>, user_id: &UserId, password_hash: &str) -> Result<UserRow, DbError> {
    const SQL: &str = concat!(
        "UPDATE users SET password_hash = $2, token_version = token_version + 1, updated_at = $3 WHERE id = $1 RETURNING ",
        user_columns!()
    );
    let user: UserRow =
        on_database!(tx, c => c.one(sqlx::query(SQL).bind(user_id).bind(password_hash).bind(now())).await)?;
    one_time_tokens::revoke_all(tx, user_id).await?;
    two_factor::cancel_setup(tx, user_id).await?;
    if let Some(email) = &user.email {
        email_links::revoke(tx, email).await?;
    }
    Ok(user)
}

/// Locks the row of a user. False if the credentials were changed, or the account was deleted, since `user` was read.
pub(super) async fn lock(tx: &mut Tx<'_>, user: &UserRow) -> Result<bool, DbError> {
    match Proof::of(user).lock::<Stale>(tx).await {
        Ok(_) => Ok(true),
        Err(Abort::Refused(Stale)) => Ok(false),
        Err(Abort::Failed(error)) => Err(error),
    }
}

/// Marks `email` as verified. None if it is no longer the user's address.
pub(super) async fn verify_email(tx: &mut Tx<'_>, user_id: &UserId, email: &str) -> Result<Option<UserRow>, DbError> {
    const SQL: &str = concat!(
        "UPDATE users SET email_verified = TRUE, updated_at = $3 WHERE id = $1 AND email = $2 RETURNING ",
        user_columns!()
    );
    on_database!(tx, c => c.optional(sqlx::query(SQL).bind(user_id).bind(email).bind(now())).await)
}

/// Another account has this e-mail address.
#[derive(Debug)]
pub struct EmailTaken;

/// Sets a new e-mail address, and revokes all one-time tokens of the user, and the links of both addresses.
pub(super) async fn set_email<R: From<EmailTaken>>(
    tx: &mut Tx<'_>,
    user: &UserRow,
    email: &str,
    verified: bool,
) -> Result<UserRow, Abort<R>> {
    const SQL: &str = concat!(
        "UPDATE users SET email = $2, email_verified = $3, updated_at = $4 WHERE id = $1 RETURNING ",
        user_columns!()
    );
    let changed = on_database!(tx, c => c.one(sqlx::query(SQL)
        .bind(&user.id)
        .bind(email)
        .bind(verified)
        .bind(now())).await);
    let changed: UserRow = changed.map_err(|error| match error {
        DbError::Failed(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            Abort::Refused(EmailTaken.into())
        }
        error => Abort::Failed(error),
    })?;
    one_time_tokens::revoke_all(tx, &user.id).await?;
    for email in user.email.iter().chain(&changed.email) {
        email_links::revoke(tx, email).await?;
        pending_sign_ups::delete(tx, email).await?;
    }
    Ok(changed)
}

struct Rehash {
    user_id: UserId,
    before: Option<String>,
    password_hash: String,
}

impl Transaction for Rehash {
    type Output = ();
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<Infallible>> {
        // The password may have been changed concurrently.
        const SQL: &str = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
        execute!(
            tx,
            sqlx::query(SQL)
                .bind(&self.user_id)
                .bind(&self.before)
                .bind(&self.password_hash)
        )?;
        Ok(())
    }
}

struct Delete {
    proof: FullProof,
    client: Client,
    db: Db,
}

impl AuditedChange for Delete {
    type Output = ();
    type Refusal = FullProofRefusal;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<FullProofRefusal>> {
        // The rows of the other tables are deleted by foreign keys (ON DELETE CASCADE), except those of an address.
        const SQL: &str = "DELETE FROM users WHERE id = $1";
        let user = self.proof.lock(tx).await?;
        let recipient = notifications::recipient(tx, user).await?;
        if let Some(email) = by_id(tx, user).await?.and_then(|user| user.email) {
            email_links::revoke(tx, &email).await?;
            pending_sign_ups::delete(tx, &email).await?;
        }
        execute!(tx, sqlx::query(SQL).bind(user))?;
        // The history is deleted with the account, so the event is not added to it.
        Ok(Audited::event(user, Event::AccountDeleted, ()).mailed_to(recipient))
    }

    fn committed(&self) {
        self.db.erase_deleted();
    }
}

impl Db {
    /// Changes the display name.
    pub async fn rename_user(&self, user: UserId, name: String, client: Client) -> Result<(), DbError> {
        Ok(self.audit(Rename { user, name, client }).await?)
    }

    /// Stores a new hash of the same password, unless the password has been changed.
    pub async fn rehash_password(&self, user: &UserRow, password_hash: String) -> Result<(), DbError> {
        let rehash = Rehash {
            user_id: user.id.clone(),
            before: user.password_hash.clone(),
            password_hash,
        };
        Ok(self.transact(rehash).await?)
    }

    /// Deletes an account and all of its data.
    pub async fn delete_user(&self, proof: FullProof, client: Client) -> Result<(), Abort<FullProofRefusal>> {
        let db = self.clone();
        self.audit(Delete { proof, client, db }).await
    }

    /// The account with that normalised e-mail address.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserRow>, DbError> {
        on_database!(self.read(), db => db.optional(sqlx::query(BY_EMAIL).bind(email)).await)
    }

    /// The accounts with that id, that `sub` of external tokens, or that normalised e-mail address, for operators.
    pub async fn users_named(&self, name: &str, email: Option<&str>) -> Result<Vec<UserId>, DbError> {
        const SQL: &str = "SELECT id FROM users WHERE id = $1 OR email = $2 \
             OR id IN (SELECT user_id FROM identities WHERE subject = $1)";
        let found: Vec<(UserId,)> =
            on_database!(self.read(), db => db.all(sqlx::query(SQL).bind(name).bind(email)).await)?;
        Ok(found.into_iter().map(|(id,)| id).collect())
    }

    /// The account with that id.
    pub async fn user(&self, id: &UserId) -> Result<Option<UserRow>, DbError> {
        on_database!(self.read(), db => db.optional(sqlx::query(BY_ID).bind(id)).await)
    }
}
