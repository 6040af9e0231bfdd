//! Access tokens: JWTs of 15 minutes, signed with the newest secret (HS256) or, if there are key files, with the first of
//! them (EdDSA).

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

/// Who issues our tokens, and whom they are for.
pub const ISSUER: &str = "docket";
/// How far the clocks of two servers may be apart, in seconds.
pub const LEEWAY: u64 = 5;
/// What `typ` says of a token that opens the API (RFC 9068), and of no other JWT.
const TYPE: &str = "at+jwt";

/// Each is required, with this type.
#[derive(Deserialize, Serialize)]
struct OwnClaims {
    sub: String,
    iat: i64,
    exp: i64,
    iss: String,
    aud: String,
    sid: Uuid,
    ver: i64,
    jti: Uuid,
}

/// What a valid token says.
pub struct Claims {
    /// The id of the user.
    pub subject: String,
    /// The session it belongs to.
    pub session: Uuid,
    /// The user's token version when it was signed.
    pub version: i64,
}

/// The public half of an Ed25519 key.
#[derive(Clone, Debug)]
pub struct PublicKey {
    /// Its RFC 7638 thumbprint, which tokens name as `kid`.
    pub id: String,
    /// The key in base64url, as a JWK has it.
    pub x: String,
}

/// Signs and verifies.
pub struct AccessTokens {
    header: Header,
    signing: EncodingKey,
    /// By `kid`. All are of one algorithm.
    verifying: HashMap<String, DecodingKey>,
    validation: Validation,
    seconds: i64,
    public_keys: Vec<PublicKey>,
}

impl AccessTokens {
    /// AccessTokens by the configured keys, if there are key files, else by `secrets`.
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
            secrets.all().map(verifying_by_secret).collect()
        } else {
            let with_id = |pair: KeyPair| (pair.public.id, pair.verifying);
            pairs.into_iter().map(with_id).collect()
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
            seconds: i64::from(config.access_token_ttl),
            public_keys,
        })
    }

    /// A token for the user, in the session. `version` is the user's token version.
    pub fn sign(&self, user: &UserId, session: Uuid, version: i64) -> Result<String, Fault> {
        let iat = Utc::now().timestamp();
        let claims = OwnClaims {
            sub: user.as_str().to_owned(),
            iat,
            exp: iat + self.seconds,
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sid: session,
            ver: version,
            jti: Uuid::now_v7(),
        };
        encode(&self.header, &claims, &self.signing)
            .map_err(|error| Fault::internal("a token could not be signed").caused_by(error))
    }

    /// What the token says, if it is one of ours and in time. A key that it brings along or points to counts for nothing.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let header = decode_header(token).ok()?;
        // The library knows no extension, but does not look for any either.
        if header.typ.as_deref() != Some(TYPE) || header.crit.is_some() {
            return None;
        }
        let key = self.verifying.get(&header.kid?)?;
        let claims: OwnClaims = decode(token, key, &self.validation).ok()?.claims;
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

    /// The public halves of the keys that sign; none when secrets do.
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

/// An Ed25519 key from a file.
struct KeyPair {
    signing: EncodingKey,
    verifying: DecodingKey,
    public: PublicKey,
}

impl KeyPair {
    fn read((file, pem): &(PathBuf, SecretString)) -> Result<Self, ConfigError> {
        Self::from_pem(pem.expose_secret()).ok_or_else(|| {
            ConfigError(format!(
                "SIGNING_KEY_FILES names {}, which is no Ed25519 private key. \
                 Make one with `openssl genpkey -algorithm ed25519 -out FILE`.",
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

fn verifying_by_secret(Version { number, secret }: &Version) -> (String, DecodingKey) {
    (
        number.to_string(),
        DecodingKey::from_secret(secret.expose_secret().as_bytes()),
    )
}
