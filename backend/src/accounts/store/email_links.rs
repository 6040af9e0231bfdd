//! The table `email_links`: links that were requested for an e-mail address. A request writes the same rows whether or not the
//! address has an account.

use std::convert::Infallible;

use chrono::TimeDelta;
use sqlx::FromRow;

use crate::accounts::event::Event;
use crate::accounts::store::audit::{Audited, AuditedChange};
use crate::accounts::store::one_time_tokens::TokenHash;
use crate::accounts::store::pending_sign_ups;
use crate::accounts::store::users::{self, UserRow};
use crate::db::{Abort, Db, DbError, Tx, execute, now, on_database};
use crate::http::client::Client;

/// The operation that a link authorizes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LinkPurpose {
    /// Sets a new password.
    ResetPassword,
    /// Verifies the address.
    VerifyEmail,
}

impl LinkPurpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset_password",
            Self::VerifyEmail => "verify_email",
        }
    }

    fn lifetime(self) -> TimeDelta {
        match self {
            Self::ResetPassword => TimeDelta::hours(1),
            Self::VerifyEmail => pending_sign_ups::LIFETIME,
        }
    }
}

/// A link to store.
pub struct NewEmailLink {
    /// The hash of the token.
    pub hash: TokenHash,
    /// The operation that the link authorizes.
    pub purpose: LinkPurpose,
    /// The address for which the link was requested.
    pub email: String,
    /// Whether the link is sent to the address, so that its use verifies the address.
    pub sent_by_mail: bool,
}

/// What an address belongs to.
pub struct AddressStatus {
    /// The account with the address.
    pub account: Option<UserRow>,
    /// Whether a sign-up with the address waits for its link.
    pub has_pending_sign_up: bool,
}

/// A link that was consumed.
#[derive(FromRow)]
pub(super) struct RedeemedLink {
    pub(super) email: String,
    /// The token version of the account at the time of the request; none if there was no account.
    pub(super) token_version: Option<i64>,
    pub(super) sent_by_mail: bool,
}

/// Consumes a link. None if it does not exist, is for another purpose, or has expired.
pub(super) async fn redeem(
    tx: &mut Tx<'_>,
    hash: &TokenHash,
    purpose: LinkPurpose,
) -> Result<Option<RedeemedLink>, DbError> {
    const SQL: &str = "DELETE FROM email_links WHERE hash = $1 AND purpose = $2 AND expires_at > $3 \
         RETURNING email, token_version, sent_by_mail";
    on_database!(tx, c => c.optional(sqlx::query(SQL)
        .bind(hash.as_slice())
        .bind(purpose.as_str())
        .bind(now())).await)
}

/// Revokes all links of the address.
pub(super) async fn revoke(tx: &mut Tx<'_>, email: &str) -> Result<(), DbError> {
    const SQL: &str = "DELETE FROM email_links WHERE email = $1";
    execute!(tx, sqlx::query(SQL).bind(email))?;
    Ok(())
}

struct Issue {
    link: NewEmailLink,
    event: Option<Event>,
    client: Client,
}

impl Issue {
    /// Stores the link, which replaces the one with the same purpose.
    async fn insert(&self, tx: &mut Tx<'_>, token_version: Option<i64>) -> Result<(), DbError> {
        const REPLACE: &str = "DELETE FROM email_links WHERE email = $1 AND purpose = $2";
        const SQL: &str = "INSERT INTO email_links (hash, email, purpose, token_version, sent_by_mail, expires_at, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let NewEmailLink {
            hash, purpose, email, ..
        } = &self.link;
        execute!(tx, sqlx::query(REPLACE).bind(email).bind(purpose.as_str()))?;
        let now = now();
        execute!(
            tx,
            sqlx::query(SQL)
                .bind(hash.as_slice())
                .bind(email)
                .bind(purpose.as_str())
                .bind(token_version)
                .bind(self.link.sent_by_mail)
                .bind(now + purpose.lifetime())
                .bind(now)
        )?;
        Ok(())
    }
}

impl AuditedChange for Issue {
    type Output = AddressStatus;
    type Refusal = Infallible;

    fn client(&self) -> &Client {
        &self.client
    }

    async fn apply(&self, tx: &mut Tx<'_>) -> Result<Audited<AddressStatus>, Abort<Infallible>> {
        let email = &self.link.email;
        let account = users::by_email(tx, email).await?;
        let has_pending_sign_up = pending_sign_ups::exists(tx, email).await?;
        self.insert(tx, account.as_ref().map(|user| user.token_version)).await?;
        if self.link.purpose == LinkPurpose::VerifyEmail {
            pending_sign_ups::repeat(tx, email, &self.link.hash).await?;
        }
        let user = account.as_ref().map(|user| user.id.clone());
        let status = AddressStatus {
            account,
            has_pending_sign_up,
        };
        Ok(match (self.event, user) {
            (None, _) => Audited::nothing(status),
            (Some(event), Some(user)) => Audited::event(&user, event, status),
            (Some(event), None) => Audited::event_without_account(email, event, status),
        })
    }
}

impl Db {
    /// Stores a link for an address, which replaces the one with the same purpose, and records `event`. A link that verifies the
    /// address also confirms the latest pending sign-up with it.
    pub async fn issue_email_link(
        &self,
        link: NewEmailLink,
        event: Option<Event>,
        client: Client,
    ) -> Result<AddressStatus, DbError> {
        Ok(self.audit(Issue { link, event, client }).await?)
    }

    /// The account that a link authorizes an operation on; the link is not consumed. None if the link is invalid, or the
    /// credentials of the account were changed since it was requested.
    pub async fn email_link_account(&self, hash: &TokenHash, purpose: LinkPurpose) -> Result<Option<UserRow>, DbError> {
        const SQL: &str = concat!(
            "SELECT ",
            users::user_columns!(),
            " FROM users WHERE (email, token_version) = \
             (SELECT email, token_version FROM email_links WHERE hash = $1 AND purpose = $2 AND expires_at > $3)"
        );
        on_database!(self.read(), db => db.optional(sqlx::query(SQL)
            .bind(hash.as_slice())
            .bind(purpose.as_str())
            .bind(now())).await)
    }

    /// The address of a reset link; the link is not consumed. None if the link is invalid.
    pub async fn reset_link_address(&self, hash: &TokenHash) -> Result<Option<String>, DbError> {
        const SQL: &str = "SELECT email FROM email_links WHERE hash = $1 AND purpose = $2 AND expires_at > $3";
        let found: Option<(String,)> = on_database!(self.read(), db => db.optional(sqlx::query(SQL)
            .bind(hash.as_slice())
            .bind(LinkPurpose::ResetPassword.as_str())
            .bind(now())).await)?;
        Ok(found.map(|(email,)| email))
    }
}
