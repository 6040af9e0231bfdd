//! Changing, restoring and verifying the e-mail address.

use chrono::TimeDelta;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{self, Audited, AuditedChange};
use crate::accounts::store::email_links::{self, LinkPurpose};
use crate::accounts::store::known_devices::{self, DeviceHash};
use crate::accounts::store::notifications;
use crate::accounts::store::one_time_tokens::{self, Purpose, TokenHash, redeem};
use crate::accounts::store::proof::{Proof, Stale};
use crate::accounts::store::users::{self, EmailTaken, UserRow};
use crate::accounts::store::{sessions, two_factor};
use crate::db::{Abort, Db, DbError, Tx, now, on_database};
use crate::http::client::Client;

/// How long before a change of the address two-factor authentication must have been enabled to survive that the change is undone.
const BEFORE_CHANGE: TimeDelta = TimeDelta::days(1);

/// Why the address is not changed.
#[derive(Debug)]
pub enum ChangeEmailRefusal {
    /// As [`EmailTaken`].
    EmailTaken,
    /// As [`Stale`].
    Stale,
}

impl From<EmailTaken> for ChangeEmailRefusal {
    fn from(_: EmailTaken) -> Self {
        Self::EmailTaken
    }
}

impl From<Stale> for ChangeEmailRefusal {
    fn from(_: Stale) -> Self {
        Self::Stale
    }
}

struct ChangeEmail {
    proof: Proof,
    email: String,
    client: Client,
}

impl AuditedChange for ChangeEmail {
    type Output = ();
    type Refusal = ChangeEmailRefusal;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<()>, Abort<ChangeEmailRefusal>> {
        let user = self.proof.lock(tx).await?;
        let row = users::by_id(tx, user).await?;
        let row = row.ok_or(Abort::Refused(ChangeEmailRefusal::Stale))?;
        users::set_email::<ChangeEmailRefusal>(tx, &row, &self.email, false).await?;
        Ok(Audited::event(user, Event::EmailChanged, ()))
    }
}

struct ConfirmEmailChange {
    hash: TokenHash,
    undo: TokenHash,
    undo_link: String,
    client: Client,
}

impl AuditedChange for ConfirmEmailChange {
    type Output = Option<UserRow>;
    type Refusal = EmailTaken;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<Option<UserRow>>, Abort<EmailTaken>> {
        let Some(redeemed) = redeem(tx, &self.hash, Purpose::ChangeEmail).await? else {
            return Ok(Audited::nothing(None));
        };
        let user_id = &redeemed.user_id;
        let Some(before) = users::by_id(tx, user_id).await? else {
            return Ok(Audited::nothing(None));
        };
        let mut recipient = notifications::recipient(tx, user_id).await?;
        let user = users::set_email(tx, &before, &redeemed.email, true).await?;
        // Nothing proves that an address that was never verified belongs to the user.
        if let Some(email) = before.email.filter(|_| before.email_verified) {
            one_time_tokens::insert(tx, user_id, Purpose::UndoEmailChange, &self.undo, &email, None).await?;
            recipient = recipient.map(|recipient| recipient.with_undo_link(&self.undo_link));
        }
        Ok(Audited::event(user_id, Event::EmailChanged, Some(user)).mailed_to(recipient))
    }
}

struct UndoEmailChange {
    hash: TokenHash,
    password_hash: String,
    device: DeviceHash,
    client: Client,
}

