//! Changing and verifying the e-mail address: rows of `users` and `one_time_tokens`.

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::notifications;
use crate::accounts::store::one_time_tokens::{Purpose, Redeemed, TokenHash, redeem};
use crate::accounts::store::users::{self, EmailTaken, UserRow};
use crate::accounts::user_id::UserId;
use crate::db::{Abort, Db, Tx};
use crate::http::client::Client;

struct ChangeEmail {
    user: UserId,
    email: String,
    client: Client,
}

impl AuditedChange for ChangeEmail {
    type Output = ();
    type Refusal = EmailTaken;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<EmailTaken>> {
        let before = notifications::recipient(tx, &self.user).await?;
        users::set_email(tx, &self.user, &self.email, false).await?;
        Ok(Audited::event(&self.user, Event::EmailChanged, ()).mailed_to(before))
    }
}

struct VerifyEmail {
    hash: TokenHash,
    client: Client,
}

impl AuditedChange for VerifyEmail {
    type Output = Option<UserRow>;
    type Refusal = EmailTaken;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<Option<UserRow>>, Abort<EmailTaken>> {
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
            return Ok(Audited::nothing(None));
        };
        let before = notifications::recipient(tx, &user_id).await?;
        let (user, event) = if purpose == Purpose::VerifyEmail {
            (users::verify_email(tx, &user_id, &email).await?, Event::EmailVerified)
        } else {
            (
                Some(users::set_email(tx, &user_id, &email, true).await?),
                Event::EmailChanged,
            )
        };
        Ok(match user {
            Some(user) => Audited::event(&user_id, event, Some(user)).mailed_to(before),
            None => Audited::nothing(None),
        })
    }
}

impl Db {
    /// Sets a new, unverified e-mail address.
    pub async fn change_email(&self, user: UserId, email: String, client: Client) -> Result<(), Abort<EmailTaken>> {
        self.audit(ChangeEmail { user, email, client }).await
    }

    /// Consumes a token that verifies the current or a new address of the account. None if the token is invalid.
    pub async fn verify_email(&self, hash: TokenHash, client: Client) -> Result<Option<UserRow>, Abort<EmailTaken>> {
        self.audit(VerifyEmail { hash, client }).await
    }
}
