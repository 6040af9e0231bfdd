//! Which of our own bearer tokens are accepted.

use jsonwebtoken::Algorithm;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::jwt::{Signer, base64, claims, header, list_status, now, ours, with, without};
use crate::support::{SECRET, on_both_databases};

on_both_databases! {
    async fn our_tokens_say_what_the_specification_says(server) {
        let owner = server.owner().await;
        assert_eq!(header(&owner.token), json!({ "alg": "HS256", "typ": "at+jwt", "kid": "1" }));
        let claims = claims(&owner.token);
        assert_eq!(claims["sub"], owner.id);
        assert_eq!(claims["iss"], "docket");
        assert_eq!(claims["aud"], "docket");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
        assert!(claims["sid"].is_string() && claims["jti"].is_string() && claims["ver"].is_i64());
        assert_eq!(claims.as_object().unwrap().len(), 8);
        assert_eq!(list_status(&server, &owner.id, &owner.token).await, StatusCode::OK);
    }

    async fn claims_that_we_would_not_have_signed_are_401(server) {
        let owner = server.owner().await;
        let good = claims(&owner.token);
        let signed = |claims: &Value| ours().access("1", claims);
        assert_eq!(list_status(&server, &owner.id, &signed(&good)).await, StatusCode::OK);
        for name in good.as_object().unwrap().keys() {
            let token = signed(&without(&good, name));
            assert_eq!(list_status(&server, &owner.id, &token).await, StatusCode::UNAUTHORIZED, "without {name}");
            for value in [Value::Null, json!([]), json!({}), json!(true), json!(1.5), json!("nonsense"), json!([good[name]])] {
                let token = signed(&with(&good, name, value.clone()));
                let status = list_status(&server, &owner.id, &token).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{name}: {value}");
            }
        }
        let bad = [
            with(&good, "iss", "elsewhere"),
            with(&good, "aud", "elsewhere"),
            with(&good, "exp", now() - 60),
            with(&good, "exp", -1),
            with(&good, "nbf", now() + 600),
            with(&good, "nbf", "soon"),
            with(&good, "sub", ""),
            with(&good, "ver", good["ver"].as_i64().unwrap() + 1),
            with(&good, "ver", good["ver"].to_string()),
            with(&good, "sid", "01920000-0000-7000-8000-000000000001"),
        ];
        for claims in &bad {
            assert_eq!(list_status(&server, &owner.id, &signed(claims)).await, StatusCode::UNAUTHORIZED, "{claims}");
        }
    }

    async fn clocks_may_be_five_seconds_apart(server) {
        let owner = server.owner().await;
        let good = claims(&owner.token);
        let expiring = |seconds: i64| ours().access("1", &with(&good, "exp", now() + seconds));
        assert_eq!(list_status(&server, &owner.id, &expiring(0)).await, StatusCode::OK);
        assert_eq!(list_status(&server, &owner.id, &expiring(-7)).await, StatusCode::UNAUTHORIZED);
    }

    async fn headers_that_we_would_not_have_signed_are_401(server) {
        let owner = server.owner().await;
        let good = claims(&owner.token);
        let usual = json!({ "typ": "at+jwt", "kid": "1" });
        let unsigned = format!("{}.{}.", base64(&json!({ "alg": "none", "typ": "at+jwt", "kid": "1" })), base64(&good));
        let mut tampered = owner.token.clone();
        let place = tampered.len() - 5..tampered.len() - 4;
        let other = if &tampered[place.clone()] == "A" { "B" } else { "A" };
        tampered.replace_range(place, other);
        let stripped = format!("{}.", owner.token.rsplit_once('.').unwrap().0);
        let by = |algorithm| Signer { algorithm, ..ours() }.access("1", &good);
        let bad = [
            unsigned,
            tampered,
            stripped,
            Signer::secret("another secret of sufficient length").access("1", &good),
            Signer::secret("").access("1", &good),
            by(Algorithm::HS384),
            by(Algorithm::HS512),
            ours().sign(with(&usual, "alg", "none"), &good),
            ours().sign(with(&usual, "alg", "EdDSA"), &good),
            ours().sign(with(&usual, "typ", "JWT"), &good),
            ours().sign(with(&usual, "typ", "reset+jwt"), &good),
            ours().sign(with(&usual, "typ", 1), &good),
            ours().sign(without(&usual, "typ"), &good),
            ours().sign(with(&usual, "kid", "2"), &good),
            ours().sign(with(&usual, "kid", 1), &good),
            ours().sign(with(&usual, "kid", ""), &good),
            ours().sign(without(&usual, "kid"), &good),
            ours().sign(with(&usual, "crit", json!(["exp"])), &good),
            ours().sign(with(&with(&usual, "crit", json!(["b64"])), "b64", false), &good),
            "nonsense".to_owned(),
            "a.b.c".to_owned(),
            String::new(),
        ];
        for token in &bad {
            assert_eq!(list_status(&server, &owner.id, token).await, StatusCode::UNAUTHORIZED, "{token}");
        }
    }

    async fn a_key_that_a_token_brings_along_counts_for_nothing(server) {
        let owner = server.owner().await;
        let good = claims(&owner.token);
        let stranger = Signer::file("ed25519.pem");
        let places = json!({ "typ": "at+jwt", "kid": "1", "jku": "https://elsewhere.example/jwks",
            "x5u": "https://elsewhere.example/x5u", "jwk": stranger.jwk("1") });
        for kid in ["1", "https://elsewhere.example/jwks"] {
            let token = stranger.sign(with(&places, "kid", kid), &good);
            assert_eq!(list_status(&server, &owner.id, &token).await, StatusCode::UNAUTHORIZED, "{kid}");
        }
        // Nor does it spoil a token that holds without it.
        assert_eq!(list_status(&server, &owner.id, &ours().sign(places, &good)).await, StatusCode::OK);
    }

    async fn what_is_made_for_another_purpose_opens_nothing(server) {
        let owner = server.owner().await;
        let refresh = owner.cookie.split_once('=').unwrap().1;
        for secret in [refresh, refresh.split_once('.').unwrap().1, SECRET] {
            assert_eq!(list_status(&server, &owner.id, secret).await, StatusCode::UNAUTHORIZED, "{secret}");
        }
        let renewal = server.post("/api/auth/refresh", json!({}));
        let cookie = format!("docket_refresh={}", owner.token);
        renewal.header("cookie", &cookie).send().await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }

    async fn a_token_is_only_good_for_the_user_of_its_session(server) {
        let owner = server.owner().await;
        let stranger = server.user("stranger@example.com").await;
        let mixed = with(&claims(&stranger.token), "sub", owner.id.as_str());
        assert_eq!(list_status(&server, &owner.id, &ours().access("1", &mixed)).await, StatusCode::UNAUTHORIZED);
    }

    async fn tokens_of_a_deleted_user_are_401(server) {
        let owner = server.owner().await;
        owner.task("a").await;
        server.database.execute(&format!("DELETE FROM users WHERE id = '{}'", owner.id)).await;
        assert_eq!(list_status(&server, &owner.id, &owner.token).await, StatusCode::UNAUTHORIZED);
        let refresh = server.post("/api/auth/refresh", json!({})).header("cookie", &owner.cookie).send().await;
        refresh.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }
}
