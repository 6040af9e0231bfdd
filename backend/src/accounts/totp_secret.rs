//! The secrets of authenticator apps at rest. They are sealed with a key that is derived from the secret of the server, so a copy
//! of the database yields no codes, and sealed anew after that secret was rotated.

use std::sync::Arc;
use std::time::Duration;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use chrono::Utc;
use hkdf::Hkdf;
use secrecy::ExposeSecret;
use sha2::Sha256;

use crate::accounts::random::random;
use crate::accounts::store::totp_secret::{Resealed, StoredSecret};
use crate::accounts::store::two_factor::AppCode;
use crate::accounts::totp::step_of;
use crate::accounts::user_id::UserId;
use crate::config::{Secrets, Version};
use crate::db::Db;
use crate::fault::Fault;
use crate::http::problem::Problem;

/// Length of the id of a key in bytes.
const KEY_ID: usize = 8;
/// Length of the nonce of AES-GCM in bytes.
const NONCE: usize = 12;
/// Pause before sealing is retried after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(60);
/// What the log tells an operator about secrets that cannot be decrypted.
const ADVICE: &str = "the secret of an authenticator app cannot be decrypted: the secret of the server that encrypted it is missing. \
     Add it to BETTER_AUTH_SECRETS with a lower number than the current one; until then recovery codes work";

/// A key that is derived from a version of the secret of the server.
struct Key {
    id: [u8; KEY_ID],
    cipher: Aes256Gcm,
}

impl Key {
    fn of(version: &Version) -> Result<Self, Fault> {
        let secret = Hkdf::new(None, version.secret.expose_secret().as_bytes());
        let key: [u8; 32] = derive(&secret, b"docket: secrets of authenticator apps")?;
        Ok(Self {
            id: derive(&secret, b"docket: id of the key for secrets of authenticator apps")?,
            cipher: Aes256Gcm::new(&key.into()),
        })
    }
}

fn derive<const BYTES: usize>(secret: &Hkdf<Sha256>, purpose: &[u8]) -> Result<[u8; BYTES], Fault> {
    let mut derived = [0; BYTES];
    secret
        .expand(purpose, &mut derived)
        .map_err(|_| Fault::internal("the key for the secrets of authenticator apps cannot be derived"))?;
    Ok(derived)
}

/// The keys that seal secrets: the newest seals, all open.
pub struct TotpKeys {
    newest: Key,
    older: Vec<Key>,
}

/// The secret was sealed with a key that the server does not have, or the ciphertext was changed.
#[derive(Debug)]
pub struct Unreadable;

impl TotpKeys {
    /// The keys that are derived from the secrets of the server.
    pub fn new(secrets: &Secrets) -> Result<Self, Fault> {
        Ok(Self {
            newest: Key::of(&secrets.newest)?,
            older: secrets.older.iter().map(Key::of).collect::<Result<_, _>>()?,
        })
    }

    /// Seals the secret of the app of `user`: id of the key, nonce, ciphertext and tag.
    pub fn seal(&self, user: &UserId, secret: &[u8]) -> Result<Vec<u8>, Fault> {
        let nonce: [u8; NONCE] = random()?;
        let sealed = self
            .newest
            .cipher
            .encrypt(&nonce.into(), payload(user, secret))
            .map_err(|_| Fault::internal("the secret of an authenticator app cannot be encrypted"))?;
        Ok([&self.newest.id[..], &nonce, &sealed].concat())
    }

    /// The secret of the app of `user`.
    pub fn open(&self, user: &UserId, stored: &StoredSecret) -> Result<Vec<u8>, Unreadable> {
        let sealed = match stored {
            StoredSecret::Plain(secret) => return Ok(secret.clone()),
            StoredSecret::Sealed(sealed) => sealed,
        };
        let (id, sealed) = sealed.split_first_chunk::<KEY_ID>().ok_or(Unreadable)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(Unreadable)?;
        let mut keys = std::iter::once(&self.newest).chain(&self.older);
        let key = keys.find(|key| key.id == *id).ok_or(Unreadable)?;
        let secret = key.cipher.decrypt(nonce.into(), payload(user, sealed));
        secret.map_err(|_| Unreadable)
    }

    /// Whether the secret is sealed with the newest key.
    fn is_current(&self, stored: &StoredSecret) -> bool {
        matches!(stored, StoredSecret::Sealed(sealed) if sealed.starts_with(&self.newest.id))
    }

    /// Verifies a code of the app of `user`. Seals the secret anew if it is not sealed with the newest key.
    /// [`Problem::InvalidCode`] if the code is wrong, [`Problem::AppCodeUnavailable`] if the secret cannot be opened.
    pub async fn verify_code(
        &self,
        db: &Db,
        user: &UserId,
        stored: StoredSecret,
        code: &str,
    ) -> Result<AppCode, Problem> {
        let secret = self.open(user, &stored).map_err(|Unreadable| {
            tracing::error!(user_id = user.as_str(), "{ADVICE}");
            Problem::AppCodeUnavailable
        })?;
        let step = step_of(code, &secret, Utc::now())?.ok_or(Problem::InvalidCode)?;
        if self.is_current(&stored) {
            return Ok(AppCode { secret: stored, step });
        }
        let sealed = self.seal(user, &secret)?;
        let resealed = Resealed {
            user: user.clone(),
            before: stored,
            sealed: sealed.clone(),
        };
        db.replace_totp_secrets(vec![resealed]).await?;
        let secret = StoredSecret::Sealed(sealed);
        Ok(AppCode { secret, step })
    }

    /// Seals all stored secrets with the newest key, in the background.
    pub fn seal_all(self: Arc<Self>, db: Db) {
        tokio::spawn(async move {
            while let Err(fault) = self.try_seal_all(&db).await {
                tracing::warn!(%fault, "encrypting the secrets of authenticator apps failed; retrying in a minute");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        });
    }

    async fn try_seal_all(&self, db: &Db) -> Result<(), Fault> {
        let (mut sealed, mut unreadable) = (0, 0);
        let mut page = db.totp_secrets(None).await?;
        while let Some((last, _)) = page.last() {
            let next = db.totp_secrets(Some(last)).await?;
            let mut secrets = Vec::new();
            for (user, before) in page {
                match self.open(&user, &before) {
                    Ok(_) if self.is_current(&before) => {}
                    Ok(secret) => secrets.push(Resealed {
                        sealed: self.seal(&user, &secret)?,
                        user,
                        before,
                    }),
                    Err(Unreadable) => unreadable += 1,
                }
            }
            sealed += secrets.len();
            db.replace_totp_secrets(secrets).await?;
            page = next;
        }
        if unreadable == 0 {
            tracing::info!(
                changed = sealed,
                "the secrets of authenticator apps are encrypted with the newest secret"
            );
        } else {
            tracing::error!(users = unreadable, "{ADVICE}");
        }
        Ok(())
    }
}

/// The user is associated data, so that a sealed secret is valid for its user only.
fn payload<'a>(user: &'a UserId, text: &'a [u8]) -> Payload<'a, 'a> {
    Payload {
        msg: text,
        aad: user.as_str().as_bytes(),
    }
}
