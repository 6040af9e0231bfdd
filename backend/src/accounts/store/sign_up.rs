//! Creating an account: rows of `users`, `sessions` and `audit_events`.

use shared::account::User;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::sessions::{self, NewSession};
use crate::accounts::store::users::{EmailTaken, UserRow, user_columns};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, Tx, now, on_database};
use crate::http::client::Client;

/// An account to create.
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
    session: Option<NewSession>,
    client: Client,
}

impl AuditedChange for SignUp {
    type Output = UserRow;
    type Refusal = EmailTaken;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<UserRow>, Abort<EmailTaken>> {
        const SQL: &str = concat!(
            "INSERT INTO users (id, name, email, password_hash, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (email) DO NOTHING RETURNING ",
            user_columns!()
        );
        let created: Option<UserRow> = on_database!(tx, c => c.optional(sqlx::query(SQL)
            .bind(&self.user.id)
            .bind(&self.user.name)
            .bind(&self.user.email)
            .bind(&self.user.password_hash)
            .bind(now())).await)?;
        let user = created.ok_or(Abort::Refused(EmailTaken))?;
        if let Some(session) = &self.session {
            sessions::insert(tx, &user.id, session).await?;
        }
        Ok(Audited::event(&user.id.clone(), Event::SignedUp, user))
    }
}

impl Db {
    /// Creates an account and, if given, its first session.
    pub async fn create_user(
        &self,
        user: NewUser,
        session: Option<NewSession>,
        client: Client,
    ) -> Result<UserRow, Abort<EmailTaken>> {
        self.audit(SignUp { user, session, client }).await
    }
}
