//! Refresh tokens: generating, parsing and replacing them.
//!
//! Each renewal replaces the token by a new one. The database stores the successor encrypted with a key that is derived from
//! its predecessor. So the same token presented twice, by two tabs at once or because a response was lost, leads to the same
//! successor, and nobody can read it from the database alone.

use aes_gcm::aead::Aead;
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use hkdf::Hkdf;
use poem::web::cookie::CookieJar;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::accounts::cookies::{Cookies, REFRESH_COOKIE};
use crate::accounts::random::random;
use crate::accounts::store::sessions::{IDLE, RefreshHash};
use crate::fault::Fault;

/// Length of the nonce of AES-GCM in bytes.
const NONCE: usize = 12;

/// A refresh token: the session id, the family (random bits that all tokens of the session share), and 256 random bits.
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

    /// Sets the cookie. With `remember` it outlives the browser window.
    pub fn write(&self, cookies: &Cookies, jar: &CookieJar, remember: bool) {
        let [family, secret] = [&self.family[..], &self.secret].map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let value = format!("{}.{family}.{secret}", self.session);
        let lifetime = remember.then(|| IDLE.to_std().unwrap_or_default());
        cookies.set(jar, REFRESH_COOKIE, &value, lifetime);
    }

    /// Its hash, as it is stored.
    pub fn hash(&self) -> RefreshHash {
        Sha256::digest(self.secret).into()
    }

    /// The hash of its family, as it is stored. Knowing the family proves possession of one of its tokens.
    pub fn family_hash(&self) -> RefreshHash {
        Sha256::digest(self.family).into()
    }

    /// Encrypts `successor`, so that only this token can decrypt it: nonce, ciphertext and tag.
    pub fn seal(&self, successor: &Self) -> Result<Vec<u8>, Fault> {
        // Concurrent renewals encrypt different successors with the same key, so the nonce is random.
        let nonce: [u8; NONCE] = random()?;
        let sealed = self
            .cipher()?
            .encrypt(&nonce.into(), successor.secret.as_slice())
            .map_err(|_| Fault::internal("a refresh token cannot be encrypted"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Decrypts the successor that [`RefreshToken::seal`] encrypted. None if it was altered, or sealed by another version.
    pub fn unseal(&self, sealed: &[u8]) -> Result<Option<Self>, Fault> {
        let cipher = self.cipher()?;
        let secret = sealed
            .split_first_chunk::<NONCE>()
            .and_then(|(nonce, sealed)| cipher.decrypt(nonce.into(), sealed).ok())
            .and_then(|secret| secret.try_into().ok());
        Ok(secret.map(|secret| Self { secret, ..*self }))
    }

    /// The cipher for the successor of this token. The database stores a hash of the same secret; HKDF keeps the key apart
    /// from it.
    fn cipher(&self) -> Result<Aes256Gcm, Fault> {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, &self.secret)
            .expand(b"docket: successor of a refresh token", &mut key)
            .map_err(|_| Fault::internal("the key for a refresh token cannot be derived"))?;
        Ok(Aes256Gcm::new(&key.into()))
    }
}
