//! Tokens that another service signed: with the shared secret, or with keys that it publishes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Data;
use poem::{EndpointExt, Route, Server as PoemServer, get, handler};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::jwt::{Signer, claims, list_status, now, ours, pem, with, without};
use crate::support::{PASSWORD, Server, on_both_databases};

const ISSUER: &str = "https://issuer.example";

/// The claims that the service gives to one of its people.
fn outsider(subject: &str) -> Value {
    json!({ "sub": subject, "iss": ISSUER, "aud": "docket-api", "iat": now(), "exp": now() + 300,
        "email": "owner@example.com", "name": "Owner" })
}

/// Another service: what it publishes, and how often it was asked.
struct Service {
    url: String,
    shared: Arc<Published>,
}

struct Published {
    asked: AtomicUsize,
    answer: Mutex<(StatusCode, String)>,
}

#[handler]
fn publish(published: Data<&Arc<Published>>) -> poem::Response {
    published.asked.fetch_add(1, Ordering::SeqCst);
    let (status, body) = published.answer.lock().unwrap().clone();
    let response = poem::Response::builder()
        .status(status)
        .content_type("application/json");
    response.header("location", "/elsewhere").body(body)
}

impl Service {
    async fn start(keys: &[Value]) -> Self {
        let shared = Arc::new(Published {
            asked: AtomicUsize::new(0),
            answer: Mutex::new((StatusCode::OK, json!({ "keys": keys }).to_string())),
        });
        let routes = Route::new().at("/jwks", get(publish)).data(Arc::clone(&shared));
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        tokio::spawn(PoemServer::new_with_acceptor(acceptor).run(routes));
        Self {
            url: format!("http://{address}/jwks"),
            shared,
        }
    }

    /// A service with one key of each kind, which are named like their files.
    async fn with_every_key() -> Self {
        let kinds = ["ed25519.pem", "p256.pem", "rsa.pem"];
        Self::start(&kinds.map(|kind| Signer::file(kind).jwk(kind))).await
    }

    fn answer(&self, status: StatusCode, body: impl Into<String>) {
        *self.shared.answer.lock().unwrap() = (status, body.into());
    }

    fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// A server on the same database that takes the tokens of this service.
    async fn trusted_by(&self, server: &Server, flags: &[&str]) -> Server {
        let trust = [
            "--trust-external-tokens",
            "true",
            "--external-issuer",
            ISSUER,
            "--external-jwks-url",
            &self.url,
        ];
        server.restarted(&[trust.as_slice(), flags].concat()).await
    }
}

/// What the service signs with one of its keys.
fn sign(kind: &str, claims: &Value) -> String {
    Signer::file(kind).sign(json!({ "kid": kind }), claims)
}

