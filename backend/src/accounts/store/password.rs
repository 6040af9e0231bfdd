//! Changing and resetting the password.

use std::convert::Infallible;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::email_links::{self, LinkPurpose, RedeemedLink};
use crate::accounts::store::known_devices::{self, DeviceHash};
use crate::accounts::store::one_time_tokens::TokenHash;
use crate::accounts::store::proof::{Proof, Stale};
use crate::accounts::store::sessions::{self, Replacement};
use crate::accounts::store::users::{self, EmailTaken, UserRow};
use crate::accounts::store::{pending_sign_ups, two_factor};
use crate::db::{Abort, Db, DbError, Tx};
use crate::http::client::Client;

struct ChangePassword {
    proof: Proof,
    password_hash: String,
    replacement: Replacement,
}

impl AuditedChange for ChangePassword {
    type Output = UserRow;
    type Refusal = Stale;

    fn client(&self) -> &Client {
        &self.replacement.session.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<UserRow>, Abort<Stale>> {
        let user_id = self.proof.lock(tx).await?;
        let row = users::set_password(tx, user_id, &self.password_hash).await?;
        if !sessions::replace_all(tx, user_id, &self.replacement).await? {
            return Err(Abort::Refused(Stale));
        }
        Ok(Audited::event(user_id, Event::PasswordChanged, row))
    }
}

struct ResetPassword {
    hash: TokenHash,
    purpose: LinkPurpose,
    password_hash: String,
    device: DeviceHash,
    client: Client,
}

impl ResetPassword {
    /// Sets the new password of an account, if its credentials are those of the time at which the link was requested.
    async fn reset(&self, tx: &mut Tx<'_>, user: UserRow, link: &RedeemedLink) -> Result<Option<UserRow>, DbError> {
        if link.token_version != Some(user.token_version) || !users::lock(tx, &user).await? {
            return Ok(None);
        }
        if link.sent_by_mail {
            // Somebody else may have created the account and enabled two-factor authentication with their own app.
            if !user.email_verified {
                two_factor::clear(tx, &user.id).await?;
            }
            users::verify_email(tx, &user.id, &link.email).await?;
        }
        let user = users::set_password(tx, &user.id, &self.password_hash).await?;
        sessions::end_all(tx, &user.id, None).await?;
        known_devices::replace_all(tx, &user.id, &self.device).await?;
        Ok(Some(user))
    }

    /// Creates the account of the latest pending sign-up with the address, with the new password.
    async fn confirm_sign_up(&self, tx: &mut Tx<'_>, link: &RedeemedLink) -> Result<Option<UserRow>, DbError> {
        let Some(mut sign_up) = pending_sign_ups::latest(tx, &link.email).await? else {
            return Ok(None);
        };
        sign_up.password_hash.clone_from(&self.password_hash);
        match pending_sign_ups::create(tx, &sign_up).await {
            Ok(user) => Ok(Some(user)),
            Err(Abort::Refused(EmailTaken)) => Ok(None),
            Err(Abort::Failed(error)) => Err(error),
        }
    }
}

impl AuditedChange for ResetPassword {
    type Output = Option<UserRow>;
    type Refusal = Infallible;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<Option<UserRow>>, Abort<Infallible>> {
        let Some(link) = email_links::redeem(tx, &self.hash, self.purpose).await? else {
            return Ok(Audited::nothing(None));
        };
        let (user, event) = match users::by_email(tx, &link.email).await? {
            Some(user) => (self.reset(tx, user, &link).await?, Event::PasswordReset),
            None => (self.confirm_sign_up(tx, &link).await?, Event::SignedUp),
        };
        Ok(match user {
            Some(user) => Audited::event(&user.id.clone(), event, Some(user)),
            None => Audited::nothing(None),
        })
    }
}

impl Db {
    /// Sets a new password after the current one was verified, and replaces all sessions by a new one. Returns the updated row.
    /// [`Stale`] also if the session of the request has ended.
    pub async fn change_password(
        &self,
        proof: Proof,
        password_hash: String,
        replacement: Replacement,
    ) -> Result<UserRow, Abort<Stale>> {
        self.audit(ChangePassword {
            proof,
            password_hash,
            replacement,
        })
        .await
    }

    /// Consumes a link and sets a new password. Revokes all sessions, tokens and links of the user, and makes `device` the only
    /// known device. A link that was sent by mail also verifies the address; if it had never been verified, two-factor
    /// authentication is disabled. For an address without an account, confirms the latest pending sign-up. None if the link is
    /// invalid.
    pub async fn reset_password(
        &self,
        hash: TokenHash,
        purpose: LinkPurpose,
        password_hash: String,
        device: DeviceHash,
        client: Client,
    ) -> Result<Option<UserRow>, DbError> {
        let reset = ResetPassword {
            hash,
            purpose,
            password_hash,
            device,
            client,
        };
        Ok(self.audit(reset).await?)
    }
}
