//! The accounts service: the components that operations on accounts share, and the verification of tokens and passwords.

use std::sync::Arc;
use std::time::Duration;

use crate::accounts::access_token::{AccessTokens, Claims};
use crate::accounts::cookies::Cookies;
use crate::accounts::event::Event;
use crate::accounts::external::{self, ExternalIssuer, claims_own_issuer};
use crate::accounts::identity::{Credential, Identity, Membership, OwnSession};
use crate::accounts::mail::Mail;
use crate::accounts::mailer::Mailer;
use crate::accounts::passwords::{Passwords, Verification};
use crate::accounts::rate_limit::{Attempt, Permit, RateLimiter};
use crate::accounts::store::notifications::Notifier;
use crate::accounts::store::proof::Proof;
use crate::accounts::store::session_check::SessionCheck;
use crate::accounts::store::users::UserRow;
use crate::accounts::totp_secret::TotpKeys;
use crate::accounts::write_limit::WriteLimit;
use crate::config::{Config, ConfigError};
use crate::db::Db;
use crate::db::sweep::Sweeper;
use crate::fault::Fault;
use crate::http::client::Client;
use crate::http::problem::Problem;

/// The accounts service. Its persistent state is in the database only.
pub struct Accounts {
    /// The database.
    pub db: Db,
    /// Verifies that sessions are alive.
    pub sessions: SessionCheck,
    /// Signs and verifies access tokens.
    pub tokens: AccessTokens,
    /// Seal the secrets of authenticator apps.
    pub totp_keys: Arc<TotpKeys>,
    /// Sets and reads cookies.
    pub cookies: Cookies,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// None if the server sends no mail.
    pub mailer: Option<Mailer>,
    /// The public URL of the client, without a trailing slash.
    pub public_url: String,
    /// Counts and limits attempts.
    pub rate_limiter: RateLimiter,
    /// Limits the writes of users.
    pub write_limit: WriteLimit,
    /// The external issuer whose tokens are accepted, if any.
    pub external: Option<ExternalIssuer>,
    /// The origins that may use cookies, besides the origin that `Host` names.
    pub cookie_origins: Vec<String>,
}

