//! Tokens that another service signed: which are accepted, and whom they speak of.

mod key_set;

use std::sync::Arc;

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::auth::token::{ISSUER, LEEWAY};
use crate::config::{ConfigError, External, Secrets};
use crate::problem::Problem;
use key_set::KeySet;

/// The longest `iss` and `sub`, in bytes.
const NAME_MAX: usize = 255;
/// The `typ` that a token may have, if it has any. Others are of JWTs that are made for something else.
const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

/// Whom a token from outside speaks of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outsider {
    /// Its `iss`; empty if it has none.
    pub issuer: String,
    /// Its `sub`.
    pub subject: String,
}

#[derive(Deserialize)]
struct OutsideClaims {
    sub: String,
    iss: Option<String>,
    sid: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

/// A service whose tokens are accepted.
pub struct Issuer {
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

impl Issuer {
    /// The service that is configured. `secrets` are ours.
    pub fn new(external: External, secrets: &Secrets) -> Result<Self, ConfigError> {
        let keys = match external.jwks_url {
            Some(url) => Keys::Published(Arc::new(KeySet::new(url)?)),
            None => {
                let secrets = secrets.all().map(|version| version.secret.expose().as_bytes());
                Keys::Shared(secrets.map(DecodingKey::from_secret).collect())
            }
        };
        Ok(Self {
            name: external.issuer,
            audience: external.audience,
            keys,
        })
    }

    /// Whom the token speaks of; none if it is not valid. [`Problem::Unavailable`] if that cannot be told, because its key is
    /// not known and the service does not answer.
    pub async fn verify(&self, token: &str) -> Result<Option<Outsider>, Problem> {
        let Some(header) = decode_header(token).ok().filter(is_plain) else {
            return Ok(None);
        };
        let claims = match &self.keys {
            Keys::Shared(secrets) => self.by_secret(token, secrets),
            Keys::Published(keys) => self.by_key(token, &header, keys).await?,
        };
        Ok(claims.and_then(outsider))
    }

    fn by_secret(&self, token: &str, secrets: &[DecodingKey]) -> Option<OutsideClaims> {
        let validation = self.validation(Algorithm::HS256);
        let claims: OutsideClaims = secrets
            .iter()
            .find_map(|secret| decode(token, secret, &validation).ok())?
            .claims;
        // With our secret, what names a session has to be our own token and to pass as such.
        claims.sid.is_none().then_some(claims)
    }

    async fn by_key(&self, token: &str, header: &Header, keys: &Arc<KeySet>) -> Result<Option<OutsideClaims>, Problem> {
        // Our own tokens come by when they have expired: they are no reason to ask the service for a key.
        let claimed: Option<Claimed> = insecure_decode_claims(token).ok();
        let (Some(claimed), Some(id)) = (claimed, &header.kid) else {
            return Ok(None);
        };
        if self.name.as_ref() != Some(&claimed.iss) {
            return Ok(None);
        }
        let Some(key) = keys.find(id).await? else {
            return Ok(None);
        };
        let valid = decode(token, &key.verifying, &self.validation(key.algorithm));
        Ok(valid.ok().map(|valid| valid.claims))
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

/// The two names, if they can be stored and are not those of our own tokens.
fn outsider(claims: OutsideClaims) -> Option<Outsider> {
    let issuer = claims.iss.unwrap_or_default();
    let subject = claims.sub;
    let fits = |name: &str| name.len() <= NAME_MAX && !name.contains('\0');
    let whole = fits(&issuer) && fits(&subject) && !subject.is_empty();
    (whole && issuer != ISSUER).then_some(Outsider { issuer, subject })
}
