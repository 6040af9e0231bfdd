//! Operations for other services: the current access token, and the public keys that verify it.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;
use shared::profile::AccessToken;

use super::Tag;
use crate::accounts::access_token::PublicKey;
use crate::accounts::extract::{Member, bearer};
use crate::accounts::service::Accounts;
use crate::http::json::RawJson;
use crate::http::problem::Problem;

/// The operations on tokens and keys.
#[derive(Default)]
pub struct KeyApi;

/// Public keys (RFC 7517).
#[derive(Object, Serialize)]
struct JwkSet {
    /// The public keys; the first one verifies new tokens. Empty unless tokens are signed with Ed25519.
    keys: Vec<Jwk>,
}

/// A public Ed25519 key (RFC 8037).
#[derive(Object, Serialize)]
struct Jwk {
    /// The `kid` of the tokens that it verifies: the RFC 7638 thumbprint of the key.
    kid: String,
    /// OKP.
    kty: String,
    /// Ed25519.
    crv: String,
    /// EdDSA.
    alg: String,
    /// sig.
    #[oai(rename = "use")]
    #[serde(rename = "use")]
    usage: String,
    /// The key in base64url.
    x: String,
}

impl From<&PublicKey> for Jwk {
    fn from(key: &PublicKey) -> Self {
        Self {
            kid: key.id.clone(),
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            alg: "EdDSA".to_owned(),
            usage: "sig".to_owned(),
            x: key.x.clone(),
        }
    }
}

#[derive(ApiResponse)]
enum TokenResponse {
    /// The token of the request.
    #[oai(status = 200)]
    Ok(RawJson<AccessToken>),
}

#[derive(ApiResponse)]
enum JwksResponse {
    /// The public keys.
    #[oai(status = 200)]
    Ok(RawJson<JwkSet>),
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl KeyApi {
    /// Get the current access token
    ///
    /// Returns the token of the request. It does not issue a new one; use the refresh token for that. A holder of the token can
    /// act as the user until it expires, so send it only to services that are allowed to read and change the user's tasks.
    #[oai(path = "/token", method = "get", operation_id = "get_token")]
    async fn token(&self, request: &Request, _member: Member) -> Result<TokenResponse, Problem> {
        let token = bearer(request).ok_or(Problem::Unauthenticated)?.to_owned();
        Ok(TokenResponse::Ok(RawJson::of(&AccessToken { token })?))
    }

    /// Get the public keys of access tokens
    #[oai(path = "/jwks", method = "get", operation_id = "get_jwks")]
    async fn jwks(&self, accounts: Data<&Arc<Accounts>>) -> Result<JwksResponse, Problem> {
        let keys = accounts.tokens.public_keys().iter().map(Jwk::from).collect();
        Ok(JwksResponse::Ok(RawJson::of(&JwkSet { keys })?))
    }
}
