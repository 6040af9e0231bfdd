//! Creating an account: rows of `users`, `sessions` and `audit_events`.

use shared::account::User;
use sqlx::FromRow;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::sessions::{self, NewSession};
use crate::accounts::store::users::{EmailTaken, UserRow, user_columns};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, Tx, now, on_database};
use crate::http::client::Client;

/// An account to create.
#[derive(FromRow)]
pub struct NewUser {
    /// A UUIDv7.
    pub id: UserId,
    /// Display name.
    pub name: String,
    /// Normalised.
    pub email: String,
    /// PHC string.
    pub password_hash: String,
}

impl From<&NewUser> for User {
    fn from(new: &NewUser) -> Self {
        let now = now();
        Self {
            id: new.id.as_str().to_owned(),
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

struct SignUp {
    user: NewUser,
    session: NewSession,
    client: Client,
}

impl AuditedChange for SignUp {
    type Output = UserRow;
    type Refusal = EmailTaken;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<UserRow>, Abort<EmailTaken>> {
        let user = insert(tx, &self.user, false).await?;
        sessions::insert(tx, &user.id, &self.session).await?;
        Ok(Audited::event(&user.id.clone(), Event::SignedUp, user))
    }
}

/// Creates the account.
pub(super) async fn insert(
    tx: &mut Tx<'_>,
    user: &NewUser,
    email_verified: bool,
) -> Result<UserRow, Abort<EmailTaken>> {
    const SQL: &str = concat!(
        "INSERT INTO users (id, name, email, email_verified, password_hash, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (email) DO NOTHING RETURNING ",
        user_columns!()
    );
    let created: Option<UserRow> = on_database!(tx, c => c.optional(sqlx::query(SQL)
        .bind(&user.id)
        .bind(&user.name)
        .bind(&user.email)
        .bind(email_verified)
        .bind(&user.password_hash)
        .bind(now())).await)?;
    created.ok_or(Abort::Refused(EmailTaken))
}

impl Db {
    /// Creates an account and its first session.
    pub async fn create_user(
        &self,
        user: NewUser,
        session: NewSession,
        client: Client,
    ) -> Result<UserRow, Abort<EmailTaken>> {
        self.audit(SignUp { user, session, client }).await
    }
}
