//! Which bearer tokens are accepted.

use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{SECRET, Server, on_both_databases};

fn sign(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    encode(
        &Header::new(algorithm),
        claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .unwrap()
}

fn base64(json: &Value) -> String {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}

/// The claims of a token that our server signed.
fn claims(token: &str) -> Value {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn now() -> i64 {
    Utc::now().timestamp()
}

async fn list_status(server: &Server, user_id: &str, token: &str) -> StatusCode {
    let answer = server.get(&format!("/api/{user_id}/tasks")).bearer(token).send().await;
    if answer.status == StatusCode::UNAUTHORIZED {
        answer.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    answer.status
}

on_both_databases! {
    async fn our_tokens_say_what_the_design_says(server) {
        let owner = server.owner().await;
        let claims = claims(&owner.token);
        assert_eq!(claims["sub"], owner.id);
        assert_eq!(claims["iss"], "docket");
        assert_eq!(claims["aud"], "docket");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
        assert!(claims["sid"].is_string());
        assert_eq!(list_status(&server, &owner.id, &owner.token).await, StatusCode::OK);
    }

    async fn tokens_that_we_would_not_have_signed_are_401(server) {
        let owner = server.owner().await;
        let good = claims(&owner.token);
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        let without = |name: &str| {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().remove(name);
            claims
        };
        let hs256 = |claims: &Value| sign(Algorithm::HS256, SECRET, claims);
        assert_eq!(list_status(&server, &owner.id, &hs256(&good)).await, StatusCode::OK);

        let unsigned = format!("{}.{}.", base64(&json!({ "alg": "none", "typ": "JWT" })), base64(&good));
        let mut tampered = owner.token.clone();
        let place = tampered.len() - 5..tampered.len() - 4;
        let other = if &tampered[place.clone()] == "A" { "B" } else { "A" };
        tampered.replace_range(place, other);
        let bad = [
            unsigned,
            tampered,
            sign(Algorithm::HS256, "another secret of sufficient length", &good),
            sign(Algorithm::HS256, "", &good),
            sign(Algorithm::HS384, SECRET, &good),
            sign(Algorithm::HS512, SECRET, &good),
            hs256(&without("exp")),
            hs256(&without("sub")),
            hs256(&without("sid")),
            hs256(&without("iss")),
            hs256(&without("aud")),
            hs256(&with("iss", json!("elsewhere"))),
            hs256(&with("aud", json!("elsewhere"))),
            hs256(&with("exp", json!(now() - 60))),
            hs256(&with("exp", json!("soon"))),
            hs256(&with("nbf", json!(now() + 600))),
            hs256(&with("sub", json!(""))),
            hs256(&with("sub", json!(5))),
            hs256(&with("sid", json!("nonsense"))),
            hs256(&with("sid", json!("01920000-0000-7000-8000-000000000001"))),
            "nonsense".to_owned(),
            "a.b.c".to_owned(),
            String::new(),
        ];
        for token in &bad {
            assert_eq!(list_status(&server, &owner.id, token).await, StatusCode::UNAUTHORIZED, "{token}");
        }
    }

    async fn a_token_is_only_good_for_the_user_of_its_session(server) {
        let owner = server.owner().await;
        let stranger = server.user("stranger@example.com").await;
        let mut mixed = claims(&stranger.token);
        mixed["sub"] = json!(owner.id);
        let token = sign(Algorithm::HS256, SECRET, &mixed);
        assert_eq!(list_status(&server, &owner.id, &token).await, StatusCode::UNAUTHORIZED);
    }

    async fn tokens_of_a_deleted_user_are_401(server) {
        let owner = server.owner().await;
        owner.task("a").await;
        server.database.execute(&format!("DELETE FROM users WHERE id = '{}'", owner.id)).await;
        assert_eq!(list_status(&server, &owner.id, &owner.token).await, StatusCode::UNAUTHORIZED);
        let refresh = server.post("/api/auth/refresh", json!({})).header("cookie", &owner.cookie).send().await;
        refresh.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }

    async fn outside_tokens_are_401_unless_they_are_trusted(server) {
        let token = sign(Algorithm::HS256, SECRET, &json!({ "sub": "outside", "exp": now() + 60 }));
        assert_eq!(list_status(&server, "outside", &token).await, StatusCode::UNAUTHORIZED);
        assert_eq!(server.database.count("users").await, 0);
    }

    async fn a_trusted_outside_token_brings_its_user(server, "--trust-external-tokens", "true") {
        let owner = server.owner().await;
        let outside = json!({ "sub": "outside|7", "exp": now() + 60, "email": "owner@example.com", "id": owner.id,
            "iss": "http://elsewhere.example", "aud": "http://elsewhere.example" });
        let token = sign(Algorithm::HS256, SECRET, &outside);
        let path = "/api/outside%7C7/tasks";
        server.get(path).bearer(&token).send().await.expect(StatusCode::OK);
        server.post(path, json!({ "title": "a" })).bearer(&token).send().await.expect(StatusCode::CREATED);
        let list = server.get(path).bearer(&token).send().await;
        assert_eq!(list.body[0]["user_id"], "outside|7");
        assert_eq!(server.database.count("users").await, 2);
        // Only `sub` counts: the owner's e-mail and id in other claims lead nowhere.
        let foreign = server.get(&owner.path("")).bearer(&token).send().await;
        foreign.expect_problem(StatusCode::FORBIDDEN, "forbidden");
        for claims in [json!({ "sub": "outside" }), json!({ "exp": now() + 60 }), json!({ "sub": "", "exp": now() + 60 })] {
            let token = sign(Algorithm::HS256, SECRET, &claims);
            assert_eq!(list_status(&server, "outside", &token).await, StatusCode::UNAUTHORIZED);
        }
        // Ours are still held to their session.
        server.post("/api/auth/sign-out", json!({})).bearer(&owner.token).send().await.expect(StatusCode::OK);
        assert_eq!(list_status(&server, &owner.id, &owner.token).await, StatusCode::UNAUTHORIZED);
    }
}
