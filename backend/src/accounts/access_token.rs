//! Access tokens: short-lived JWTs, signed with the newest secret (HS256) or, if key files are configured, with the first key
//! (EdDSA).

use std::collections::HashMap;
use std::path::PathBuf;

use chrono::Utc;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, OctetKeyPairParameters, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::user_id::UserId;
use crate::config::{Config, ConfigError, Secrets, Version};
use crate::fault::Fault;

/// The `iss` and the `aud` of Docket's access tokens.
pub const ISSUER: &str = "docket";
/// Tolerated clock skew between servers, in seconds.
pub const LEEWAY: u64 = 5;
/// The `typ` of access tokens (RFC 9068), which distinguishes them from other JWTs.
const TYPE: &str = "at+jwt";

/// The claims of an access token. All are required.
#[derive(Deserialize, Serialize)]
struct TokenClaims {
    sub: String,
    iat: i64,
    exp: i64,
    iss: String,
    aud: String,
    sid: Uuid,
    ver: i64,
    jti: Uuid,
}

/// The verified claims of a token.
pub struct Claims {
    /// The id of the user.
    pub subject: String,
    /// The id of the session.
    pub session: Uuid,
    /// The user's token version at the time of signing.
    pub version: i64,
}

/// An Ed25519 public key.
#[derive(Clone, Debug)]
pub struct PublicKey {
    /// The RFC 7638 thumbprint, which is the `kid` of tokens.
    pub id: String,
    /// The key in base64url, as in a JWK.
    pub x: String,
}

/// Signs and verifies access tokens.
pub struct AccessTokens {
    header: Header,
    signing: EncodingKey,
    /// By `kid`. All keys have the same algorithm.
    verifying: HashMap<String, DecodingKey>,
    validation: Validation,
    /// In seconds.
    lifetime: i64,
    public_keys: Vec<PublicKey>,
}

impl AccessTokens {
    /// Uses the configured key files if there are any, otherwise `secrets`.
    pub fn new(config: &Config, secrets: &Secrets) -> Result<Self, ConfigError> {
        let pairs = config
            .signing_keys()?
            .iter()
            .map(KeyPair::read)
            .collect::<Result<Vec<_>, _>>()?;
        let public_keys = pairs.iter().map(|pair| pair.public.clone()).collect();
        let newest = &secrets.newest;
        let (algorithm, id, signing) = match pairs.first() {
            Some(first) => (Algorithm::EdDSA, first.public.id.clone(), first.signing.clone()),
            None => {
                let signing = EncodingKey::from_secret(newest.secret.expose_secret().as_bytes());
                (Algorithm::HS256, newest.number.to_string(), signing)
            }
        };
        let verifying = if pairs.is_empty() {
            secrets.all().map(secret_key).collect()
        } else {
            let by_id = |pair: KeyPair| (pair.public.id, pair.verifying);
            pairs.into_iter().map(by_id).collect()
        };
        Ok(Self {
            header: Header {
                typ: Some(TYPE.to_owned()),
                kid: Some(id),
                ..Header::new(algorithm)
            },
            signing,
            verifying,
            validation: validation(algorithm),
            lifetime: i64::from(config.access_token_ttl),
            public_keys,
        })
    }

    /// Signs a token for the user and the session. `version` is the user's token version.
    pub fn sign(&self, user: &UserId, session: Uuid, version: i64) -> Result<String, Fault> {
        let iat = Utc::now().timestamp();
        let claims = TokenClaims {
            sub: user.as_str().to_owned(),
            iat,
            exp: iat + self.lifetime,
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sid: session,
            ver: version,
            jti: Uuid::now_v7(),
        };
        encode(&self.header, &claims, &self.signing)
            .map_err(|error| Fault::internal("signing an access token failed").caused_by(error))
    }

    /// Verifies a token and returns its claims; none if it is invalid or expired. Keys in the token's header (`jwk`, `jku`,
    /// `x5c`) are ignored.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let header = decode_header(token).ok()?;
        // The library does not reject critical extensions (`crit`), none of which it supports.
        if header.typ.as_deref() != Some(TYPE) || header.crit.is_some() {
            return None;
        }
        let key = self.verifying.get(&header.kid?)?;
        let claims: TokenClaims = decode(token, key, &self.validation).ok()?.claims;
        Some(Claims {
            subject: claims.sub,
            session: claims.sid,
            version: claims.ver,
        })
    }

    /// The algorithm and the id of the key that signs, for the log.
    pub fn signing_key(&self) -> String {
        let id = self.header.kid.as_deref().unwrap_or_default();
        format!("{:?}, kid {id}", self.header.alg)
    }

    /// The public keys; empty if tokens are signed with secrets.
    pub fn public_keys(&self) -> &[PublicKey] {
        &self.public_keys
    }
}

fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    validation
}

/// An Ed25519 key pair from a file.
struct KeyPair {
    signing: EncodingKey,
    verifying: DecodingKey,
    public: PublicKey,
}

impl KeyPair {
    fn read((file, pem): &(PathBuf, SecretString)) -> Result<Self, ConfigError> {
        Self::from_pem(pem.expose_secret()).ok_or_else(|| {
            ConfigError(format!(
                "The file {} in SIGNING_KEY_FILES is not an Ed25519 private key. \
                 Generate one with `openssl genpkey -algorithm ed25519 -out FILE`.",
                file.display()
            ))
        })
    }

    fn from_pem(pem: &str) -> Option<Self> {
        let signing = EncodingKey::from_ed_pem(pem.as_bytes()).ok()?;
        let public = Jwk::from_encoding_key(&signing, Algorithm::EdDSA).ok()?;
        let id = public.thumbprint(ThumbprintHash::SHA256).ok()?;
        let AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters { x, .. }) = public.algorithm else {
            return None;
        };
        Some(Self {
            verifying: DecodingKey::from_ed_components(&x).ok()?,
            public: PublicKey { id, x },
            signing,
        })
    }
}

fn secret_key(Version { number, secret }: &Version) -> (String, DecodingKey) {
    (
        number.to_string(),
        DecodingKey::from_secret(secret.expose_secret().as_bytes()),
    )
}
