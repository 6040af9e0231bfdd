//! For other services: a token to call them with, and the keys that they verify it with.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;

use super::Tag;
use crate::App;
use crate::auth::Member;
use crate::auth::token::PublicKey;
use crate::json::RawJson;
use crate::problem::Problem;

/// The operations.
pub struct KeyApi;

/// An access token.
#[derive(Object, Serialize)]
struct AccessToken {
    /// The JWT.
    token: String,
}

/// Public keys (RFC 7517).
#[derive(Object, Serialize)]
struct JwkSet {
    /// The one that signs comes first. Empty unless tokens are signed with Ed25519.
    keys: Vec<Jwk>,
}

/// A public Ed25519 key (RFC 8037).
#[derive(Object, Serialize)]
struct Jwk {
    /// What the tokens that it verifies name: its RFC 7638 thumbprint.
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
enum Fresh {
    /// A token of the same session, with its whole life ahead.
    #[oai(status = 200)]
    Ok(RawJson<AccessToken>),
}

#[derive(ApiResponse)]
enum Keys {
    /// The keys.
    #[oai(status = 200)]
    Ok(RawJson<JwkSet>),
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Accounts")]
impl KeyApi {
    /// Get a token of the current session
    #[oai(path = "/token", method = "get", operation_id = "get_token")]
    async fn token(&self, app: Data<&Arc<App>>, member: Member) -> Result<Fresh, Problem> {
        let user = app.db.user(member.user.as_str()).await?;
        let user = user.ok_or(Problem::Unauthenticated)?;
        let token = app.tokens.sign(&user.id, member.session.id, user.token_version)?;
        Ok(Fresh::Ok(RawJson::of(&AccessToken { token })?))
    }

    /// Get the public keys of our tokens
    #[oai(path = "/jwks", method = "get", operation_id = "get_jwks")]
    async fn jwks(&self, app: Data<&Arc<App>>) -> Result<Keys, Problem> {
        let keys = app.tokens.public_keys().iter().map(Jwk::from).collect();
        Ok(Keys::Ok(RawJson::of(&JwkSet { keys })?))
    }
}
