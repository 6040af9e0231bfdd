//! Changing and confirming the e-mail address: rows of `users` and `one_time_tokens`.

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

struct ConfirmEmail {
    hash: TokenHash,
    client: Client,
}

impl Transaction for ConfirmEmail {
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
    /// Sets another e-mail address, which is not confirmed.
    pub async fn change_email(&self, user: UserId, email: String, client: Client) -> Result<(), Abort<EmailTaken>> {
        self.transact(ChangeEmail { user, email, client }).await
    }

    /// Uses up a token that confirms the address of the account, or a new one. None if it is not valid.
    pub async fn confirm_email(&self, hash: TokenHash, client: Client) -> Result<Option<UserRow>, Abort<EmailTaken>> {
        self.transact(ConfirmEmail { hash, client }).await
    }
}
