//! Verification of access tokens of an external issuer.

mod key_set;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::accounts::access_token::{ISSUER, LEEWAY};
use crate::accounts::store::identities::ExternalIdentity;
use crate::config::{ConfigError, External, Secrets};
use crate::fault::Fault;
use key_set::KeySet;

/// Maximum length of `iss` and `sub`, in bytes.
const NAME_MAX: usize = 255;
/// How far the clock of the issuer may be ahead.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(LEEWAY as i64);
/// How long a token is valid after `iat`, even if its `exp` is later. A single token cannot be revoked; its
/// user can revoke all.
const MAX_AGE: TimeDelta = TimeDelta::hours(24);
/// The accepted values of `typ`, which is optional. Other values mark JWTs for other purposes.
const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

#[derive(Deserialize)]
struct ExternalClaims {
    sub: String,
    iss: Option<String>,
    sid: Option<IgnoredAny>,
    /// Seconds since 1970, as all times of a JWT, possibly with a fraction.
    iat: Option<f64>,
    auth_time: Option<f64>,
}

#[derive(Deserialize)]
struct UnverifiedClaims {
    iss: String,
}

/// A verified token of the external issuer.
#[derive(Clone, Debug)]
pub struct ExternalToken {
    /// The user.
    pub identity: ExternalIdentity,
    /// The `iat`, in whole seconds.
    pub issued_at: DateTime<Utc>,
    /// When the issuer authenticated the user: `auth_time`, at the latest `iat`, which is the default.
    pub authenticated_at: DateTime<Utc>,
}

impl ExternalToken {
    /// Whether a revocation of all tokens of the user at `time` revokes this one. The clock of the issuer may have been ahead.
    pub fn is_revoked_at(&self, time: DateTime<Utc>) -> bool {
        self.issued_at <= time + CLOCK_SKEW
    }
}

/// Why an external token is rejected.
pub enum Rejection {
    /// The token is invalid. The reason is logged and contains no part of the token.
    Invalid(String),
    /// The token cannot be verified at the moment.
    Unavailable(Fault),
}

impl From<&str> for Rejection {
    fn from(reason: &str) -> Self {
        Self::Invalid(reason.to_owned())
    }
}

impl From<ErrorKind> for Rejection {
    fn from(kind: ErrorKind) -> Self {
        // The text of other errors, such as those of serde, may contain parts of the token.
        let reason = match kind {
            ErrorKind::ExpiredSignature => "the token has expired (exp)",
            ErrorKind::ImmatureSignature => "the token is not valid yet (nbf)",
            ErrorKind::InvalidIssuer => "the issuer (iss) is not EXTERNAL_ISSUER",
            ErrorKind::InvalidAudience => "the audience (aud) is not EXTERNAL_AUDIENCE",
            ErrorKind::InvalidSignature => "the signature is invalid",
            ErrorKind::InvalidAlgorithm => "the algorithm (alg) is not the one of the key",
            ErrorKind::MissingRequiredClaim(claim) => return Self::Invalid(format!("the claim {claim} is missing")),
            _ => "the header or a claim is malformed",
        };
        reason.into()
    }
}

impl From<jsonwebtoken::errors::Error> for Rejection {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        error.into_kind().into()
    }
}

/// Verifies tokens of the external issuer.
pub struct ExternalIssuer {
    name: Option<String>,
    audience: Option<String>,
    keys: Keys,
}

enum Keys {
    /// The signing secrets of Docket, with HS256.
    Shared(Vec<DecodingKey>),
    /// The JWKS of the issuer. Each key has its own algorithm.
    Published(Arc<KeySet>),
}

impl ExternalIssuer {
    /// The configured issuer. `secrets` are the signing secrets of Docket, which verify tokens if there is no JWKS.
    pub fn new(external: External, secrets: &Secrets) -> Result<Self, ConfigError> {
        if external.issuer.as_deref() == Some(ISSUER) {
            return Err(ConfigError(format!(
                "EXTERNAL_ISSUER must not be {ISSUER}, the `iss` of Docket's own tokens."
            )));
        }
        let keys = match external.jwks_url {
            Some(url) => Keys::Published(Arc::new(KeySet::new(url)?)),
            None => {
                let secrets = secrets.all().map(|version| version.secret.expose_secret().as_bytes());
                Keys::Shared(secrets.map(DecodingKey::from_secret).collect())
            }
        };
        Ok(Self {
            name: external.issuer,
            audience: external.audience,
            keys,
        })
    }

