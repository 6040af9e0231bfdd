//! Reads JWTs, and signs them with any header, claims and key.

use std::path::PathBuf;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::Utc;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{SECRET, Server};

/// The text of a file of `tests/keys`.
pub fn pem(name: &str) -> String {
    std::fs::read_to_string(pem_file(name)).unwrap()
}

/// The path of a file of `tests/keys`.
pub fn pem_file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    folder.join(name).display().to_string()
}

/// A signing key and its algorithm.
#[derive(Clone)]
pub struct Signer {
    pub algorithm: Algorithm,
    pub key: EncodingKey,
}

impl Signer {
    /// HS256.
    pub fn secret(secret: impl AsRef<[u8]>) -> Self {
        Self {
            algorithm: Algorithm::HS256,
            key: EncodingKey::from_secret(secret.as_ref()),
        }
    }

    /// The private key of a file of `tests/keys`.
    pub fn file(name: &str) -> Self {
        let pem = pem(name);
        let (algorithm, key) = match name {
            "p256.pem" => (Algorithm::ES256, EncodingKey::from_ec_pem(pem.as_bytes())),
            "rsa.pem" => (Algorithm::RS256, EncodingKey::from_rsa_pem(pem.as_bytes())),
            _ => (Algorithm::EdDSA, EncodingKey::from_ed_pem(pem.as_bytes())),
        };
        let key = key.unwrap();
        Self { algorithm, key }
    }

    /// The public key as a JWK, as Better Auth publishes it.
    pub fn jwk(&self, kid: &str) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = kid.into();
        jwk
    }

    /// A JWT with that header, to which `alg` is added when it is missing.
    pub fn sign(&self, mut header: Value, claims: &Value) -> String {
        if header.get("alg").is_none() {
            header["alg"] = serde_json::to_value(self.algorithm).unwrap();
        }
        let message = format!("{}.{}", base64(&header), base64(claims));
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// A JWT with the header of this server's access tokens.
    pub fn access(&self, kid: &str, claims: &Value) -> String {
        self.sign(json!({ "typ": "at+jwt", "kid": kid }), claims)
    }
}

/// The key that servers of tests sign with by default.
pub fn server_key() -> Signer {
    Signer::secret(SECRET)
}

pub fn base64(json: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}

fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

pub fn header(token: &str) -> Value {
    part(token, 0)
}

pub fn claims(token: &str) -> Value {
    part(token, 1)
}

pub fn now() -> i64 {
    Utc::now().timestamp()
}

/// `claims` with `name` set to `value`.
pub fn with(claims: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims.clone();
    claims[name] = value.into();
    claims
}

/// `claims` without `name`.
pub fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// The status of `GET /api/{user_id}/tasks` with that token.
pub async fn list_status(server: &Server, user_id: &str, token: &str) -> StatusCode {
    let response = server.get(&format!("/api/{user_id}/tasks")).bearer(token).send().await;
    if response.status == StatusCode::UNAUTHORIZED {
        response.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        assert_eq!(response.header("www-authenticate"), "Bearer");
    }
    response.status
}