impl AuditedChange for UndoEmailChange {
    type Output = Option<UserRow>;
    type Refusal = EmailTaken;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<Option<UserRow>>, Abort<EmailTaken>> {
        let Some(redeemed) = redeem(tx, &self.hash, Purpose::UndoEmailChange).await? else {
            return Ok(Audited::nothing(None));
        };
        let user_id = &redeemed.user_id;
        let Some(before) = users::by_id(tx, user_id).await? else {
            return Ok(Audited::nothing(None));
        };
        // Whoever changed the address may also have enabled two-factor authentication, to keep the account, or replaced the
        // recovery codes.
        let since = redeemed.created_at - BEFORE_CHANGE;
        if audit::has_happened_since(tx, user_id, Event::TwoFactorEnabled, since).await? {
            two_factor::clear(tx, user_id).await?;
        } else if audit::has_happened_since(tx, user_id, Event::RecoveryCodesReplaced, since).await? {
            two_factor::delete_recovery_codes(tx, user_id).await?;
        }
        notifications::enable_all(tx, user_id).await?;
        users::set_email(tx, &before, &redeemed.email, true).await?;
        let user = users::set_password(tx, user_id, &self.password_hash).await?;
        one_time_tokens::revoke_later_undo(tx, &redeemed).await?;
        sessions::end_all(tx, user_id, None).await?;
        known_devices::replace_all(tx, user_id, &self.device).await?;
        Ok(Audited::event(user_id, Event::EmailChangeUndone, Some(user)))
    }
}

struct VerifyEmail {
    proof: Proof,
    hash: TokenHash,
    client: Client,
}

impl AuditedChange for VerifyEmail {
    type Output = Option<UserRow>;
    type Refusal = Stale;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<Option<UserRow>>, Abort<Stale>> {
        let user_id = self.proof.lock(tx).await?;
        let Some(link) = email_links::redeem(tx, &self.hash, LinkPurpose::VerifyEmail).await? else {
            return Ok(Audited::nothing(None));
        };
        let verified = users::verify_email(tx, user_id, &link.email).await?;
        email_links::revoke(tx, &link.email).await?;
        Ok(match verified {
            Some(user) => Audited::event(user_id, Event::EmailVerified, Some(user)),
            None => Audited::nothing(None),
        })
    }
}

impl Db {
    /// Sets a new, unverified e-mail address.
    pub async fn change_email(
        &self,
        proof: Proof,
        email: String,
        client: Client,
    ) -> Result<(), Abort<ChangeEmailRefusal>> {
        self.audit(ChangeEmail { proof, email, client }).await
    }

    /// Consumes the token of a new address and sets it. If the previous address was verified, the mail to it has `undo_link`, whose
    /// token has the hash `undo`. None if the token is invalid.
    pub async fn confirm_email_change(
        &self,
        hash: TokenHash,
        undo: TokenHash,
        undo_link: String,
        client: Client,
    ) -> Result<Option<UserRow>, Abort<EmailTaken>> {
        let confirm = ConfirmEmailChange {
            hash,
            undo,
            undo_link,
            client,
        };
        self.audit(confirm).await
    }

    /// The name of the user and the address that a token restores; the token is not consumed. None if the token is invalid.
    pub async fn undo_token_owner(&self, hash: &TokenHash) -> Result<Option<(String, String)>, DbError> {
        const SQL: &str = "SELECT users.name, one_time_tokens.email FROM one_time_tokens \
             JOIN users ON users.id = one_time_tokens.user_id \
             WHERE hash = $1 AND purpose = 'undo_email_change' AND expires_at > $2";
        on_database!(self.read(), db => db.optional(sqlx::query(SQL).bind(hash.as_slice()).bind(now())).await)
    }

    /// Consumes a token that undoes a change of the address: restores the address, sets a new password, revokes all sessions and
    /// tokens of the user, disables two-factor authentication if it was enabled since the day before the change, enables all
    /// notifications, and makes `device` the only known device. None if the token is invalid.
    pub async fn undo_email_change(
        &self,
        hash: TokenHash,
        password_hash: String,
        device: DeviceHash,
        client: Client,
    ) -> Result<Option<UserRow>, Abort<EmailTaken>> {
        let undo = UndoEmailChange {
            hash,
            password_hash,
            device,
            client,
        };
        self.audit(undo).await
    }

    /// Consumes a link that verifies the address of an account, whose password has been verified. None if the link is invalid.
    pub async fn verify_email(
        &self,
        proof: Proof,
        hash: TokenHash,
        client: Client,
    ) -> Result<Option<UserRow>, Abort<Stale>> {
        self.audit(VerifyEmail { proof, hash, client }).await
    }
}
