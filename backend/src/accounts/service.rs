//! The accounts service: what the operations on accounts share, and the verification of tokens and passwords.

use crate::accounts::access_token::{AccessTokens, Claims};
use crate::accounts::cookies::Cookies;
use crate::accounts::external::{self, ExternalIssuer, claims_to_be_ours};
use crate::accounts::identity::{Identity, Membership, OwnSession};
use crate::accounts::mailer::Mailer;
use crate::accounts::passwords::{Comparison, Passwords};
use crate::accounts::rate_limit::{Attempt, Permit, RateLimiter};
use crate::accounts::store::session_check::SessionCheck;
use crate::accounts::store::users::UserRow;
use crate::config::{Config, ConfigError};
use crate::db::Db;
use crate::fault::Fault;
use crate::http::problem::Problem;

/// Accounts, sessions and tokens. It has no state of its own that cannot be made again.
pub struct Accounts {
    /// The database.
    pub db: Db,
    /// Verifies that sessions are alive.
    pub sessions: SessionCheck,
    /// Signs and verifies access tokens.
    pub tokens: AccessTokens,
    /// Sets and reads cookies.
    pub cookies: Cookies,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// None when the server sends no mail.
    pub mailer: Option<Mailer>,
    /// The address that people open, without a slash at the end.
    pub public_url: String,
    /// Counts attempts.
    pub rate_limiter: RateLimiter,
    /// The external issuer whose tokens are accepted, if any.
    pub external: Option<ExternalIssuer>,
    /// The origins whose pages may use our cookies, besides the one that `Host` names.
    pub cookie_origins: Vec<String>,
}

/// Why the service cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The configuration is wrong; the text says what to do.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The operating system fails.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Accounts {
    /// Reads the configuration, and returns what builds the service once there is a database: a wrong configuration is found
    /// before connecting.
    pub fn configure(config: &Config) -> Result<impl FnOnce(Db) -> Self + use<>, AccountsError> {
        let secrets = config.secrets()?;
        let tokens = AccessTokens::new(config, &secrets)?;
        let external = config.external()?;
        let external = external.map(|external| ExternalIssuer::new(external, &secrets));
        let external = external.transpose()?;
        let mailer = config.smtp()?.map(Mailer::new).transpose()?;
        let passwords = Passwords::new(config.argon2_cost(), config.password_min_length)?;
        let timeout = config.database()?.timeout;
        let secure = config.is_https();
        let public_url = config.public_url();
        let cookie_origins = config.cookie_origins();
        let rate_limit = config.rate_limit;
        Ok(move |db: Db| Self {
            sessions: SessionCheck::start(db.clone(), timeout),
            rate_limiter: RateLimiter::new(db.clone(), rate_limit),
            db,
            tokens,
            cookies: Cookies { secure },
            passwords,
            mailer,
            public_url,
            external,
            cookie_origins,
        })
    }

    /// Verifies an access token. [`Problem::Unauthenticated`] if it is not valid, or its session has ended.
    pub async fn identify(&self, token: &str, request_id: &str) -> Result<Identity, Problem> {
        match self.tokens.verify(token) {
            Some(claims) => self.own_identity(claims).await,
            None => self.external_identity(token, request_id).await,
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
            session: Some(OwnSession {
                id: claims.session,
                authenticated_at: live.authenticated_at,
            }),
            subject: None,
        })
    }

    /// The user of a token of the external issuer, if there is one. The account is created on first use.
    async fn external_identity(&self, token: &str, request_id: &str) -> Result<Identity, Problem> {
        let issuer = self.external.as_ref().ok_or(Problem::Unauthenticated)?;
        if claims_to_be_ours(token) {
            return Err(Problem::Unauthenticated);
        }
        let identity = issuer.verify(token).await.map_err(|refusal| match refusal {
            external::Refusal::Invalid(reason) => {
                tracing::info!(request_id, reason, "an external token is refused");
                Problem::Unauthenticated
            }
            external::Refusal::Unavailable(fault) => fault.into(),
        })?;
        let account = match self.db.external_account(&identity).await? {
            None => {
                self.db.create_external_account(identity.clone()).await?;
                self.db.external_account(&identity).await?
            }
            found => found,
        };
        let account = account.ok_or(Problem::Unauthenticated)?;
        Ok(Identity {
            user: account.user_id,
            revision: account.revision,
            session: None,
            subject: Some(identity.subject),
        })
    }

    /// The account of a member who gives the password again. [`Problem::WrongPassword`] if it is another one; `field` is the
    /// member of the request body that it came in.
    pub async fn verify_password(
        &self,
        member: &Membership,
        password: String,
        field: &'static str,
    ) -> Result<UserRow, Problem> {
        let user = self.db.user(&member.user).await?.ok_or(Problem::Unauthenticated)?;
        let session = member.session.id;
        let permit = self.rate_limiter.attempt(Attempt::Password { session }).await?;
        if self.is_password(permit, password, Some(&user)).await? {
            Ok(user)
        } else {
            Err(Problem::WrongPassword(field))
        }
    }

    /// Whether `password` is the password of `user`. Without a user it is not, after the same time. A hash of other
    /// parameters is replaced.
    pub async fn is_password(&self, permit: Permit, password: String, user: Option<&UserRow>) -> Result<bool, Problem> {
        let stored = user.and_then(|user| user.password_hash.clone());
        let Comparison::Right { rehashed } = self.passwords.verify(permit, password, stored).await? else {
            return Ok(false);
        };
        if let Some((user, rehashed)) = user.zip(rehashed) {
            self.db.rehash_password(user, rehashed).await?;
        }
        Ok(true)
    }
}
