//! Changing and verifying the e-mail address: rows of `users` and `one_time_tokens`.

use crate::accounts::store::audit::{self, Event};
use crate::accounts::store::one_time_tokens::{Purpose, Redeemed, TokenHash, redeem};
use crate::accounts::store::users::{self, EmailTaken, UserRow};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, Transaction, Tx};
use crate::http::client::Client;

struct ChangeEmail {
    user: UserId,
    email: String,
    client: Client,
}

impl Transaction for ChangeEmail {
    type Output = ();
    type Refusal = EmailTaken;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<(), Abort<EmailTaken>> {
        users::set_email(tx, &self.user, &self.email, false).await?;
        Ok(audit::record(tx, &self.user, Event::EmailChanged, &self.client).await?)
    }
}

struct VerifyEmail {
    hash: TokenHash,
    client: Client,
}

impl Transaction for VerifyEmail {
    type Output = Option<UserRow>;
    type Refusal = EmailTaken;

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Option<UserRow>, Abort<EmailTaken>> {
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
    /// Sets a new, unverified e-mail address.
    pub async fn change_email(&self, user: UserId, email: String, client: Client) -> Result<(), Abort<EmailTaken>> {
        self.transact(ChangeEmail { user, email, client }).await
    }

    /// Consumes a token that verifies the current or a new address of the account. None if the token is invalid.
    pub async fn verify_email(&self, hash: TokenHash, client: Client) -> Result<Option<UserRow>, Abort<EmailTaken>> {
        self.transact(VerifyEmail { hash, client }).await
    }
}
