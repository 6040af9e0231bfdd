//! The table `users`.

use chrono::{DateTime, Utc};
use shared::account::User;
use sqlx::FromRow;
use uuid::Uuid;

use super::sessions::{self, NewSession};
use super::{Db, DbError, Tx, Write, now, on};

/// An account as it is stored, without what only the database needs.
#[derive(Clone, Debug, FromRow)]
pub struct UserRow {
    id: String,
    name: String,
    email: Option<String>,
    email_verified: bool,
    image: Option<String>,
    /// PHC string; none for an account that came with an outside token.
    pub password_hash: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

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
        }
    }
}

struct Create {
    name: String,
    email: String,
    password_hash: String,
    session: NewSession,
}

impl Write for Create {
    type Out = UserRow;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<UserRow, DbError> {
        const SQL: &str = "INSERT INTO users (id, name, email, password_hash, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (email) DO NOTHING RETURNING *";
        let created: Option<UserRow> = on!(tx, c => sqlx::query_as(SQL)
            .bind(Uuid::now_v7().to_string())
            .bind(&self.name)
            .bind(&self.email)
            .bind(&self.password_hash)
            .bind(now())
            .fetch_optional(&mut **c)
            .await)?;
        let user = created.ok_or(DbError::EmailTaken)?;
        sessions::insert(tx, &user.id, &self.session).await?;
        Ok(user)
    }
}

struct Admit {
    id: String,
}

impl Write for Admit {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const SQL: &str = "INSERT INTO users (id, name, created_at, updated_at) VALUES ($1, '', $2, $2) \
             ON CONFLICT (id) DO NOTHING";
        on!(tx, c => sqlx::query(SQL).bind(&self.id).bind(now()).execute(&mut **c).await.map(drop))?;
        Ok(())
    }
}

impl Db {
    /// Makes an account and begins its first session. `email` is in normal form. [`DbError::EmailTaken`] if it belongs to another.
    pub async fn create_user(
        &self,
        name: String,
        email: String,
        password_hash: String,
        session: NewSession,
    ) -> Result<UserRow, DbError> {
        self.write(Create {
            name,
            email,
            password_hash,
            session,
        })
        .await
    }

    /// Makes sure that there is an account for the subject of a trusted outside token.
    pub async fn admit_user(&self, id: String) -> Result<(), DbError> {
        self.write(Admit { id }).await
    }

    /// The account of an address in normal form.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserRow>, DbError> {
        const SQL: &str = "SELECT * FROM users WHERE email = $1";
        Ok(on!(self.read(), pool => sqlx::query_as(SQL).bind(email).fetch_optional(pool).await)?)
    }

    /// The account of an id.
    pub async fn user(&self, id: &str) -> Result<Option<UserRow>, DbError> {
        const SQL: &str = "SELECT * FROM users WHERE id = $1";
        Ok(on!(self.read(), pool => sqlx::query_as(SQL).bind(id).fetch_optional(pool).await)?)
    }

    /// The revision of an account: bumped by every write of one of its tasks.
    pub async fn user_revision(&self, id: &str) -> Result<Option<i64>, DbError> {
        const SQL: &str = "SELECT revision FROM users WHERE id = $1";
        Ok(on!(self.read(), pool => sqlx::query_scalar(SQL).bind(id).fetch_optional(pool).await)?)
    }
}
