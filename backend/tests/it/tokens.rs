//! Verification of the server's own access tokens.

use jsonwebtoken::Algorithm;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::jwt::{Signer, base64, claims, header, list_status, now, server_key, with, without};
use crate::support::{SECRET, on_both_databases};

on_both_databases! {
    async fn access_tokens_have_the_specified_header_and_claims(server) {
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

    async fn invalid_claims_are_401(server) {
        let owner = server.owner().await;
        let valid = claims(&owner.token);
        let signed = |claims: &Value| server_key().access("1", claims);
        assert_eq!(list_status(&server, &owner.id, &signed(&valid)).await, StatusCode::OK);
        for name in valid.as_object().unwrap().keys() {
            let token = signed(&without(&valid, name));
            assert_eq!(list_status(&server, &owner.id, &token).await, StatusCode::UNAUTHORIZED, "without {name}");
            for value in [Value::Null, json!([]), json!({}), json!(true), json!(1.5), json!("nonsense"), json!([valid[name]])] {
                let token = signed(&with(&valid, name, value.clone()));
                let status = list_status(&server, &owner.id, &token).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{name}: {value}");
            }
        }
        let invalid = [
            with(&valid, "iss", "elsewhere"),
            with(&valid, "aud", "elsewhere"),
            with(&valid, "exp", now() - 60),
            with(&valid, "exp", -1),
            with(&valid, "nbf", now() + 600),
            with(&valid, "nbf", "soon"),
            with(&valid, "sub", ""),
            with(&valid, "ver", valid["ver"].as_i64().unwrap() + 1),
            with(&valid, "ver", valid["ver"].to_string()),
            with(&valid, "sid", "01920000-0000-7000-8000-000000000001"),
        ];
        for claims in &invalid {
            assert_eq!(list_status(&server, &owner.id, &signed(claims)).await, StatusCode::UNAUTHORIZED, "{claims}");
        }
    }

    async fn exp_has_a_leeway_of_5_seconds(server) {
        let owner = server.owner().await;
        let valid = claims(&owner.token);
        let expiring = |seconds: i64| server_key().access("1", &with(&valid, "exp", now() + seconds));
        assert_eq!(list_status(&server, &owner.id, &expiring(0)).await, StatusCode::OK);
        assert_eq!(list_status(&server, &owner.id, &expiring(-7)).await, StatusCode::UNAUTHORIZED);
    }

    async fn invalid_headers_and_signatures_are_401(server) {
        let owner = server.owner().await;
        let valid = claims(&owner.token);
        let usual = json!({ "typ": "at+jwt", "kid": "1" });
        let unsigned = format!("{}.{}.", base64(&json!({ "alg": "none", "typ": "at+jwt", "kid": "1" })), base64(&valid));
        let mut tampered = owner.token.clone();
        let place = tampered.len() - 5..tampered.len() - 4;
        let other = if &tampered[place.clone()] == "A" { "B" } else { "A" };
        tampered.replace_range(place, other);
        let stripped = format!("{}.", owner.token.rsplit_once('.').unwrap().0);
        let by = |algorithm| Signer { algorithm, ..server_key() }.access("1", &valid);
        let invalid = [
            unsigned,
            tampered,
            stripped,
            Signer::secret("another secret of sufficient length").access("1", &valid),
            Signer::secret("").access("1", &valid),
            by(Algorithm::HS384),
            by(Algorithm::HS512),
            server_key().sign(with(&usual, "alg", "none"), &valid),
            server_key().sign(with(&usual, "alg", "EdDSA"), &valid),
            server_key().sign(with(&usual, "typ", "JWT"), &valid),
            server_key().sign(with(&usual, "typ", "reset+jwt"), &valid),
            server_key().sign(with(&usual, "typ", 1), &valid),
            server_key().sign(without(&usual, "typ"), &valid),
            server_key().sign(with(&usual, "kid", "2"), &valid),
            server_key().sign(with(&usual, "kid", 1), &valid),
            server_key().sign(with(&usual, "kid", ""), &valid),
            server_key().sign(without(&usual, "kid"), &valid),
            server_key().sign(with(&usual, "crit", json!(["exp"])), &valid),
            server_key().sign(with(&with(&usual, "crit", json!(["b64"])), "b64", false), &valid),
            "nonsense".to_owned(),
            "a.b.c".to_owned(),
            String::new(),
        ];
        for token in &invalid {
            assert_eq!(list_status(&server, &owner.id, token).await, StatusCode::UNAUTHORIZED, "{token}");
        }
    }

    async fn jwk_jku_and_x5u_headers_are_ignored(server) {
        let owner = server.owner().await;
        let valid = claims(&owner.token);
        let stranger = Signer::file("ed25519.pem");
        let places = json!({ "typ": "at+jwt", "kid": "1", "jku": "https://elsewhere.example/jwks",
            "x5u": "https://elsewhere.example/x5u", "jwk": stranger.jwk("1") });
        for kid in ["1", "https://elsewhere.example/jwks"] {
            let token = stranger.sign(with(&places, "kid", kid), &valid);
            assert_eq!(list_status(&server, &owner.id, &token).await, StatusCode::UNAUTHORIZED, "{kid}");
        }
        // A valid token stays valid with these headers.
        assert_eq!(list_status(&server, &owner.id, &server_key().sign(places, &valid)).await, StatusCode::OK);
    }

    async fn refresh_tokens_and_secrets_are_no_access_tokens(server) {
        let owner = server.owner().await;
        let refresh = owner.cookie.split_once('=').unwrap().1;
        for secret in [refresh, refresh.split_once('.').unwrap().1, SECRET] {
            assert_eq!(list_status(&server, &owner.id, secret).await, StatusCode::UNAUTHORIZED, "{secret}");
        }
        let renewal = server.post("/api/auth/refresh", json!({}));
        let cookie = format!("docket_refresh={}", owner.token);
        renewal.header("cookie", &cookie).send().await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }

    async fn sub_must_be_the_user_of_the_session(server) {
        let owner = server.owner().await;
        let stranger = server.user("stranger@example.com").await;
        let mixed = with(&claims(&stranger.token), "sub", owner.id.as_str());
        assert_eq!(list_status(&server, &owner.id, &server_key().access("1", &mixed)).await, StatusCode::UNAUTHORIZED);
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