/// Why the service cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The configuration is invalid. The message says what to do.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A system call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Accounts {
    /// Validates the configuration and returns a constructor that takes the database and its sweeper, so that configuration errors are reported
    /// before connecting. `timeout` is the timeout of the session check.
    pub fn configure(
        config: &Config,
        timeout: Duration,
    ) -> Result<impl FnOnce(Db, Sweeper) -> Self + use<>, AccountsError> {
        let secrets = config.secrets()?;
        let tokens = AccessTokens::new(config, &secrets)?;
        Event::SigningKeyLoaded.log_without_request(&tokens.signing_key());
        let totp_keys = Arc::new(TotpKeys::new(&secrets)?);
        let external = config.external()?;
        let external = external.map(|external| ExternalIssuer::new(external, &secrets));
        let external = external.transpose()?;
        let mailer = config.smtp()?.map(Mailer::new).transpose()?;
        let passwords = Passwords::new(config.argon2_cost()?, config.password_min_length)?;
        let secure = config.is_https();
        let public_url = config.public_url();
        let cookie_origins = config.cookie_origins();
        let rate_limit = config.rate_limit;
        let notifier = mailer.clone().map(|mailer| notifier(mailer, public_url.clone()));
        Ok(move |db: Db, sweeper: Sweeper| {
            if let Some(notifier) = notifier {
                db.attach(notifier);
            }
            Arc::clone(&totp_keys).seal_all(db.clone());
            Self {
                sessions: SessionCheck::start(db.clone(), timeout),
                rate_limiter: RateLimiter::new(db.clone(), sweeper, rate_limit),
                write_limit: WriteLimit::new(rate_limit),
                db,
                tokens,
                totp_keys,
                cookies: Cookies { secure },
                passwords,
                mailer,
                public_url,
                external,
                cookie_origins,
            }
        })
    }

    /// Verifies an access token. [`Problem::Unauthenticated`] if it is invalid or its session has ended.
    pub async fn identify(&self, token: &str, client: &Client) -> Result<Identity, Problem> {
        match self.tokens.verify(token) {
            Some(claims) => self.own_identity(claims).await,
            None => self.external_identity(token, client).await,
        }
    }

    async fn own_identity(&self, claims: Claims) -> Result<Identity, Problem> {
        let live = self.sessions.find(claims.session).await?;
        let live = live
            .filter(|live| live.user_id.as_str() == claims.subject && live.token_version == claims.version)
            .ok_or(Problem::Unauthenticated)?;
        Ok(Identity {
            user: live.user_id,
            revision: live.revision,
            credential: Credential::Session(OwnSession {
                id: claims.session,
                authenticated_at: live.authenticated_at,
                token_version: live.token_version,
            }),
        })
    }

    /// The identity of a token of the external issuer. The account is created on first use.
    async fn external_identity(&self, token: &str, client: &Client) -> Result<Identity, Problem> {
        let issuer = self.external.as_ref().ok_or(Problem::Unauthenticated)?;
        if claims_own_issuer(token) {
            return Err(Problem::Unauthenticated);
        }
        let refuse = |reason: &str| {
            Event::ExternalTokenRefused.log_with_reason(client, None, reason);
            Problem::Unauthenticated
        };
        let token = issuer.verify(token).await.map_err(|rejection| match rejection {
            external::Rejection::Invalid(reason) => refuse(&reason),
            external::Rejection::Unavailable(fault) => fault.into(),
        })?;
        let account = match self.db.external_account(&token.identity).await? {
            None => {
                self.db.create_external_account(token.identity.clone()).await?;
                self.db.external_account(&token.identity).await?
            }
            found => found,
        };
        let account = account.ok_or(Problem::Unauthenticated)?;
        if account.tokens_revoked_at.is_some_and(|at| token.is_revoked_at(at)) {
            return Err(refuse(
                "the token was issued before all tokens of its user were revoked (iat)",
            ));
        }
        Ok(Identity {
            user: account.user_id,
            revision: account.revision,
            credential: Credential::External(token),
        })
    }

    /// Verifies the password of a member. Returns the account, and the proof for changes of it. [`Problem::WrongPassword`] if
    /// the password is wrong; `field` is its member in the request body.
    pub async fn verify_password(
        &self,
        client: &Client,
        member: &Membership,
        password: String,
        field: &'static str,
    ) -> Result<(UserRow, Proof), Problem> {
        let user = self.db.user(&member.user).await?.ok_or(Problem::Unauthenticated)?;
        let session = member.session.id;
        let attempt = Attempt::Password {
            client,
            user_id: &user.id,
            session,
        };
        let permit = self.rate_limiter.attempt(attempt).await?;
        if self.is_password(permit, password, Some(&user)).await? {
            let proof = Proof::of(&user);
            Ok((user, proof))
        } else {
            Event::PasswordRefused.log(client, Some(&user.id));
            Err(Problem::WrongPassword(field))
        }
    }

    /// Whether `password` is the password of `user`. Without a user the result is false, in the same time. A hash with outdated
    /// parameters is replaced.
    pub async fn is_password(&self, permit: Permit, password: String, user: Option<&UserRow>) -> Result<bool, Problem> {
        let stored = user.and_then(|user| user.password_hash.clone());
        let Verification::Valid { new_hash } = self.passwords.verify(permit, password, stored).await? else {
            return Ok(false);
        };
        if let Some((user, new_hash)) = user.zip(new_hash) {
            self.db.rehash_password(user, new_hash).await?;
        }
        Ok(true)
    }
}

/// Sends the mails about committed events.
fn notifier(mailer: Mailer, public_url: String) -> Notifier {
    Notifier::new(move |notice| mailer.enqueue_or_drop(&notice.client, Mail::about(notice, &public_url)))
}
