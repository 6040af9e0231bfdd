//! The cached JWKS of the external issuer (RFC 7517), which is fetched when an unknown key is needed or the cache is stale.

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
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::Instant;

use crate::config::ConfigError;
use crate::fault::Fault;

/// Minimum interval between fetches, so that tokens with unknown keys cannot cause more.
const FETCH_INTERVAL_MIN: Duration = Duration::from_secs(60);
/// Lifetime of the cache. After it, the set is fetched again to detect revoked keys.
const CACHE_LIFETIME: Duration = Duration::from_secs(600);
/// Timeout of a fetch.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of the response, in bytes.
const SIZE_MAX: usize = 64 * 1024;
/// Minimum length of an RSA modulus, in bytes (RFC 7518).
const RSA_MIN: usize = 256;

/// A public key and its algorithm.
pub struct Key {
    /// EdDSA, ES256 or RS256.
    pub algorithm: Algorithm,
    /// The public key.
    pub verifying: DecodingKey,
}

/// The keys of a JWKS URL.
pub struct KeySet {
    url: Url,
    http: Client,
    fetch_interval: Duration,
    cache_lifetime: Duration,
    cached: watch::Sender<Cached>,
    /// Locked during a fetch, so that concurrent requests share it.
    last_fetch: Arc<Mutex<LastFetch>>,
}

#[derive(Default)]
struct Cached {
    keys: HashMap<String, Arc<Key>>,
    since: Option<Instant>,
}

#[derive(Default)]
struct LastFetch {
    started: Option<Instant>,
    failure: Option<String>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

impl KeySet {
    /// An empty cache. Nothing is fetched yet.
    pub fn new(url: Url) -> Result<Self, ConfigError> {
        let http = Client::builder()
            .redirect(Policy::none())
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| {
                ConfigError(format!(
                    "The HTTP client for EXTERNAL_JWKS_URL cannot be created: {error}."
                ))
            })?;
        Ok(Self {
            url,
            http,
            fetch_interval: FETCH_INTERVAL_MIN,
            cache_lifetime: CACHE_LIFETIME,
            cached: watch::Sender::default(),
            last_fetch: Arc::default(),
        })
    }

    /// The key with that `kid`; none if the set has no such key. A fault if the key is not cached and the last fetch failed.
    pub async fn find(self: &Arc<Self>, id: &str) -> Result<Option<Arc<Key>>, Fault> {
        let (key, is_fresh) = self.look_up(id);
        let last_fetch = match (&key, is_fresh) {
            (Some(_), true) => return Ok(key),
            // One request refreshes the stale cache; the others use the cached key meanwhile.
            (Some(_), false) => match Arc::clone(&self.last_fetch).try_lock_owned() {
                Ok(last_fetch) => last_fetch,
                Err(_) => return Ok(key),
            },
            (None, _) => Arc::clone(&self.last_fetch).lock_owned().await,
        };
        // A task, so that the fetch continues if this request is cancelled.
        let fetched = tokio::spawn(Arc::clone(self).refresh(last_fetch)).await;
        let failure = fetched.map_err(|error| Fault::internal("fetching the JWKS failed").caused_by(error))?;
        match (self.look_up(id).0, failure) {
            (None, Some(reason)) => Err(Fault::unavailable(reason)),
            (key, _) => Ok(key),
        }
    }

    /// The cached key, and whether the cache is fresh.
    fn look_up(&self, id: &str) -> (Option<Arc<Key>>, bool) {
        let cached = self.cached.borrow();
        let is_fresh = cached.since.is_some_and(|since| since.elapsed() < self.cache_lifetime);
        (cached.keys.get(id).cloned(), is_fresh)
    }

    /// Fetches the set, unless the last fetch was less than the minimum interval ago. Returns the error of the last fetch, if it
    /// failed.
    async fn refresh(self: Arc<Self>, mut last_fetch: OwnedMutexGuard<LastFetch>) -> Option<String> {
        if last_fetch
            .started
            .is_none_or(|started| started.elapsed() >= self.fetch_interval)
        {
            last_fetch.started = Some(Instant::now());
            last_fetch.failure = match self.fetch().await {
                Ok(keys) => {
                    let since = Some(Instant::now());
                    self.cached.send_replace(Cached { keys, since });
                    None
                }
                Err(reason) => {
                    tracing::warn!(
                        url = self.public_url(),
                        reason,
                        "fetching the JWKS of the external issuer failed"
                    );
                    Some(reason)
                }
            };
        }
        last_fetch.failure.clone()
    }

