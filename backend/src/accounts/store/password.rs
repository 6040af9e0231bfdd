//! Changing and resetting the password: rows of `users`, `sessions`, `known_devices` and `one_time_tokens`.

use std::convert::Infallible;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::known_devices::{self, DeviceHash};
use crate::accounts::store::one_time_tokens::{Purpose, TokenHash, redeem};
use crate::accounts::store::proof::{Proof, Stale};
use crate::accounts::store::sessions::{self, Replacement};
use crate::accounts::store::users::{self, UserRow, user_columns};
use crate::db::{Abort, Db, DbError, Tx, now, on_database};
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
    password_hash: String,
    device: DeviceHash,
    client: Client,
}

impl AuditedChange for ResetPassword {
    type Output = Option<UserRow>;
    type Refusal = Infallible;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<Option<UserRow>>, Abort<Infallible>> {
        let Some(redeemed) = redeem(tx, &self.hash, Purpose::ResetPassword).await? else {
            return Ok(Audited::nothing(None));
        };
        let mut user = users::set_password(tx, &redeemed.user_id, &self.password_hash).await?;
        sessions::end_all(tx, &redeemed.user_id, None).await?;
        known_devices::replace_all(tx, &redeemed.user_id, &self.device).await?;
        if let Some(email) = &redeemed.email
            && let Some(verified) = users::verify_email(tx, &redeemed.user_id, email).await?
        {
            user = verified;
        }
        Ok(Audited::event(&redeemed.user_id, Event::PasswordReset, Some(user)))
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

    /// The owner of a token, which is not consumed. None if the token is invalid.
    pub async fn token_owner(&self, hash: &TokenHash, purpose: Purpose) -> Result<Option<UserRow>, DbError> {
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users WHERE id = \
             (SELECT user_id FROM one_time_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3)"
        );
        on_database!(self.read(), db => db.optional(sqlx::query(SQL)
            .bind(hash.as_slice())
            .bind(purpose.as_str())
            .bind(now())).await)
    }

    /// Consumes a token and sets a new password. Revokes all sessions and one-time tokens of the user, and makes `device` the
    /// only known device. A token that was sent by mail also verifies the address. None if the token is invalid.
    pub async fn reset_password(
        &self,
        hash: TokenHash,
        password_hash: String,
        device: DeviceHash,
        client: Client,
    ) -> Result<Option<UserRow>, DbError> {
        let reset = ResetPassword {
            hash,
            password_hash,
            device,
            client,
        };
        Ok(self.audit(reset).await?)
    }
}