    /// Verifies a token, except that its user may have revoked it. [`Rejection::Unavailable`] if its key is not cached and the
    /// JWKS cannot be fetched.
    pub async fn verify(&self, token: &str) -> Result<ExternalToken, Rejection> {
        let header = decode_header(token).map_err(|_| Rejection::from("the token is not a JWT"))?;
        if !is_supported(&header) {
            return Err("the header has a crit, or the typ of another kind of token".into());
        }
        let claims = match &self.keys {
            Keys::Shared(secrets) => self.by_secret(token, secrets)?,
            Keys::Published(keys) => self.by_key(token, &header, keys).await?,
        };
        let issued_at = issued_at(&claims)?;
        let authenticated_at = claims.auth_time.and_then(time);
        Ok(ExternalToken {
            issued_at,
            authenticated_at: authenticated_at.map_or(issued_at, |time| time.min(issued_at)),
            identity: identity(claims)?,
        })
    }

    fn by_secret(&self, token: &str, secrets: &[DecodingKey]) -> Result<ExternalClaims, Rejection> {
        let validation = self.validation(Algorithm::HS256);
        let mut rejection = Rejection::from("the signature is invalid for every secret");
        for secret in secrets {
            match decode::<ExternalClaims>(token, secret, &validation) {
                // A token with a `sid` that is signed with Docket's secret is an own token, which must be verified as such.
                Ok(valid) if valid.claims.sid.is_some() => return Err("the token has a sid".into()),
                Ok(valid) => return Ok(valid.claims),
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {}
                Err(error) => rejection = error.into(),
            }
        }
        Err(rejection)
    }

    async fn by_key(&self, token: &str, header: &Header, keys: &Arc<KeySet>) -> Result<ExternalClaims, Rejection> {
        let id = header.kid.as_ref().ok_or("the header has no kid")?;
        // Tokens of other issuers must not cause requests to the JWKS URL.
        if self.name.is_none() || unverified_issuer(token) != self.name {
            return Err(ErrorKind::InvalidIssuer.into());
        }
        let key = keys.find(id).await.map_err(Rejection::Unavailable)?;
        let key = key.ok_or("the JWKS has no key with this kid")?;
        let valid = decode(token, &key.verifying, &self.validation(key.algorithm))?;
        Ok(valid.claims)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        let mut required = vec!["exp", "sub"];
        if let Some(name) = &self.name {
            validation.set_issuer(&[name]);
            required.push("iss");
        }
        match &self.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            None => validation.validate_aud = false,
        }
        validation.set_required_spec_claims(&required);
        validation
    }
}

/// Whether the header has no critical extension and an accepted `typ`. Keys in the header (`jwk`, `jku`, `x5c`) are ignored.
fn is_supported(header: &Header) -> bool {
    let known = |kind: &String| TYPES.iter().any(|known| kind.eq_ignore_ascii_case(known));
    header.crit.is_none() && header.typ.as_ref().is_none_or(known)
}

/// The `iss` of a token whose signature is not verified.
fn unverified_issuer(token: &str) -> Option<String> {
    let claimed: UnverifiedClaims = insecure_decode_claims(token).ok()?;
    Some(claimed.iss)
}

/// Whether the unverified `iss` is Docket's, as in own tokens that have expired or whose session has ended.
pub fn claims_own_issuer(token: &str) -> bool {
    unverified_issuer(token).as_deref() == Some(ISSUER)
}

/// The `iat`, if it is neither in the future nor too long ago.
fn issued_at(claims: &ExternalClaims) -> Result<DateTime<Utc>, Rejection> {
    let claimed = claims.iat.ok_or("the claim iat is missing")?;
    let issued_at = time(claimed).ok_or(ErrorKind::InvalidToken)?;
    let age = Utc::now() - issued_at;
    if age < -CLOCK_SKEW {
        Err("the token was issued in the future (iat): compare the clocks of this server and the issuer".into())
    } else if age > MAX_AGE {
        Err("the token was issued more than 24 hours ago (iat), which is too long, whatever its exp".into())
    } else {
        Ok(issued_at)
    }
}

/// A time of a JWT in whole seconds; none if it is out of range.
fn time(seconds: f64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds.floor() as i64, 0)
}

/// The identity, if both claims can be stored and the issuer is not Docket.
fn identity(claims: ExternalClaims) -> Result<ExternalIdentity, Rejection> {
    let issuer = claims.iss.unwrap_or_default();
    let subject = claims.sub;
    let is_storable = |name: &str| name.len() <= NAME_MAX && !name.contains('\0');
    if is_storable(&issuer) && is_storable(&subject) && !subject.is_empty() && issuer != ISSUER {
        Ok(ExternalIdentity { issuer, subject })
    } else {
        Err("the sub or the iss is empty, too long or reserved".into())
    }
}