/// The id of the account that the token leads to.
async fn account(server: &Server, subject: &str, token: &str) -> String {
    let path = format!("/api/{subject}/tasks");
    let answer = server.post(&path, json!({ "title": "a" })).bearer(token).send().await;
    answer.expect(StatusCode::CREATED);
    answer.body["user_id"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn outside_tokens_are_401_unless_they_are_trusted(server) {
        let token = ours().sign(json!({ "typ": "JWT" }), &json!({ "sub": "outside", "exp": now() + 60 }));
        assert_eq!(list_status(&server, "outside", &token).await, StatusCode::UNAUTHORIZED);
        assert_eq!(server.database.count("users").await, 0);
    }

    async fn the_shared_secret_brings_its_user(server, "--trust-external-tokens", "true") {
        let owner = server.owner().await;
        let outside = json!({ "sub": "outside|7", "exp": now() + 60, "email": "owner@example.com", "id": owner.id,
            "iss": "http://elsewhere.example", "aud": "http://elsewhere.example" });
        let token = ours().sign(json!({ "typ": "JWT" }), &outside);
        let path = "/api/outside%7C7/tasks";
        server.get(path).bearer(&token).send().await.expect(StatusCode::OK);
        server.post(path, json!({ "title": "a" })).bearer(&token).send().await.expect(StatusCode::CREATED);
        let list = server.get(path).bearer(&token).send().await;
        assert_eq!(list.body[0]["user_id"], "outside|7");
        assert_eq!(server.database.count("users").await, 2);
        // The owner's e-mail and id in other claims lead nowhere.
        let foreign = server.get(&owner.path("")).bearer(&token).send().await;
        foreign.expect_problem(StatusCode::FORBIDDEN, "forbidden");
        // Ours are still held to their session.
        server.post("/api/auth/sign-out", json!({})).bearer(&owner.token).send().await.expect(StatusCode::OK);
        assert_eq!(list_status(&server, &owner.id, &owner.token).await, StatusCode::UNAUTHORIZED);
    }

    async fn what_the_shared_secret_signed_for_something_else_is_401(server, "--trust-external-tokens", "true") {
        let owner = server.owner().await;
        let plain = json!({ "sub": "outside", "exp": now() + 60 });
        let usual = json!({ "typ": "JWT" });
        assert_eq!(list_status(&server, "outside", &ours().sign(json!({}), &plain)).await, StatusCode::OK);
        let bad = [
            ours().sign(usual.clone(), &without(&plain, "exp")),
            ours().sign(usual.clone(), &without(&plain, "sub")),
            ours().sign(usual.clone(), &with(&plain, "sub", "")),
            ours().sign(usual.clone(), &with(&plain, "sub", "a\0b")),
            ours().sign(usual.clone(), &with(&plain, "sub", "a".repeat(256))),
            ours().sign(usual.clone(), &with(&plain, "sub", 7)),
            ours().sign(usual.clone(), &with(&plain, "iss", 7)),
            ours().sign(usual.clone(), &with(&plain, "iss", "docket")),
            ours().sign(usual.clone(), &with(&plain, "sid", "01920000-0000-7000-8000-000000000001")),
            ours().sign(usual.clone(), &with(&plain, "exp", now() - 60)),
            ours().sign(usual.clone(), &with(&plain, "nbf", now() + 60)),
            ours().sign(json!({ "typ": "logout+jwt" }), &plain),
            ours().sign(json!({ "typ": "JWT", "crit": ["exp"] }), &plain),
            Signer::secret("").sign(usual.clone(), &plain),
            Signer::file("ed25519.pem").sign(usual.clone(), &plain),
            // What is one of ours, but for its session or its type, does not pass as an outsider's.
            ours().sign(usual.clone(), &claims(&owner.token)),
            ours().sign(usual, &without(&claims(&owner.token), "sid")),
        ];
        for token in &bad {
            assert_eq!(list_status(&server, "outside", token).await, StatusCode::UNAUTHORIZED, "{token}");
            assert_eq!(list_status(&server, &owner.id, token).await, StatusCode::UNAUTHORIZED, "{token}");
        }
        assert_eq!(server.database.count("users").await, 2);
    }

    async fn the_service_signs_with_what_it_publishes(server) {
        let service = Service::with_every_key().await;
        let server = service.trusted_by(&server, &[]).await;
        for kind in ["ed25519.pem", "p256.pem", "rsa.pem"] {
            assert_eq!(account(&server, kind, &sign(kind, &outsider(kind))).await, kind);
            assert_eq!(list_status(&server, kind, &sign(kind, &outsider(kind))).await, StatusCode::OK);
        }
        assert_eq!(service.asked(), 1);
        assert_eq!(server.database.count("users").await, 3);
        assert_eq!(server.database.count("identities").await, 3);
    }

    async fn what_the_service_would_not_have_signed_is_401(server) {
        let service = Service::with_every_key().await;
        let server = service.trusted_by(&server, &["--external-audience", "docket-api"]).await;
        let good = outsider("outside");
        assert_eq!(list_status(&server, "outside", &sign("rsa.pem", &good)).await, StatusCode::OK);
        let many = with(&good, "aud", json!(["docket-api", "another"]));
        assert_eq!(list_status(&server, "outside", &sign("p256.pem", &many)).await, StatusCode::OK);

        let ed25519 = Signer::file("ed25519.pem");
        let named = json!({ "kid": "ed25519.pem" });
        let bad = [
            sign("rsa.pem", &with(&good, "iss", "https://another.example")),
            sign("rsa.pem", &with(&good, "iss", json!([ISSUER]))),
            sign("rsa.pem", &without(&good, "iss")),
            sign("rsa.pem", &with(&good, "aud", "another")),
            sign("rsa.pem", &without(&good, "aud")),
            sign("rsa.pem", &with(&good, "exp", now() - 60)),
            sign("rsa.pem", &without(&good, "exp")),
            sign("rsa.pem", &without(&good, "sub")),
            sign("rsa.pem", &with(&good, "sub", "")),
            sign("rsa.pem", &with(&good, "nbf", now() + 60)),
            ed25519.sign(json!({}), &good),
            ed25519.sign(with(&named, "crit", json!(["exp"])), &good),
            ed25519.sign(with(&named, "typ", "logout+jwt"), &good),
            ed25519.sign(with(&named, "alg", "none"), &good),
            ed25519.sign(json!({ "kid": "rsa.pem" }), &good),
            Signer::file("ed25519-other.pem").sign(named.clone(), &good),
            // Neither the secret nor what everybody knows does for a key.
            ours().sign(named.clone(), &good),
            ours().sign(json!({}), &good),
            Signer::secret(ed25519.jwk("")["x"].as_str().unwrap()).sign(named.clone(), &good),
            Signer::secret(pem("ed25519.pem")).sign(named, &good),
        ];
        for token in &bad {
            assert_eq!(list_status(&server, "outside", token).await, StatusCode::UNAUTHORIZED, "{token}");
        }
        assert_eq!(service.asked(), 1);
    }

    async fn an_unknown_key_is_asked_for_at_most_once_a_minute(server) {
        let service = Service::start(&[Signer::file("p256.pem").jwk("p256.pem")]).await;
        let server = service.trusted_by(&server, &[]).await;
        let unknown = sign("rsa.pem", &outsider("outside"));
        let at_once = (0..8).map(|_| list_status(&server, "outside", &unknown));
        assert!(join_all(at_once).await.iter().all(|status| *status == StatusCode::UNAUTHORIZED));
        assert_eq!(service.asked(), 1);
        service.answer(StatusCode::OK, json!({ "keys": [Signer::file("rsa.pem").jwk("rsa.pem")] }).to_string());
        assert_eq!(list_status(&server, "outside", &unknown).await, StatusCode::UNAUTHORIZED);
        assert_eq!(list_status(&server, "outside", &sign("p256.pem", &outsider("outside"))).await, StatusCode::OK);
        assert_eq!(service.asked(), 1);
    }

    async fn an_outage_of_the_service_is_none_of_ours(server) {
        let service = Service::start(&[]).await;
        service.answer(StatusCode::BAD_GATEWAY, "");
        let server = service.trusted_by(&server, &[]).await;
        let owner = server.owner().await;
        owner.task("a").await;
        let token = sign("rsa.pem", &outsider("outside"));
        for _ in 0..2 {
            let answer = server.get("/api/outside/tasks").bearer(&token).send().await;
            answer.expect_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
            assert_ne!(answer.header("retry-after"), "");
        }
        assert_eq!(service.asked(), 1);
        assert_eq!(owner.titles("").await, ["a"]);
        let account = json!({ "email": "owner@example.com", "password": PASSWORD });
        server.post("/api/auth/sign-in/email", account).send().await.expect(StatusCode::OK);
        // What cannot be theirs is judged all the same.
        let expired = ours().access("1", &with(&claims(&owner.token), "exp", now() - 60));
        assert_eq!(list_status(&server, &owner.id, &expired).await, StatusCode::UNAUTHORIZED);
    }

    async fn known_keys_outlast_an_outage(server) {
        let service = Service::with_every_key().await;
        let server = service.trusted_by(&server, &[]).await;
        let token = sign("p256.pem", &outsider("outside"));
        assert_eq!(list_status(&server, "outside", &token).await, StatusCode::OK);
        service.answer(StatusCode::BAD_GATEWAY, "");
        assert_eq!(list_status(&server, "outside", &token).await, StatusCode::OK);
        assert_eq!(service.asked(), 1);
    }

    async fn our_own_tokens_never_ask_the_service(server, "--access-token-ttl", "60") {
        let service = Service::with_every_key().await;
        let owner = server.owner().await;
        for flags in [["--log", "info"], ["--signing-key-files", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/ed25519.pem")]] {
            let server = service.trusted_by(&server, &flags).await;
            let good = claims(&owner.token);
            let tokens = [
                owner.token.clone(),
                ours().access("1", &with(&good, "exp", now() - 60)),
                Signer::file("ed25519.pem").access("unknown", &good),
            ];
            for token in &tokens {
                list_status(&server, &owner.id, token).await;
            }
        }
        assert_eq!(service.asked(), 0);
    }

    async fn an_outsider_named_like_one_of_us_gets_an_account_of_their_own(server) {
        let service = Service::with_every_key().await;
        let server = service.trusted_by(&server, &[]).await;
        let owner = server.owner().await;
        owner.task("mine").await;
        let token = sign("rsa.pem", &outsider(&owner.id));
        let list = server.get(&owner.path("")).bearer(&token).send().await;
        assert_eq!(list.body, json!([]));
        let theirs = account(&server, &owner.id, &token).await;
        assert_ne!(theirs, owner.id);
        // They go by both names, and the owner by one.
        assert_eq!(list_status(&server, &theirs, &token).await, StatusCode::OK);
        assert_eq!(list_status(&server, &theirs, &owner.token).await, StatusCode::FORBIDDEN);
        assert_eq!(owner.titles("").await, ["mine"]);
        let other = server.get("/api/somebody/tasks").bearer(&token).send().await;
        other.expect_problem(StatusCode::FORBIDDEN, "forbidden");
    }

    async fn the_same_subject_of_two_issuers_is_two_users(server, "--trust-external-tokens", "true") {
        let by = |issuer: Option<&str>| {
            let claims = json!({ "sub": "7", "exp": now() + 60 });
            let claims = issuer.map_or(claims.clone(), |issuer| with(&claims, "iss", issuer));
            ours().sign(json!({ "typ": "JWT" }), &claims)
        };
        let mut accounts = Vec::new();
        for issuer in [Some("https://one.example"), Some("https://two.example"), None] {
            let account = account(&server, "7", &by(issuer)).await;
            let again = server.get("/api/7/tasks").bearer(&by(issuer)).send().await;
            assert_eq!(again.body.as_array().unwrap().len(), 1);
            assert_eq!(again.body[0]["user_id"], account);
            accounts.push(account);
        }
        assert_eq!(accounts[0], "7");
        accounts.sort();
        accounts.dedup();
        assert_eq!(accounts.len(), 3);
        assert_eq!(server.database.count("users").await, 3);
    }

    async fn an_account_from_before_the_mapping_is_found_again(server, "--trust-external-tokens", "true") {
        let row = "INSERT INTO users (id, name, created_at, updated_at) \
            VALUES ('7', '', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')";
        server.database.execute(row).await;
        let by = |issuer: &str| {
            let claims = json!({ "sub": "7", "iss": issuer, "exp": now() + 60 });
            ours().sign(json!({ "typ": "JWT" }), &claims)
        };
        assert_eq!(account(&server, "7", &by("https://one.example")).await, "7");
        assert_ne!(account(&server, "7", &by("https://two.example")).await, "7");
    }

    async fn an_outsider_who_comes_twice_at_once_is_one_user(server, "--trust-external-tokens", "true") {
        let owner = server.owner().await;
        for subject in ["outside", &owner.id] {
            let claims = json!({ "sub": subject, "exp": now() + 60 });
            let token = ours().sign(json!({ "typ": "JWT" }), &claims);
            let at_once = (0..8).map(|_| list_status(&server, subject, &token));
            assert!(join_all(at_once).await.iter().all(|status| *status == StatusCode::OK));
        }
        assert_eq!(server.database.count("users").await, 3);
        assert_eq!(server.database.count("identities").await, 2);
    }

    async fn an_outsider_has_no_session_here(server, "--trust-external-tokens", "true") {
        let token = ours().sign(json!({ "typ": "JWT" }), &json!({ "sub": "outside", "exp": now() + 60 }));
        for path in ["/api/auth/token", "/api/auth/list-sessions", "/api/auth/activity"] {
            let answer = server.request(Method::GET, path).bearer(&token).send().await;
            answer.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        }
        let session = server.get("/api/auth/get-session").bearer(&token).send().await;
        assert_eq!(session.text, "null");
    }
}
