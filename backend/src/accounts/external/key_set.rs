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
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::Instant;

use crate::config::ConfigError;
use crate::fault::Fault;

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
    last: Arc<Mutex<Attempt>>,
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
            last: Arc::default(),
        })
    }

    /// The key of that `kid`; none if the service has no such key. A fault if it is not known and the service
    /// did not answer when it was last asked.
    pub async fn find(self: &Arc<Self>, id: &str) -> Result<Option<Arc<Key>>, Fault> {
        let (key, is_recent) = self.look_up(id);
        let last = match (&key, is_recent) {
            (Some(_), true) => return Ok(key),
            // One request asks whether the key still holds; the others do not wait for the answer.
            (Some(_), false) => match Arc::clone(&self.last).try_lock_owned() {
                Ok(last) => last,
                Err(_) => return Ok(key),
            },
            (None, _) => Arc::clone(&self.last).lock_owned().await,
        };
        // It goes on when the request that began it goes away.
        let asked = tokio::spawn(Arc::clone(self).ask(last)).await;
        let failure = asked
            .map_err(|error| Fault::internal("the keys of the external issuer were not fetched").caused_by(error))?;
        match (self.look_up(id).0, failure) {
            (None, Some(reason)) => Err(Fault::unavailable(reason)),
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
    async fn ask(self: Arc<Self>, mut last: OwnedMutexGuard<Attempt>) -> Option<String> {
        if last.begun.is_none_or(|begun| begun.elapsed() >= self.pause) {
            last.begun = Some(Instant::now());
            last.failure = match self.fetch().await {
                Ok(keys) => {
                    let since = Some(Instant::now());
                    self.known.send_replace(Known { keys, since });
                    None
                }
                Err(reason) => {
                    tracing::warn!(url = %self.url, reason, "the keys of the external issuer could not be fetched");
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

    /// The keys of a service that gives these answers, one after the other; and how often it was asked.
    async fn service(
        answers: Vec<(StatusCode, String)>,
        pause: Duration,
        lifetime: Duration,
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
            pause,
            lifetime,
            ..KeySet::new(url).unwrap()
        });
        (keys, asked)
    }

    async fn knows(keys: &Arc<KeySet>, id: &str) -> bool {
        keys.find(id).await.unwrap().is_some()
    }

    #[tokio::test]
    async fn after_the_pause_an_unknown_key_is_asked_for_again() {
        let answers = vec![set(&[ed25519("a")]), set(&[ed25519("a"), ed25519("b")])];
        let (keys, asked) = service(answers, Duration::ZERO, NEVER).await;
        assert!(knows(&keys, "a").await && knows(&keys, "a").await);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(knows(&keys, "b").await && knows(&keys, "a").await);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_key_that_was_withdrawn_is_forgotten_in_time() {
        let answers = vec![
            set(&[ed25519("a"), ed25519("b")]),
            outage(),
            set(&[ed25519("b")]),
            set(&[ed25519("b")]),
        ];
        let (keys, asked) = service(answers, Duration::ZERO, Duration::ZERO).await;
        assert!(knows(&keys, "a").await);
        // While the service does not answer, what it said last holds.
        assert!(knows(&keys, "a").await);
        assert!(knows(&keys, "b").await);
        assert!(!knows(&keys, "a").await);
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }

    #[tokio::test]
    async fn an_outage_is_not_asked_about_again_within_the_pause() {
        let (keys, asked) = service(vec![outage()], NEVER, NEVER).await;
        for _ in 0..2 {
            assert!(matches!(keys.find("a").await, Err(fault) if fault.kind() == FaultKind::Unavailable));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_answer_that_is_no_set_of_keys_is_an_outage() {
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
    async fn keys_of_other_kinds_are_passed_over() {
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
            assert!(!knows(&keys, "a").await, "{other}");
            assert!(knows(&keys, "b").await, "{other}");
        }
        for same in [with("use", json!("sig")), with("alg", json!("EdDSA"))] {
            let (keys, _) = service(vec![set(&[same])], NEVER, NEVER).await;
            assert!(knows(&keys, "a").await);
        }
    }
}
