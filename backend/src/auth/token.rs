//! Access tokens: HS256 JWTs that are signed with `BETTER_AUTH_SECRET`.

use chrono::Utc;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::config::Secret;
use crate::problem::Problem;

/// Who issues our tokens, and whom they are for.
const ISSUER: &str = "docket";
/// How far the clocks of two servers may be apart, in seconds.
const LEEWAY: u64 = 5;
/// The longest id of a user, in bytes.
const SUBJECT_MAX: usize = 255;

#[derive(Serialize)]
struct OwnClaims<'a> {
    sub: &'a str,
    iat: i64,
    exp: i64,
    iss: &'static str,
    aud: &'static str,
    sid: Uuid,
    ver: i64,
    jti: Uuid,
}

#[derive(Deserialize)]
struct AnyClaims {
    sub: String,
    #[serde(default)]
    iss: Value,
    #[serde(default)]
    aud: Value,
    sid: Option<Uuid>,
    #[serde(default)]
    ver: i64,
}

/// What a valid token says.
pub struct Claims {
    /// The id of the user.
    pub subject: String,
    /// The session it belongs to; none if it was signed elsewhere.
    pub session: Option<Uuid>,
    /// The user's token version when it was signed.
    pub version: i64,
}

/// Signs and verifies.
pub struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    seconds: i64,
}

impl Tokens {
    /// Tokens that last `seconds`.
    pub fn new(secret: &Secret, seconds: u32) -> Self {
        let secret = secret.expose().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY;
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.validate_nbf = true;
        // Ours is compared below; an outside issuer may name any audience.
        validation.validate_aud = false;
        Self {
            signing: EncodingKey::from_secret(secret),
            verifying: DecodingKey::from_secret(secret),
            validation,
            seconds: i64::from(seconds),
        }
    }

    /// A token for the user, in the session. `version` is the user's token version.
    pub fn sign(&self, subject: &str, session: Uuid, version: i64) -> Result<String, Problem> {
        let iat = Utc::now().timestamp();
        let claims = OwnClaims {
            sub: subject,
            iat,
            exp: iat + self.seconds,
            iss: ISSUER,
            aud: ISSUER,
            sid: session,
            ver: version,
            jti: Uuid::now_v7(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(|error| Problem::internal("a token could not be signed", error))
    }

    /// What the token says, if the signature and the times hold and it is either ours or of no session.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let claims: AnyClaims = decode(token, &self.verifying, &self.validation).ok()?.claims;
        let subject_fits = (1..=SUBJECT_MAX).contains(&claims.sub.len()) && !claims.sub.contains('\0');
        let ours = claims.iss == ISSUER && claims.aud == ISSUER;
        (subject_fits && (ours || claims.sid.is_none())).then_some(Claims {
            subject: claims.sub,
            session: claims.sid,
            version: claims.ver,
        })
    }
}
