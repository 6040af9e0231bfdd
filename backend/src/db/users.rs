//! The table `users`.

use chrono::{DateTime, Utc};
use shared::account::User;
use sqlx::FromRow;

use super::audit::{self, Event};
use super::sessions::{self, NewSession, Replacement};
use super::{Db, DbError, Tx, Write, execute, now, on, one_time_tokens};
use crate::auth::UserId;
use crate::client::Client;

/// An account as it is stored, without what only the database needs.
#[derive(Clone, Debug, FromRow)]
pub struct UserRow {
    /// Opaque.
    pub id: String,
    /// What to call the person.
    pub name: String,
    /// In normal form; none for an account that came with an outside token.
    pub email: Option<String>,
    /// Whether the address is known to reach the person.
    pub email_verified: bool,
    image: Option<String>,
    /// PHC string; none for an account that came with an outside token.
    pub password_hash: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// The `ver` of valid access tokens.
    pub token_version: i64,
    /// Whether a sign-in also needs a code.
    pub two_factor_enabled: bool,
}

/// The columns of [`UserRow`].
macro_rules! user_columns {
    () => {
        "id, name, email, email_verified, image, password_hash, created_at, updated_at, token_version, two_factor_enabled"
    };
}
pub(super) use user_columns;

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
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

/// An account that is to be made.
pub struct NewUser {
    /// A UUIDv7.
    pub id: String,
    /// What to call the person.
    pub name: String,
    /// In normal form.
    pub email: String,
    /// PHC string.
    pub password_hash: String,
}

impl From<&NewUser> for User {
    fn from(new: &NewUser) -> Self {
        let now = now();
        Self {
            id: new.id.clone(),
            name: new.name.clone(),
            email: Some(new.email.clone()),
            email_verified: false,
            image: None,
            created_at: now,
            updated_at: now,
            two_factor_enabled: false,
        }
    }
}

struct Create {
    user: NewUser,
    session: Option<NewSession>,
    client: Client,
}

impl Write for Create {
    type Out = UserRow;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<UserRow, DbError> {
        const SQL: &str = concat!(
            "INSERT INTO users (id, name, email, password_hash, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (email) DO NOTHING RETURNING ",
            user_columns!()
        );
        let created: Option<UserRow> = on!(tx, c => c.optional(sqlx::query(SQL)
            .bind(&self.user.id)
            .bind(&self.user.name)
            .bind(&self.user.email)
            .bind(&self.user.password_hash)
            .bind(now())).await)?;
        let user = created.ok_or(DbError::EmailTaken)?;
        if let Some(session) = &self.session {
            sessions::insert(tx, &user.id, session).await?;
        }
        audit::record(tx, &user.id, Event::SignedUp, &self.client).await?;
        Ok(user)
    }
}

/// Makes an account without name, e-mail and password. False if the id is taken.
pub(super) async fn insert_bare(tx: &mut Tx<'_>, id: &str) -> Result<bool, DbError> {
    const SQL: &str = "INSERT INTO users (id, name, created_at, updated_at) VALUES ($1, '', $2, $2) \
         ON CONFLICT (id) DO NOTHING";
    let inserted = execute!(tx, sqlx::query(SQL).bind(id).bind(now()))?;
    Ok(inserted > 0)
}

/// Holds an account without e-mail and password until the transaction ends. False if there is none of that id.
pub(super) async fn hold_bare(tx: &mut Tx<'_>, id: &str) -> Result<bool, DbError> {
    const SQL: &str = "UPDATE users SET updated_at = updated_at \
         WHERE id = $1 AND email IS NULL AND password_hash IS NULL";
    let held = execute!(tx, sqlx::query(SQL).bind(id))?;
    Ok(held > 0)
}

struct Rename {
    user: UserId,
    name: String,
    client: Client,
}

impl Write for Rename {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const SQL: &str = "UPDATE users SET name = $2, updated_at = $3 WHERE id = $1";
        let user = self.user.as_str();
        execute!(tx, sqlx::query(SQL).bind(user).bind(&self.name).bind(now()))?;
        audit::record(tx, user, Event::NameChanged, &self.client).await
    }
}

/// Locks the row of an account whose password was proved, as a part of a larger change. [`DbError::NotFound`] if it got
/// another password, two-factor was turned on or off, or it was deleted since `user` was read.
pub(super) async fn hold(tx: &mut Tx<'_>, user: &UserRow) -> Result<(), DbError> {
    const SQL: &str = "UPDATE users SET token_version = token_version \
         WHERE id = $1 AND token_version = $2 AND two_factor_enabled = $3";
    let held = execute!(
        tx,
        sqlx::query(SQL)
            .bind(&user.id)
            .bind(user.token_version)
            .bind(user.two_factor_enabled)
    )?;
    if held == 0 { Err(DbError::NotFound) } else { Ok(()) }
}

/// Sets a new password as a part of a larger change, which also ends the sessions: no access token, link or pending sign-in
/// issued before stays valid.
pub(super) async fn set_password(tx: &mut Tx<'_>, user_id: &str, password_hash: &str) -> Result<UserRow, DbError> {
    const SQL: &str = concat!(
        "UPDATE users SET password_hash = $2, token_version = token_version + 1, updated_at = $3 WHERE id = $1 RETURNING ",
        user_columns!()
    );
    let user = on!(tx, c => c.one(sqlx::query(SQL).bind(user_id).bind(password_hash).bind(now())).await)?;
    one_time_tokens::forget_all(tx, user_id).await?;
    Ok(user)
}

