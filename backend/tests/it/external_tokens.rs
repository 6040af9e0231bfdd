//! Access tokens of an external issuer, signed with the shared secret or with a key of its JWKS.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Data;
use poem::{EndpointExt, Route, Server as PoemServer, get, handler};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::jwt::{Signer, claims, list_status, now, pem, server_key, with, without};
use crate::program::{Output, docket, run};
use crate::support::{PASSWORD, Server, on_both_databases};

const ISSUER: &str = "https://issuer.example";

/// Valid claims of the issuer.
fn issuer_claims(subject: &str) -> Value {
    json!({ "sub": subject, "iss": ISSUER, "aud": "docket-api", "iat": now(), "exp": now() + 300,
        "email": "owner@example.com", "name": "Owner" })
}

/// An external issuer: its JWKS endpoint, with a count of the fetches.
struct Issuer {
    url: String,
    shared: Arc<Jwks>,
}

struct Jwks {
    fetches: AtomicUsize,
    response: Mutex<(StatusCode, String)>,
}

#[handler]
fn serve_jwks(jwks: Data<&Arc<Jwks>>) -> poem::Response {
    jwks.fetches.fetch_add(1, Ordering::SeqCst);
    let (status, body) = jwks.response.lock().unwrap().clone();
    let response = poem::Response::builder()
        .status(status)
        .content_type("application/json");
    response.header("location", "/elsewhere").body(body)
}

impl Issuer {
    async fn start(keys: &[Value]) -> Self {
        let shared = Arc::new(Jwks {
            fetches: AtomicUsize::new(0),
            response: Mutex::new((StatusCode::OK, json!({ "keys": keys }).to_string())),
        });
        let routes = Route::new().at("/jwks", get(serve_jwks)).data(Arc::clone(&shared));
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        tokio::spawn(PoemServer::new_with_acceptor(acceptor).run(routes));
        Self {
            url: format!("http://{address}/jwks"),
            shared,
        }
    }

    /// An issuer with a key of each algorithm. The `kid` is the file name.
    async fn with_all_keys() -> Self {
        let kinds = ["ed25519.pem", "p256.pem", "rsa.pem"];
        Self::start(&kinds.map(|kind| Signer::file(kind).jwk(kind))).await
    }

    fn respond_with(&self, status: StatusCode, body: impl Into<String>) {
        *self.shared.response.lock().unwrap() = (status, body.into());
    }

    fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    /// A server on the same database that accepts the tokens of this issuer.
    async fn trusted_by(&self, server: &Server, flags: &[&str]) -> Server {
        let trust = [
            "--trust-external-tokens",
            "true",
            "--external-issuer",
            ISSUER,
            "--external-audience",
            "docket-api",
            "--external-jwks-url",
            &self.url,
        ];
        server.another(&[trust.as_slice(), flags].concat()).await
    }
}

/// A token signed with that key of the issuer.
fn sign(kind: &str, claims: &Value) -> String {
    Signer::file(kind).sign(json!({ "kid": kind }), claims)
}

/// A token signed with the shared secret, issued that many seconds ago.
fn issued(subject: &str, seconds_ago: i64) -> String {
    let issued_at = now() - seconds_ago;
    server_key().sign(
        json!({ "typ": "JWT" }),
        &json!({ "sub": subject, "iat": issued_at, "exp": now() + 300 }),
    )
}

/// Runs `docket revoke-sessions`.
async fn revoke_sessions_command(server: &Server, user: &str) -> Output {
    let mut command = docket();
    command
        .args(["revoke-sessions", user])
        .env("DATABASE_URL", &server.database.url);
    run(command).await
}

