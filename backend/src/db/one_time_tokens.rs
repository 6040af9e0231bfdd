//! The table `one_time_tokens`: what may be done once by whoever has the token. Every statement that looks for one names the
//! purpose, so a token is good for nothing else. Here are those of links; a sign-in that wants a code is in `two_factor`.

use chrono::TimeDelta;
use sqlx::FromRow;

use super::audit::{self, Event};
use super::known_devices::{self, DeviceHash};
use super::users::{self, UserRow, user_columns};
use super::{Db, DbError, Tx, Write, execute, now, on, sessions};
use crate::client::Client;

/// SHA-256 of a token: all that is stored of it.
pub type TokenHash = [u8; 32];

/// The only thing a token is good for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// To set a new password without the old one.
    ResetPassword,
    /// To prove the address of the account.
    VerifyEmail,
    /// To prove a new address, which then becomes the account's.
    ChangeEmail,
}

impl Purpose {
    fn word(self) -> &'static str {
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

/// A token that is to be stored.
pub struct NewToken {
    /// Of the token.
    pub hash: TokenHash,
    /// What it is good for.
    pub purpose: Purpose,
    /// The address it is sent to; none when it is handed over in another way, which proves no address.
    pub email: Option<String>,
}

#[derive(FromRow)]
struct Redeemed {
    user_id: String,
    email: Option<String>,
}

/// Uses a token up, as a part of the change that it is for. None if there is no such token, or not for this purpose, or not
/// any more.
async fn redeem(tx: &mut Tx<'_>, hash: &TokenHash, purpose: Purpose) -> Result<Option<Redeemed>, DbError> {
    const SQL: &str = "DELETE FROM one_time_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3 \
         RETURNING user_id, email";
    on!(tx, c => c.optional(sqlx::query(SQL)
        .bind(hash.as_slice())
        .bind(purpose.word())
        .bind(now())).await)
}

/// Takes the worth from every token of a user, as a part of a larger change.
pub(super) async fn forget_all(tx: &mut Tx<'_>, user_id: &str) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM one_time_tokens WHERE user_id = $1";
    execute!(tx, sqlx::query(SQL).bind(user_id))?;
    Ok(())
}

/// Stores a token of a user in place of the last one of that purpose, as a part of a larger change.
async fn insert(tx: &mut Tx<'_>, user_id: &str, token: &NewToken) -> Result<(), DbError> {
    const REPLACE: &str = "DELETE FROM one_time_tokens WHERE user_id = $1 AND purpose = $2";
    const SQL: &str = "INSERT INTO one_time_tokens (hash, user_id, purpose, email, expires_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)";
    let purpose = token.purpose.word();
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
    user_id: String,
    token: NewToken,
    event: Option<Event>,
    client: Client,
}

impl Write for Issue {
    type Out = ();

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        insert(tx, &self.user_id, &self.token).await?;
        match self.event {
            Some(event) => audit::record(tx, &self.user_id, event, &self.client).await,
            None => Ok(()),
        }
    }
}

struct ResetPassword {
    hash: TokenHash,
    password_hash: String,
    device: DeviceHash,
    client: Client,
}

impl Write for ResetPassword {
    type Out = Option<UserRow>;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<UserRow>, DbError> {
        let Some(redeemed) = redeem(tx, &self.hash, Purpose::ResetPassword).await? else {
            return Ok(None);
        };
        let mut user = users::set_password(tx, &redeemed.user_id, &self.password_hash).await?;
        sessions::end_all(tx, &redeemed.user_id, None).await?;
        known_devices::replace_all(tx, &redeemed.user_id, &self.device).await?;
        if let Some(email) = &redeemed.email
            && let Some(verified) = users::verify_email(tx, &redeemed.user_id, email).await?
        {
            user = verified;
        }
        audit::record(tx, &redeemed.user_id, Event::PasswordReset, &self.client).await?;
        Ok(Some(user))
    }
}

struct ConfirmEmail {
    hash: TokenHash,
    client: Client,
}

impl Write for ConfirmEmail {
    type Out = Option<UserRow>;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<UserRow>, DbError> {
        let (redeemed, purpose) = match redeem(tx, &self.hash, Purpose::VerifyEmail).await? {
            Some(redeemed) => (Some(redeemed), Purpose::VerifyEmail),
            None => (
                redeem(tx, &self.hash, Purpose::ChangeEmail).await?,
                Purpose::ChangeEmail,
            ),
        };
        let Some(Redeemed {
            user_id,
            email: Some(email),
        }) = redeemed
        else {
            return Ok(None);
        };
        let (user, event) = if purpose == Purpose::VerifyEmail {
            (users::verify_email(tx, &user_id, &email).await?, Event::EmailVerified)
        } else {
            (
                Some(users::set_email(tx, &user_id, &email, true).await?),
                Event::EmailChanged,
            )
        };
        if user.is_some() {
            audit::record(tx, &user_id, event, &self.client).await?;
        }
        Ok(user)
    }
}

impl Db {
    /// Stores a token of a user in place of the last one of that purpose, and the event that it was asked for.
    pub async fn issue_token(
        &self,
        user_id: String,
        token: NewToken,
        event: Option<Event>,
        client: Client,
    ) -> Result<(), DbError> {
        self.write(Issue {
            user_id,
            token,
            event,
            client,
        })
        .await
    }

    /// Whose token it is, without using it up. None if it is worth nothing.
    pub async fn token_owner(&self, hash: &TokenHash, purpose: Purpose) -> Result<Option<UserRow>, DbError> {
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users WHERE id = \
             (SELECT user_id FROM one_time_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3)"
        );
        on!(self.read(), db => db.optional(sqlx::query(SQL)
            .bind(hash.as_slice())
            .bind(purpose.word())
            .bind(now())).await)
    }

    /// Uses up a token for a new password. Every session and every other token of the user ends with it, and `device` becomes
    /// the only known one; a token that was sent by mail also proves that address. None if the token is not valid.
    pub async fn reset_password(
        &self,
        hash: TokenHash,
        password_hash: String,
        device: DeviceHash,
        client: Client,
    ) -> Result<Option<UserRow>, DbError> {
        self.write(ResetPassword {
            hash,
            password_hash,
            device,
            client,
        })
        .await
    }

    /// Uses up a token that proves the address of the account, or a new one. None if it is worth nothing;
    /// [`DbError::EmailTaken`] if the new address has become another account's.
    pub async fn confirm_email(&self, hash: TokenHash, client: Client) -> Result<Option<UserRow>, DbError> {
        self.write(ConfirmEmail { hash, client }).await
    }
}