/// Notes that `email` reaches the user, as a part of a larger change. None if it is not the user's address any more.
pub(super) async fn verify_email(tx: &mut Tx<'_>, user_id: &str, email: &str) -> Result<Option<UserRow>, DbError> {
    const SQL: &str = concat!(
        "UPDATE users SET email_verified = TRUE, updated_at = $3 WHERE id = $1 AND email = $2 RETURNING ",
        user_columns!()
    );
    on!(tx, c => c.optional(sqlx::query(SQL).bind(user_id).bind(email).bind(now())).await)
}

/// Gives the user another address, as a part of a larger change: links that went to the old one are worth nothing any more.
/// [`DbError::EmailTaken`] if it belongs to another account.
pub(super) async fn set_email(tx: &mut Tx<'_>, user_id: &str, email: &str, verified: bool) -> Result<UserRow, DbError> {
    const SQL: &str = concat!(
        "UPDATE users SET email = $2, email_verified = $3, updated_at = $4 WHERE id = $1 RETURNING ",
        user_columns!()
    );
    let changed = on!(tx, c => c.one(sqlx::query(SQL)
        .bind(user_id)
        .bind(email)
        .bind(verified)
        .bind(now())).await);
    let user = changed.map_err(|error| match error {
        DbError::Failed(sqlx::Error::Database(error)) if error.is_unique_violation() => DbError::EmailTaken,
        error => error,
    })?;
    one_time_tokens::forget_all(tx, user_id).await?;
    Ok(user)
}

struct ChangeEmail {
    user: UserId,
    email: String,
    client: Client,
}

impl Write for ChangeEmail {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let user = self.user.as_str();
        set_email(tx, user, &self.email, false).await?;
        audit::record(tx, user, Event::EmailChanged, &self.client).await
    }
}

struct ChangePassword {
    user: UserRow,
    password_hash: String,
    replacement: Replacement,
}

impl Write for ChangePassword {
    type Out = UserRow;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<UserRow, DbError> {
        let user_id = &self.user.id;
        hold(tx, &self.user).await?;
        let row = set_password(tx, user_id, &self.password_hash).await?;
        sessions::replace_all(tx, user_id, &self.replacement).await?;
        audit::record(tx, user_id, Event::PasswordChanged, &self.replacement.session.client).await?;
        Ok(row)
    }
}

struct Rehash {
    user_id: String,
    before: Option<String>,
    password_hash: String,
}

impl Write for Rehash {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        // The password may have been changed meanwhile.
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
    user: UserId,
}

impl Write for Delete {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        // Every other table refers to this one and follows it.
        const SQL: &str = "DELETE FROM users WHERE id = $1";
        execute!(tx, sqlx::query(SQL).bind(self.user.as_str()))?;
        Ok(())
    }
}

impl Db {
    /// Changes what the person is called.
    pub async fn rename_user(&self, user: UserId, name: String, client: Client) -> Result<(), DbError> {
        self.write(Rename { user, name, client }).await
    }

    /// Sets a new password for `user`, whose old one was proved, and replaces all sessions by a new one. Returns
    /// the row with the new token version. [`DbError::NotFound`] if `user` has changed meanwhile or the calling session has
    /// ended.
    pub async fn change_password(
        &self,
        user: UserRow,
        password_hash: String,
        replacement: Replacement,
    ) -> Result<UserRow, DbError> {
        self.write(ChangePassword {
            user,
            password_hash,
            replacement,
        })
        .await
    }

    /// Stores another hash of the same password, unless that is no longer the password.
    pub async fn rehash_password(&self, user: &UserRow, password_hash: String) -> Result<(), DbError> {
        self.write(Rehash {
            user_id: user.id.clone(),
            before: user.password_hash.clone(),
            password_hash,
        })
        .await
    }

    /// Deletes an account and everything that belongs to it.
    pub async fn delete_user(&self, user: UserId) -> Result<(), DbError> {
        self.write(Delete { user }).await
    }

    /// Makes an account and begins its first session, if there is to be one at once. [`DbError::EmailTaken`] if the address
    /// belongs to another.
    pub async fn create_user(
        &self,
        user: NewUser,
        session: Option<NewSession>,
        client: Client,
    ) -> Result<UserRow, DbError> {
        self.write(Create { user, session, client }).await
    }

    /// Gives the user another address that nothing proves yet. [`DbError::EmailTaken`] if it belongs to another account.
    pub async fn change_email(&self, user: UserId, email: String, client: Client) -> Result<(), DbError> {
        self.write(ChangeEmail { user, email, client }).await
    }

    /// The account of an address in normal form.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserRow>, DbError> {
        const SQL: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE email = $1");
        on!(self.read(), db => db.optional(sqlx::query(SQL).bind(email)).await)
    }

    /// The account of an id.
    pub async fn user(&self, id: &str) -> Result<Option<UserRow>, DbError> {
        const SQL: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE id = $1");
        on!(self.read(), db => db.optional(sqlx::query(SQL).bind(id)).await)
    }
}
