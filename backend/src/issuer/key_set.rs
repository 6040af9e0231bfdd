//! The keys that another service publishes (RFC 7517): fetched when one is asked for that is not known, and kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::Instant;

use crate::config::ConfigError;
use crate::problem::Problem;

/// The service is asked at most once in so long, whatever tokens come.
const PAUSE: Duration = Duration::from_secs(60);
/// After so long a known key is looked up again: the service may have withdrawn it.
const LIFETIME: Duration = Duration::from_secs(600);
/// So long the service has to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer, in bytes.
const SIZE_MAX: usize = 64 * 1024;
/// The shortest RSA modulus, in bytes (RFC 7518).
const RSA_MIN: usize = 256;

/// A key, and the one algorithm that it is for.
pub struct Key {
    /// EdDSA, ES256 or RS256.
    pub algorithm: Algorithm,
    /// The public half.
    pub verifying: DecodingKey,
}

/// The keys of one address.
pub struct KeySet {
    url: Url,
    http: Client,
    pause: Duration,
    lifetime: Duration,
    known: watch::Sender<Known>,
    /// Held while the service is asked, so that one request asks for all.
    last: Mutex<Attempt>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<String, Arc<Key>>,
    since: Option<Instant>,
}

#[derive(Default)]
struct Attempt {
    begun: Option<Instant>,
    failure: Option<String>,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

impl KeySet {
    /// Asks nothing yet.
    pub fn new(url: Url) -> Result<Self, ConfigError> {
        let http = Client::builder()
            .redirect(Policy::none())
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| ConfigError(format!("Nothing can be fetched from EXTERNAL_JWKS_URL: {error}.")))?;
        Ok(Self {
            url,
            http,
            pause: PAUSE,
            lifetime: LIFETIME,
            known: watch::Sender::default(),
            last: Mutex::default(),
        })
    }

    /// The key of that `kid`; none if the service has no such key. [`Problem::Unavailable`] if it is not known and the service
    /// did not answer when it was last asked.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<Key>>, Problem> {
        let (key, is_recent) = self.look_up(id);
        let last = match (&key, is_recent) {
            (Some(_), true) => return Ok(key),
            // One request asks whether the key still holds; the others do not wait for the answer.
            (Some(_), false) => match self.last.try_lock() {
                Ok(last) => last,
                Err(_) => return Ok(key),
            },
            (None, _) => self.last.lock().await,
        };
        let failure = self.ask(last).await;
        match (self.look_up(id).0, failure) {
            (None, Some(reason)) => Err(Problem::Unavailable(reason)),
            (key, _) => Ok(key),
        }
    }

    /// The key, and whether what is known was fetched lately.
    fn look_up(&self, id: &str) -> (Option<Arc<Key>>, bool) {
        let known = self.known.borrow();
        let is_recent = known.since.is_some_and(|since| since.elapsed() < self.lifetime);
        (known.keys.get(id).cloned(), is_recent)
    }

    /// Fetches the keys, unless that was tried a moment ago. The answer is why the last attempt failed, if it did.
    async fn ask(&self, mut last: MutexGuard<'_, Attempt>) -> Option<String> {
        if last.begun.is_none_or(|begun| begun.elapsed() >= self.pause) {
            // It counts even if the request that waits for it goes away.
            *last = Attempt {
                begun: Some(Instant::now()),
                failure: Some("the request for the keys was given up".to_owned()),
            };
            last.failure = match self.fetch().await {
                Ok(keys) => {
                    let since = Some(Instant::now());
                    self.known.send_replace(Known { keys, since });
                    None
                }
                Err(reason) => {
                    tracing::warn!(url = %self.url, reason, "the keys of the outside issuer could not be fetched");
                    Some(reason)
                }
            };
        }
        last.failure.clone()
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<Key>>, String> {
        let unreachable = |error: reqwest::Error| format!("no answer: {error:?}");
        let mut response = self.http.get(self.url.clone()).send().await.map_err(unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(format!("the answer is {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > SIZE_MAX {
                return Err(format!("the answer has more than {SIZE_MAX} bytes"));
            }
        }
        let published: Published =
            serde_json::from_slice(&body).map_err(|error| format!("the answer is no set of keys: {error}"))?;
        Ok(published.keys.into_iter().filter_map(usable).collect())
    }
}

/// The key and its `kid`, if it has one and is for an algorithm that we take. A key of another kind is no fault of the set.
fn usable(key: Value) -> Option<(String, Arc<Key>)> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let id = jwk.common.key_id.clone()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::RSA(key) if BASE64_URL_SAFE_NO_PAD.decode(&key.n).ok()?.len() >= RSA_MIN => {
            Algorithm::RS256
        }
        _ => return None,
    };
    let signs = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let named = jwk.common.key_algorithm.is_none_or(|named| named == algorithm.into());
    let verifying = DecodingKey::from_jwk(&jwk).ok()?;
    (signs && named).then(|| (id, Arc::new(Key { algorithm, verifying })))
}