/// The id of the account of the token.
async fn account(server: &Server, subject: &str, token: &str) -> String {
    let path = format!("/api/{subject}/tasks");
    let response = server.post(&path, json!({ "title": "a" })).bearer(token).send().await;
    response.expect(StatusCode::CREATED);
    response.body["user_id"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn external_tokens_are_401_by_default(server) {
        let token = server_key().sign(json!({ "typ": "JWT" }), &json!({ "sub": "outside", "iat": now(), "exp": now() + 60 }));
        assert_eq!(list_status(&server, "outside", &token).await, StatusCode::UNAUTHORIZED);
        assert_eq!(server.database.count("users").await, 0);
    }

    async fn a_token_signed_with_the_shared_secret_creates_its_user(server, "--trust-external-tokens", "true") {
        let owner = server.owner().await;
        let outside = json!({ "sub": "outside|7", "iat": now(), "exp": now() + 60, "email": "owner@example.com", "id": owner.id,
            "iss": "http://elsewhere.example", "aud": "http://elsewhere.example" });
        let token = server_key().sign(json!({ "typ": "JWT" }), &outside);
        let path = "/api/outside%7C7/tasks";
        server.get(path).bearer(&token).send().await.expect(StatusCode::OK);
        server.post(path, json!({ "title": "a" })).bearer(&token).send().await.expect(StatusCode::CREATED);
        let list = server.get(path).bearer(&token).send().await;
        assert_eq!(list.body[0]["user_id"], "outside|7");
        assert_eq!(server.database.count("users").await, 2);
        // Other claims with the owner's e-mail and id are ignored.
        let foreign = server.get(&owner.path("")).bearer(&token).send().await;
        foreign.expect_problem(StatusCode::FORBIDDEN, "forbidden");
        // Tokens of this server still need a live session.
        server.post("/api/auth/sign-out", json!({})).bearer(&owner.token).send().await.expect(StatusCode::OK);
        assert_eq!(list_status(&server, &owner.id, &owner.token).await, StatusCode::UNAUTHORIZED);
    }

    async fn invalid_tokens_signed_with_the_shared_secret_are_401(server, "--trust-external-tokens", "true") {
        let owner = server.owner().await;
        let plain = json!({ "sub": "outside", "iat": now(), "exp": now() + 60 });
        let usual = json!({ "typ": "JWT" });
        assert_eq!(list_status(&server, "outside", &server_key().sign(json!({}), &plain)).await, StatusCode::OK);
        let invalid = [
            server_key().sign(usual.clone(), &without(&plain, "exp")),
            server_key().sign(usual.clone(), &without(&plain, "sub")),
            server_key().sign(usual.clone(), &with(&plain, "sub", "")),
            server_key().sign(usual.clone(), &with(&plain, "sub", "a\0b")),
            server_key().sign(usual.clone(), &with(&plain, "sub", "a".repeat(256))),
            server_key().sign(usual.clone(), &with(&plain, "sub", 7)),
            server_key().sign(usual.clone(), &with(&plain, "iss", 7)),
            server_key().sign(usual.clone(), &with(&plain, "iss", "docket")),
            server_key().sign(usual.clone(), &with(&plain, "sid", "01920000-0000-7000-8000-000000000001")),
            server_key().sign(usual.clone(), &with(&plain, "exp", now() - 60)),
            server_key().sign(usual.clone(), &with(&plain, "nbf", now() + 60)),
            server_key().sign(json!({ "typ": "logout+jwt" }), &plain),
            server_key().sign(json!({ "typ": "JWT", "crit": ["exp"] }), &plain),
            Signer::secret("").sign(usual.clone(), &plain),
            Signer::file("ed25519.pem").sign(usual.clone(), &plain),
            // A token of this server with another type, or without its session.
            server_key().sign(usual.clone(), &claims(&owner.token)),
            server_key().sign(usual, &without(&claims(&owner.token), "sid")),
        ];
        for token in &invalid {
            assert_eq!(list_status(&server, "outside", token).await, StatusCode::UNAUTHORIZED, "{token}");
            assert_eq!(list_status(&server, &owner.id, token).await, StatusCode::UNAUTHORIZED, "{token}");
        }
        assert_eq!(server.database.count("users").await, 2);
    }

    async fn tokens_signed_with_a_published_key_are_accepted(server) {
        let issuer = Issuer::with_all_keys().await;
        let server = issuer.trusted_by(&server, &[]).await;
        for kind in ["ed25519.pem", "p256.pem", "rsa.pem"] {
            assert_eq!(account(&server, kind, &sign(kind, &issuer_claims(kind))).await, kind);
            assert_eq!(list_status(&server, kind, &sign(kind, &issuer_claims(kind))).await, StatusCode::OK);
        }
        assert_eq!(issuer.fetches(), 1);
        assert_eq!(server.database.count("users").await, 3);
        assert_eq!(server.database.count("identities").await, 3);
    }

    async fn invalid_tokens_of_the_issuer_are_401(server) {
        let issuer = Issuer::with_all_keys().await;
        let server = issuer.trusted_by(&server, &[]).await;
        let valid = issuer_claims("outside");
        assert_eq!(list_status(&server, "outside", &sign("rsa.pem", &valid)).await, StatusCode::OK);
        let many = with(&valid, "aud", json!(["docket-api", "another"]));
        assert_eq!(list_status(&server, "outside", &sign("p256.pem", &many)).await, StatusCode::OK);

        let ed25519 = Signer::file("ed25519.pem");
        let named = json!({ "kid": "ed25519.pem" });
        let invalid = [
            sign("rsa.pem", &with(&valid, "iss", "https://another.example")),
            sign("rsa.pem", &with(&valid, "iss", json!([ISSUER]))),
            sign("rsa.pem", &without(&valid, "iss")),
            sign("rsa.pem", &with(&valid, "aud", "another")),
            sign("rsa.pem", &without(&valid, "aud")),
            sign("rsa.pem", &with(&valid, "exp", now() - 60)),
            sign("rsa.pem", &without(&valid, "exp")),
            sign("rsa.pem", &without(&valid, "sub")),
            sign("rsa.pem", &with(&valid, "sub", "")),
            sign("rsa.pem", &with(&valid, "nbf", now() + 60)),
            ed25519.sign(json!({}), &valid),
            ed25519.sign(with(&named, "crit", json!(["exp"])), &valid),
            ed25519.sign(with(&named, "typ", "logout+jwt"), &valid),
            ed25519.sign(with(&named, "alg", "none"), &valid),
            ed25519.sign(json!({ "kid": "rsa.pem" }), &valid),
            Signer::file("ed25519-other.pem").sign(named.clone(), &valid),
            // Neither the shared secret nor the public key is an HMAC key.
            server_key().sign(named.clone(), &valid),
            server_key().sign(json!({}), &valid),
            Signer::secret(ed25519.jwk("")["x"].as_str().unwrap()).sign(named.clone(), &valid),
            Signer::secret(pem("ed25519.pem")).sign(named, &valid),
        ];
        for token in &invalid {
            assert_eq!(list_status(&server, "outside", token).await, StatusCode::UNAUTHORIZED, "{token}");
        }
        assert_eq!(issuer.fetches(), 1);
    }

    async fn the_jwks_is_fetched_at_most_once_a_minute(server) {
        let issuer = Issuer::start(&[Signer::file("p256.pem").jwk("p256.pem")]).await;
        let server = issuer.trusted_by(&server, &[]).await;
        let unknown = sign("rsa.pem", &issuer_claims("outside"));
        let at_once = (0..8).map(|_| list_status(&server, "outside", &unknown));
        assert!(join_all(at_once).await.iter().all(|status| *status == StatusCode::UNAUTHORIZED));
        assert_eq!(issuer.fetches(), 1);
        issuer.respond_with(StatusCode::OK, json!({ "keys": [Signer::file("rsa.pem").jwk("rsa.pem")] }).to_string());
        assert_eq!(list_status(&server, "outside", &unknown).await, StatusCode::UNAUTHORIZED);
        assert_eq!(list_status(&server, "outside", &sign("p256.pem", &issuer_claims("outside"))).await, StatusCode::OK);
        assert_eq!(issuer.fetches(), 1);
    }

    async fn an_outage_of_the_issuer_does_not_affect_own_tokens(server) {
        let issuer = Issuer::start(&[]).await;
        issuer.respond_with(StatusCode::BAD_GATEWAY, "");
        let server = issuer.trusted_by(&server, &[]).await;
        let owner = server.owner().await;
        owner.task("a").await;
        let token = sign("rsa.pem", &issuer_claims("outside"));
        for _ in 0..2 {
            let response = server.get("/api/outside/tasks").bearer(&token).send().await;
            response.expect_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
            assert_ne!(response.header("retry-after"), "");
        }
        assert_eq!(issuer.fetches(), 1);
        assert_eq!(owner.titles("").await, ["a"]);
        let account = json!({ "email": "owner@example.com", "password": PASSWORD });
        server.post("/api/auth/sign-in/email", account).send().await.expect(StatusCode::OK);
        // A token that cannot be the issuer's is refused without its keys.
        let expired = server_key().access("1", &with(&claims(&owner.token), "exp", now() - 60));
        assert_eq!(list_status(&server, &owner.id, &expired).await, StatusCode::UNAUTHORIZED);
    }

    async fn cached_keys_work_during_an_outage_of_the_issuer(server) {
        let issuer = Issuer::with_all_keys().await;
        let server = issuer.trusted_by(&server, &[]).await;
        let token = sign("p256.pem", &issuer_claims("outside"));
        assert_eq!(list_status(&server, "outside", &token).await, StatusCode::OK);
        issuer.respond_with(StatusCode::BAD_GATEWAY, "");
        assert_eq!(list_status(&server, "outside", &token).await, StatusCode::OK);
        assert_eq!(issuer.fetches(), 1);
    }

    async fn own_tokens_never_fetch_the_jwks(server, "--access-token-ttl", "60") {
        let issuer = Issuer::with_all_keys().await;
        let owner = server.owner().await;
        for flags in [["--log", "info"], ["--signing-key-files", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/ed25519.pem")]] {
            let server = issuer.trusted_by(&server, &flags).await;
            let valid = claims(&owner.token);
            let tokens = [
                owner.token.clone(),
                server_key().access("1", &with(&valid, "exp", now() - 60)),
                Signer::file("ed25519.pem").access("unknown", &valid),
            ];
            for token in &tokens {
                list_status(&server, &owner.id, token).await;
            }
        }
        assert_eq!(issuer.fetches(), 0);
    }

    async fn an_external_subject_equal_to_a_user_id_gets_a_new_account(server) {
        let issuer = Issuer::with_all_keys().await;
        let server = issuer.trusted_by(&server, &[]).await;
        let owner = server.owner().await;
        owner.task("mine").await;
        let token = sign("rsa.pem", &issuer_claims(&owner.id));
        let list = server.get(&owner.path("")).bearer(&token).send().await;
        assert_eq!(list.body, json!([]));
        let new_account = account(&server, &owner.id, &token).await;
        assert_ne!(new_account, owner.id);
        // The path may name the subject or the account id of the external user.
        assert_eq!(list_status(&server, &new_account, &token).await, StatusCode::OK);
        assert_eq!(list_status(&server, &new_account, &owner.token).await, StatusCode::FORBIDDEN);
        assert_eq!(owner.titles("").await, ["mine"]);
        let other = server.get("/api/somebody/tasks").bearer(&token).send().await;
        other.expect_problem(StatusCode::FORBIDDEN, "forbidden");
    }

    async fn the_same_subject_of_two_issuers_is_two_users(server, "--trust-external-tokens", "true") {
        let by = |issuer: Option<&str>| {
            let claims = json!({ "sub": "7", "iat": now(), "exp": now() + 60 });
            let claims = issuer.map_or(claims.clone(), |issuer| with(&claims, "iss", issuer));
            server_key().sign(json!({ "typ": "JWT" }), &claims)
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

    async fn an_account_created_before_identities_existed_is_mapped(server, "--trust-external-tokens", "true") {
        let row = "INSERT INTO users (id, name, created_at, updated_at) \
            VALUES ('7', '', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')";
        server.database.execute(row).await;
        let by = |issuer: &str| {
            let claims = json!({ "sub": "7", "iss": issuer, "iat": now(), "exp": now() + 60 });
            server_key().sign(json!({ "typ": "JWT" }), &claims)
        };
        assert_eq!(account(&server, "7", &by("https://one.example")).await, "7");
        assert_ne!(account(&server, "7", &by("https://two.example")).await, "7");
    }

    async fn concurrent_first_requests_create_one_user(server, "--trust-external-tokens", "true") {
        let owner = server.owner().await;
        for subject in ["outside", &owner.id] {
            let claims = json!({ "sub": subject, "iat": now(), "exp": now() + 60 });
            let token = server_key().sign(json!({ "typ": "JWT" }), &claims);
            let at_once = (0..8).map(|_| list_status(&server, subject, &token));
            assert!(join_all(at_once).await.iter().all(|status| *status == StatusCode::OK));
        }
        assert_eq!(server.database.count("users").await, 3);
        assert_eq!(server.database.count("identities").await, 2);
    }

    async fn external_tokens_have_no_session(server, "--trust-external-tokens", "true") {
        let token = server_key().sign(json!({ "typ": "JWT" }), &json!({ "sub": "outside", "iat": now(), "exp": now() + 60 }));
        for path in ["/api/auth/token", "/api/auth/list-sessions", "/api/auth/activity"] {
            let response = server.request(Method::GET, path).bearer(&token).send().await;
            response.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        }
        let session = server.get("/api/auth/get-session").bearer(&token).send().await;
        assert_eq!(session.text, "null");
    }

    async fn external_tokens_are_valid_for_24_hours_at_most(server, "--trust-external-tokens", "true") {
        let plain = json!({ "sub": "outside", "iat": now(), "exp": now() + 30 * 86_400 });
        let sign = |claims: &Value| server_key().sign(json!({ "typ": "JWT" }), claims);
        for seconds_ago in [0, 86_000] {
            let token = sign(&with(&plain, "iat", now() - seconds_ago));
            assert_eq!(list_status(&server, "outside", &token).await, StatusCode::OK, "{seconds_ago}");
        }
        let fraction = sign(&with(&plain, "iat", 0.5 + now() as f64 - 1.0));
        assert_eq!(list_status(&server, "outside", &fraction).await, StatusCode::OK);
        let invalid = [
            with(&plain, "iat", now() - 86_401),
            with(&plain, "iat", now() + 600),
            with(&plain, "iat", Value::Null),
            with(&plain, "iat", "now"),
            with(&plain, "iat", -1e300),
            with(&plain, "iat", 1e300),
            without(&plain, "iat"),
        ];
        for claims in &invalid {
            assert_eq!(list_status(&server, "outside", &sign(claims)).await, StatusCode::UNAUTHORIZED, "{claims}");
        }
    }

    async fn revoke_sessions_revokes_the_tokens_of_an_external_user(server, "--trust-external-tokens", "true") {
        let elsewhere = server.another(&["--trust-external-tokens", "true"]).await;
        // The clock of the issuer may be ahead by as much as the tolerance for `iat`.
        let tokens = [issued("outside", 600), issued("outside", 0), issued("outside", -4)];
        for token in &tokens {
            assert_eq!(list_status(&elsewhere, "outside", token).await, StatusCode::OK);
        }
        let other = issued("other", 0);
        assert_eq!(list_status(&server, "other", &other).await, StatusCode::OK);
        let revoked = server.post("/api/auth/revoke-sessions", json!({})).bearer(&tokens[0]).send().await;
        revoked.expect(StatusCode::OK);
        for token in &tokens {
            for server in [&server, &elsewhere] {
                assert_eq!(list_status(server, "outside", token).await, StatusCode::UNAUTHORIZED);
            }
        }
        assert_eq!(list_status(&server, "other", &other).await, StatusCode::OK);
        assert_eq!(server.database.count("audit_events WHERE event = 'all_sessions_revoked' AND user_id = 'outside'").await, 1);
        // As if the revocation had been five minutes ago.
        let then = (Utc::now() - TimeDelta::minutes(5)).to_rfc3339();
        server.database.execute(&format!("UPDATE identities SET tokens_revoked_at = '{then}'")).await;
        assert_eq!(list_status(&server, "outside", &tokens[0]).await, StatusCode::UNAUTHORIZED);
        assert_eq!(list_status(&server, "outside", &tokens[1]).await, StatusCode::OK);
    }

    async fn revoke_sessions_command_signs_out_any_user(server, "--trust-external-tokens", "true") {
        let owner = server.owner().await;
        let outside = issued("outside", 0);
        // This account has an id of its own, because its subject is the id of another one.
        let same = issued(&owner.id, 0);
        let other = server.user("other@example.com").await;
        for (subject, token) in [("outside", &outside), (owner.id.as_str(), &same)] {
            assert_eq!(list_status(&server, subject, token).await, StatusCode::OK);
        }
        let done = revoke_sessions_command(&server, "outside").await;
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.stdout.contains("outside"), "{done:?}");
        assert_eq!(list_status(&server, "outside", &outside).await, StatusCode::UNAUTHORIZED);
        owner.get("").send().await.expect(StatusCode::OK);
        let done = revoke_sessions_command(&server, "Owner@example.com").await;
        assert_eq!(done.code, Some(0), "{done:?}");
        owner.get("").send().await.expect(StatusCode::UNAUTHORIZED);
        assert_eq!(list_status(&server, &owner.id, &same).await, StatusCode::OK);
        let done = revoke_sessions_command(&server, &owner.id).await;
        assert_eq!(done.code, Some(0), "{done:?}");
        assert_eq!(list_status(&server, &owner.id, &same).await, StatusCode::UNAUTHORIZED);
        other.get("").send().await.expect(StatusCode::OK);
        for user in ["nobody", "nobody@example.com"] {
            let refused = revoke_sessions_command(&server, user).await;
            assert_eq!(refused.code, Some(1));
            assert!(refused.stderr.contains("DATABASE_URL") && refused.stdout.is_empty(), "{refused:?}");
        }
    }

    async fn an_external_user_can_export_and_delete_with_a_recent_token(server, "--trust-external-tokens", "true") {
        let recent = json!({ "sub": "outside", "iat": now() - 60, "exp": now() + 300 });
        let sign = |claims: &Value| server_key().sign(json!({ "typ": "JWT" }), claims);
        let token = sign(&recent);
        account(&server, "outside", &token).await;
        let old = [with(&recent, "iat", now() - 1000), with(&recent, "auth_time", now() - 1000)];
        for claims in &old {
            let token = sign(claims);
            assert_eq!(list_status(&server, "outside", &token).await, StatusCode::OK);
            for request in [server.get("/api/auth/export"), server.post("/api/auth/delete-user", json!({}))] {
                let refused = request.bearer(&token).send().await;
                refused.expect_problem(StatusCode::FORBIDDEN, "session_not_fresh");
            }
        }
        let export = server.get("/api/auth/export").bearer(&sign(&with(&recent, "auth_time", now() - 120))).send().await;
        export.expect(StatusCode::OK);
        assert_eq!(export.body["user"]["id"], "outside");
        assert_eq!(export.body["tasks"][0]["title"], "a");
        assert_eq!(export.body["sessions"], json!([]));

        // An account with a password is not deleted without it.
        let owner = server.owner().await;
        for body in [json!({}), json!({ "password": null })] {
            let refused = server.post("/api/auth/delete-user", body).bearer(&owner.token).send().await;
            refused.expect_invalid("/password");
        }
        server.post("/api/auth/delete-user", json!({})).bearer(&token).send().await.expect(StatusCode::OK);
        assert_eq!(server.database.count("users").await, 1);
        assert_eq!(server.database.count("identities").await, 0);
        assert_eq!(server.database.count("tasks").await, 0);
        // The issuer still vouches for the user, who gets a new account.
        let list = server.get("/api/outside/tasks").bearer(&token).send().await;
        assert_eq!(list.body, json!([]));
    }
}
