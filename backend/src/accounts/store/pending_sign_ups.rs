//! The table `pending_sign_ups`: sign-ups that wait for their link. Each has its own token and its own password, so that nobody
//! else's sign-up with the same address can decide the password of the account. The account is created when a link is used.

use std::convert::Infallible;

use chrono::TimeDelta;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::email_links;
use crate::accounts::store::one_time_tokens::TokenHash;
use crate::accounts::store::sign_up::{self, NewUser};
use crate::accounts::store::users::{self, EmailTaken, UserRow};
use crate::db::{Abort, Db, DbError, Transaction, Tx, execute, now, on_database};
use crate::http::client::Client;

/// How long a sign-up waits for its link.
pub const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// The columns of [`NewUser`].
macro_rules! columns {
    () => {
        "user_id AS id, name, email, password_hash"
    };
}

/// Whether a sign-up with the address is pending.
pub(super) async fn exists(tx: &mut Tx<'_>, email: &str) -> Result<bool, DbError> {
    Ok(latest(tx, email).await?.is_some())
}

/// The latest pending sign-up with the address.
pub(super) async fn latest(tx: &mut Tx<'_>, email: &str) -> Result<Option<NewUser>, DbError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM pending_sign_ups WHERE email = $1 AND expires_at > $2 ORDER BY created_at DESC LIMIT 1"
    );
    on_database!(tx, c => c.optional(sqlx::query(SQL).bind(email).bind(now())).await)
}

/// Gives the latest pending sign-up with the address another link, beside the first one.
pub(super) async fn repeat(tx: &mut Tx<'_>, email: &str, hash: &TokenHash) -> Result<(), DbError> {
    const SQL: &str = "INSERT INTO pending_sign_ups (hash, user_id, name, email, password_hash, expires_at, created_at) \
         SELECT $2, user_id, name, email, password_hash, $3, $4 FROM pending_sign_ups \
         WHERE email = $1 AND expires_at > $4 ORDER BY created_at DESC LIMIT 1";
    let now = now();
    execute!(
        tx,
        sqlx::query(SQL)
            .bind(email)
            .bind(hash.as_slice())
            .bind(now + LIFETIME)
            .bind(now)
    )?;
    Ok(())
}

/// Deletes all pending sign-ups with the address.
pub(super) async fn delete(tx: &mut Tx<'_>, email: &str) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM pending_sign_ups WHERE email = $1";
    execute!(tx, sqlx::query(SQL).bind(email))?;
    Ok(())
}

struct Store {
    user: NewUser,
    hash: TokenHash,
}

impl Transaction for Store {
    type Output = bool;
    type Refusal = Infallible;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<bool, Abort<Infallible>> {
        const SQL: &str = "INSERT INTO pending_sign_ups (hash, user_id, name, email, password_hash, expires_at, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let NewUser {
            id,
            name,
            email,
            password_hash,
        } = &self.user;
        let is_taken = users::by_email(tx, email).await?.is_some();
        let now = now();
        execute!(
            tx,
            sqlx::query(SQL)
                .bind(self.hash.as_slice())
                .bind(id)
                .bind(name)
                .bind(email)
                .bind(password_hash)
                .bind(now + LIFETIME)
                .bind(now)
        )?;
        Ok(is_taken)
    }
}

struct Confirm {
    hash: TokenHash,
    new_password_hash: Option<String>,
    client: Client,
}

impl AuditedChange for Confirm {
    type Output = Option<UserRow>;
    type Refusal = EmailTaken;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<Option<UserRow>>, Abort<EmailTaken>> {
        const SQL: &str = concat!(
            "DELETE FROM pending_sign_ups WHERE hash = $1 AND expires_at > $2 RETURNING ",
            columns!()
        );
        let found: Option<NewUser> =
            on_database!(tx, c => c.optional(sqlx::query(SQL).bind(self.hash.as_slice()).bind(now())).await)?;
        let Some(mut sign_up) = found else {
            return Ok(Audited::nothing(None));
        };
        if let Some(password_hash) = &self.new_password_hash {
            sign_up.password_hash.clone_from(password_hash);
        }
        let user = create(tx, &sign_up).await?;
        Ok(Audited::event(&user.id.clone(), Event::SignedUp, Some(user)))
    }
}

/// Creates the account of a pending sign-up, whose address has been verified, and deletes all pending sign-ups and links of the
/// address.
pub(super) async fn create(tx: &mut Tx<'_>, sign_up: &NewUser) -> Result<UserRow, Abort<EmailTaken>> {
    let user = sign_up::insert(tx, sign_up, true).await?;
    delete(tx, &sign_up.email).await?;
    email_links::revoke(tx, &sign_up.email).await?;
    Ok(user)
}

impl Db {
    /// Stores a sign-up until its link is used. Returns whether the address has an account already; the sign-up is stored then,
    /// too, so that both cases write the same.
    pub async fn store_pending_sign_up(&self, user: NewUser, hash: TokenHash) -> Result<bool, DbError> {
        Ok(self.transact(Store { user, hash }).await?)
    }

    /// The pending sign-up of a link. None if the link is invalid.
    pub async fn pending_sign_up(&self, hash: &TokenHash) -> Result<Option<NewUser>, DbError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM pending_sign_ups WHERE hash = $1 AND expires_at > $2"
        );
        on_database!(self.read(), db => db.optional(sqlx::query(SQL).bind(hash.as_slice()).bind(now())).await)
    }

    /// The name and the address of the latest pending sign-up with an address that has no account.
    pub async fn latest_pending_sign_up(&self, email: &str) -> Result<Option<NewUser>, DbError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM pending_sign_ups WHERE email = $1 AND expires_at > $2 \
             AND NOT EXISTS (SELECT 1 FROM users WHERE users.email = $1) ORDER BY created_at DESC LIMIT 1"
        );
        on_database!(self.read(), db => db.optional(sqlx::query(SQL).bind(email).bind(now())).await)
    }

    /// Consumes the link of a pending sign-up, and creates its account with a verified address: with the password of the
    /// sign-up, or with a new one. None if the link is invalid.
    pub async fn confirm_sign_up(
        &self,
        hash: TokenHash,
        new_password_hash: Option<String>,
        client: Client,
    ) -> Result<Option<UserRow>, Abort<EmailTaken>> {
        let confirm = Confirm {
            hash,
            new_password_hash,
            client,
        };
        self.audit(confirm).await
    }
}
