//! Refresh tokens, as they are in the browser's cookie.
//!
//! Each renewal replaces the token by a new one. The database stores the successor encrypted with its predecessor, so that
//! the same token presented twice, by two tabs at once or because a response was lost, leads to the same successor; from the
//! database alone nobody can read one.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use poem::web::cookie::CookieJar;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::accounts::cookies::{Cookies, REFRESH_COOKIE};
use crate::accounts::random::random;
use crate::accounts::store::sessions::{IDLE, RefreshHash};
use crate::fault::Fault;

/// A refresh token: the session it renews, what all of its session's tokens have in common, and 256 random bits of its own.
pub struct RefreshToken {
    /// The session.
    pub session: Uuid,
    family: [u8; 16],
    secret: [u8; 32],
}

impl RefreshToken {
    /// The first token of a new session.
    pub fn generate() -> Result<Self, Fault> {
        Ok(Self {
            session: Uuid::now_v7(),
            family: random()?,
            secret: random()?,
        })
    }

    /// A token to replace this one.
    pub fn successor(&self) -> Result<Self, Fault> {
        let secret = random()?;
        Ok(Self { secret, ..*self })
    }

    /// Parses the value of a cookie; none if it is malformed.
    pub fn parse(cookie: &str) -> Option<Self> {
        let mut parts = cookie.splitn(3, '.');
        let session = parts.next()?.parse().ok()?;
        let mut bytes = || BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok();
        Some(Self {
            session,
            family: bytes()?.try_into().ok()?,
            secret: bytes()?.try_into().ok()?,
        })
    }

    /// Gives it to the browser, which keeps it when it is closed if `remember`.
    pub fn write(&self, cookies: &Cookies, jar: &CookieJar, remember: bool) {
        let [family, secret] = [&self.family[..], &self.secret].map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let value = format!("{}.{family}.{secret}", self.session);
        let lifetime = remember.then(|| IDLE.to_std().unwrap_or_default());
        cookies.set(jar, REFRESH_COOKIE, &value, lifetime);
    }

    /// What the database keeps of it.
    pub fn hash(&self) -> RefreshHash {
        Sha256::digest(self.secret).into()
    }

    /// What the database keeps of its family. Whoever knows the family has had one of its tokens.
    pub fn family_hash(&self) -> RefreshHash {
        Sha256::digest(self.family).into()
    }

    /// `successor`, readable only with this token.
    pub fn seal(&self, successor: &Self) -> [u8; 32] {
        self.mask(successor.secret)
    }

    /// The successor that [`RefreshToken::seal`] sealed. None if it is not of that length.
    pub fn unseal(&self, sealed: &[u8]) -> Option<Self> {
        let secret = self.mask(sealed.try_into().ok()?);
        Some(Self { secret, ..*self })
    }

    /// A token seals one successor in its life, so its hash serves as a pad that is used once.
    fn mask(&self, mut bytes: [u8; 32]) -> [u8; 32] {
        let pad = Sha256::new()
            .chain_update("docket successor of a refresh token")
            .chain_update(self.secret)
            .finalize();
        for (byte, pad) in bytes.iter_mut().zip(pad) {
            *byte ^= pad;
        }
        bytes
    }
}