    /// The URL without its credentials and its query, for the log.
    fn public_url(&self) -> String {
        format!("{}{}", self.url.origin().ascii_serialization(), self.url.path())
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<Key>>, String> {
        let unreachable = |error: reqwest::Error| format!("no response: {:?}", error.without_url());
        let mut response = self.http.get(self.url.clone()).send().await.map_err(unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(format!("the response status is {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > SIZE_MAX {
                return Err(format!("the response has more than {SIZE_MAX} bytes"));
            }
        }
        let set: JwkSet =
            serde_json::from_slice(&body).map_err(|error| format!("the response is not a JWKS: {error}"))?;
        Ok(set.keys.into_iter().filter_map(supported_key).collect())
    }
}

/// The key and its `kid`, if it has a `kid` and a supported algorithm. Other keys of the set are ignored.
fn supported_key(key: Value) -> Option<(String, Arc<Key>)> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use poem::endpoint::make_sync;
    use poem::listener::{Acceptor, Listener, TcpListener};
    use poem::{Response, Server};
    use serde_json::json;

    use super::*;
    use crate::fault::FaultKind;

    const NEVER: Duration = Duration::MAX;

    fn ed25519(kid: &str) -> Value {
        // The public key of the first example of RFC 8037.
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": kid })
    }

    fn set(keys: &[Value]) -> (StatusCode, String) {
        (StatusCode::OK, json!({ "keys": keys }).to_string())
    }

    fn outage() -> (StatusCode, String) {
        (StatusCode::BAD_GATEWAY, String::new())
    }

    /// A key set whose URL returns `answers` in order, and the number of fetches.
    async fn service(
        answers: Vec<(StatusCode, String)>,
        fetch_interval: Duration,
        cache_lifetime: Duration,
    ) -> (Arc<KeySet>, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let endpoint = make_sync(move |_| {
            let (status, body) = answers[count.fetch_add(1, Ordering::SeqCst)].clone();
            Response::builder()
                .status(status)
                .header("location", "/elsewhere")
                .body(body)
        });
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        tokio::spawn(Server::new_with_acceptor(acceptor).run(endpoint));
        let url = Url::parse(&format!("http://{address}/jwks")).unwrap();
        let keys = Arc::new(KeySet {
            fetch_interval,
            cache_lifetime,
            ..KeySet::new(url).unwrap()
        });
        (keys, asked)
    }

    async fn finds(keys: &Arc<KeySet>, id: &str) -> bool {
        keys.find(id).await.unwrap().is_some()
    }

    #[tokio::test]
    async fn after_the_interval_an_unknown_key_is_fetched() {
        let answers = vec![set(&[ed25519("a")]), set(&[ed25519("a"), ed25519("b")])];
        let (keys, asked) = service(answers, Duration::ZERO, NEVER).await;
        assert!(finds(&keys, "a").await && finds(&keys, "a").await);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(finds(&keys, "b").await && finds(&keys, "a").await);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_revoked_key_is_removed_when_the_cache_expires() {
        let answers = vec![
            set(&[ed25519("a"), ed25519("b")]),
            outage(),
            set(&[ed25519("b")]),
            set(&[ed25519("b")]),
        ];
        let (keys, asked) = service(answers, Duration::ZERO, Duration::ZERO).await;
        assert!(finds(&keys, "a").await);
        // While the issuer is down, the cached keys are used.
        assert!(finds(&keys, "a").await);
        assert!(finds(&keys, "b").await);
        assert!(!finds(&keys, "a").await);
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }

    #[tokio::test]
    async fn a_failed_fetch_is_not_retried_within_the_interval() {
        let (keys, asked) = service(vec![outage()], NEVER, NEVER).await;
        for _ in 0..2 {
            assert!(matches!(keys.find("a").await, Err(fault) if fault.kind() == FaultKind::Unavailable));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_response_that_is_not_a_jwks_is_an_outage() {
        let padded = format!("{}{}", " ".repeat(SIZE_MAX), set(&[ed25519("a")]).1);
        let bad = [
            (StatusCode::OK, String::new()),
            (StatusCode::OK, "<html>".to_owned()),
            (StatusCode::OK, json!({ "keys": 1 }).to_string()),
            (StatusCode::OK, padded),
            (StatusCode::FOUND, set(&[ed25519("a")]).1),
            (StatusCode::NOT_FOUND, set(&[ed25519("a")]).1),
        ];
        for answer in bad {
            let (keys, _) = service(vec![answer.clone()], NEVER, NEVER).await;
            assert!(
                matches!(keys.find("a").await, Err(fault) if fault.kind() == FaultKind::Unavailable),
                "{}",
                answer.0
            );
        }
    }

    #[tokio::test]
    async fn unsupported_keys_are_ignored() {
        let with = |name: &str, value: Value| {
            let mut key = ed25519("a");
            key[name] = value;
            key
        };
        let others = [
            json!(1),
            json!({ "kid": "a" }),
            json!({ "kty": "oct", "kid": "a", "k": "c2VjcmV0" }),
            json!({ "kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "HS256" }),
            json!({ "kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB" }),
            with("use", json!("enc")),
            with("alg", json!("HS256")),
            with("alg", json!("ES256")),
            with("crv", json!("X25519")),
            with("kid", Value::Null),
        ];
        for other in others {
            let (keys, _) = service(vec![set(&[other.clone(), ed25519("b")])], NEVER, NEVER).await;
            assert!(!finds(&keys, "a").await, "{other}");
            assert!(finds(&keys, "b").await, "{other}");
        }
        for same in [with("use", json!("sig")), with("alg", json!("EdDSA"))] {
            let (keys, _) = service(vec![set(&[same])], NEVER, NEVER).await;
            assert!(finds(&keys, "a").await);
        }
    }
}
