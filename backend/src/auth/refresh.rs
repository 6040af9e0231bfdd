//! Refresh tokens: what renews an access token. A browser keeps one in a cookie that scripts cannot read.
//!
//! Each renewal replaces the token by its successor, which is a keyed hash of it. So the same token presented twice, by two
//! tabs at once or because an answer was lost, has the same successor, and nobody is signed out by bad luck.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use hmac::{Hmac, Mac};
use poem::Request;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::config::Secret;
use crate::db::sessions::{IDLE, RefreshHash};
use crate::problem::Problem;

/// The cookie's name.
pub const COOKIE: &str = "docket_refresh";

/// A refresh token: 256 bits, and the session it renews.
pub struct RefreshToken {
    /// The session.
    pub session: Uuid,
    secret: [u8; 32],
}

/// Draws first tokens and derives successors.
pub struct RefreshTokens {
    successors: Hmac<Sha256>,
}

impl RefreshTokens {
    /// The key of the successors is derived from the signing secret, so every server derives the same.
    pub fn new(secret: &Secret) -> Result<Self, Problem> {
        let key = Sha256::new()
            .chain_update("docket refresh token successor")
            .chain_update(secret.expose())
            .finalize();
        let successors = Hmac::new_from_slice(&key)
            .map_err(|error| Problem::internal("the key of the refresh tokens could not be made", error))?;
        Ok(Self { successors })
    }

    /// The first token of a new session.
    pub fn draw(&self) -> Result<RefreshToken, Problem> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| Problem::internal("the system has no randomness", error))?;
        let session = Uuid::now_v7();
        Ok(RefreshToken { session, secret })
    }

    /// The token that replaces `token`.
    pub fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let mut mac = self.successors.clone();
        mac.update(token.session.as_bytes());
        mac.update(&token.secret);
        RefreshToken {
            session: token.session,
            secret: mac.finalize().into_bytes().into(),
        }
    }
}

impl RefreshToken {
    /// The token in the request's cookie, if there is one of the right form.
    pub fn from_request(request: &Request) -> Option<Self> {
        let cookie = request.cookie().get(COOKIE)?;
        let (session, secret) = cookie.value_str().split_once('.')?;
        Some(Self {
            session: session.parse().ok()?,
            secret: BASE64_URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?,
        })
    }

    /// The value of `Set-Cookie` that gives it to the browser.
    pub fn set_cookie(&self) -> String {
        let secret = BASE64_URL_SAFE_NO_PAD.encode(self.secret);
        cookie(&format!("{}.{secret}", self.session), IDLE.num_seconds())
    }

    /// What the database keeps of it.
    pub fn hash(&self) -> RefreshHash {
        Sha256::digest(self.secret).into()
    }
}

/// The value of `Set-Cookie` that takes the token from the browser.
pub fn clear_cookie() -> String {
    cookie("", 0)
}

fn cookie(value: &str, seconds: i64) -> String {
    format!("{COOKIE}={value}; Path=/api/auth; HttpOnly; SameSite=Strict; Max-Age={seconds}")
}
