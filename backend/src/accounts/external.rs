//! Tokens that another service signed: which are accepted, and whom they speak of.

mod key_set;

use std::sync::Arc;

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

/// The longest `iss` and `sub`, in bytes.
const NAME_MAX: usize = 255;
/// The `typ` that a token may have, if it has any. Others are of JWTs that are made for something else.
const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

#[derive(Deserialize)]
struct ExternalClaims {
    sub: String,
    iss: Option<String>,
    sid: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

/// Why a token from outside is not accepted.
pub enum Refusal {
    /// It is not valid, for this reason, which has no part of the token. Only the log tells it.
    Invalid(String),
    /// It cannot be verified now.
    Unavailable(Fault),
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::Invalid(reason.to_owned())
    }
}

impl From<ErrorKind> for Refusal {
    fn from(kind: ErrorKind) -> Self {
        // Others, such as those of serde, may quote the token.
        let reason = match kind {
            ErrorKind::ExpiredSignature => "it has expired (exp)",
            ErrorKind::ImmatureSignature => "it is not valid yet (nbf)",
            ErrorKind::InvalidIssuer => "its issuer (iss) is not EXTERNAL_ISSUER",
            ErrorKind::InvalidAudience => "its audience (aud) is not EXTERNAL_AUDIENCE",
            ErrorKind::InvalidSignature => "its key does not verify its signature",
            ErrorKind::InvalidAlgorithm => "its algorithm (alg) is not the one of its key",
            ErrorKind::MissingRequiredClaim(claim) => return Self::Invalid(format!("it has no {claim}")),
            _ => "its header or a claim has the wrong form",
        };
        reason.into()
    }
}

impl From<jsonwebtoken::errors::Error> for Refusal {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        error.into_kind().into()
    }
}

/// A service whose tokens are accepted.
pub struct ExternalIssuer {
    name: Option<String>,
    audience: Option<String>,
    keys: Keys,
}

enum Keys {
    /// Our own secrets, with HS256.
    Shared(Vec<DecodingKey>),
    /// The public keys of the service, each with its own algorithm.
    Published(Arc<KeySet>),
}

impl ExternalIssuer {
    /// The service that is configured. `secrets` are ours.
    pub fn new(external: External, secrets: &Secrets) -> Result<Self, ConfigError> {
        if external.issuer.as_deref() == Some(ISSUER) {
            return Err(ConfigError(format!(
                "EXTERNAL_ISSUER cannot be {ISSUER}: that is the `iss` of Docket's own tokens."
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

    /// The subject of the token. [`Refusal::Unavailable`] if it cannot be verified because its key is not known and the
    /// service does not answer.
    pub async fn verify(&self, token: &str) -> Result<ExternalIdentity, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::from("it is no JWT"))?;
        if !is_plain(&header) {
            return Err("its header has a crit, or a typ of another kind of token".into());
        }
        let claims = match &self.keys {
            Keys::Shared(secrets) => self.by_secret(token, secrets)?,
            Keys::Published(keys) => self.by_key(token, &header, keys).await?,
        };
        identity(claims)
    }

    fn by_secret(&self, token: &str, secrets: &[DecodingKey]) -> Result<ExternalClaims, Refusal> {
        let validation = self.validation(Algorithm::HS256);
        let mut refusal = Refusal::from("no secret verifies its signature");
        for secret in secrets {
            match decode::<ExternalClaims>(token, secret, &validation) {
                // With our secret, what names a session has to be our own token and to pass as such.
                Ok(valid) if valid.claims.sid.is_some() => return Err("it has a sid".into()),
                Ok(valid) => return Ok(valid.claims),
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {}
                Err(error) => refusal = error.into(),
            }
        }
        Err(refusal)
    }

    async fn by_key(&self, token: &str, header: &Header, keys: &Arc<KeySet>) -> Result<ExternalClaims, Refusal> {
        let id = header.kid.as_ref().ok_or("its header has no kid")?;
        // The tokens of others are no reason to ask the service for a key.
        if self.name.is_none() || claimed_issuer(token) != self.name {
            return Err(ErrorKind::InvalidIssuer.into());
        }
        let key = keys.find(id).await.map_err(Refusal::Unavailable)?;
        let key = key.ok_or("the service publishes no key of its kid")?;
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

/// Whether the header asks for nothing that we do not know. A key that it brings along or points to is not even read.
fn is_plain(header: &Header) -> bool {
    let known = |kind: &String| TYPES.iter().any(|known| kind.eq_ignore_ascii_case(known));
    header.crit.is_none() && header.typ.as_ref().is_none_or(known)
}

/// The `iss` of a token, which nothing proves.
fn claimed_issuer(token: &str) -> Option<String> {
    let claimed: Claimed = insecure_decode_claims(token).ok()?;
    Some(claimed.iss)
}

/// Whether the token says that it is one of ours. Those come by when they have expired or their session has ended.
pub fn claims_to_be_ours(token: &str) -> bool {
    claimed_issuer(token).as_deref() == Some(ISSUER)
}

/// The two names, if they can be stored and are not those of our own tokens.
fn identity(claims: ExternalClaims) -> Result<ExternalIdentity, Refusal> {
    let issuer = claims.iss.unwrap_or_default();
    let subject = claims.sub;
    let fits = |name: &str| name.len() <= NAME_MAX && !name.contains('\0');
    if fits(&issuer) && fits(&subject) && !subject.is_empty() && issuer != ISSUER {
        Ok(ExternalIdentity { issuer, subject })
    } else {
        Err("its sub or its iss cannot be a name".into())
    }
}
