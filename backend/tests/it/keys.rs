//! Signing keys: versioned secrets, Ed25519 key files, their rotation, and the JWKS.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::jwt::{Signer, base64, claims, header, list_status, pem, pem_file, server_key};
use crate::support::{SECRET, Server, on_both_databases};

const NEWER: &str = "another test secret of some length: 4567";
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/ed25519.pem");
const TWO_KEYS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/keys/ed25519-other.pem,",
    env!("CARGO_MANIFEST_DIR"),
    "/tests/keys/ed25519.pem"
);

/// A new access token of the same session.
async fn renewed(server: &Server, cookie: &str) -> String {
    let response = server
        .post("/api/auth/refresh", json!({}))
        .header("cookie", cookie)
        .send()
        .await;
    response.expect(StatusCode::OK);
    response.body["token"].as_str().unwrap().to_owned()
}

async fn current(server: &Server, token: &str) -> String {
    let response = server.get("/api/auth/token").bearer(token).send().await;
    response.expect(StatusCode::OK);
    response.body["token"].as_str().unwrap().to_owned()
}

async fn published(server: &Server) -> Vec<Value> {
    let response = server.get("/api/auth/jwks").send().await;
    response.expect(StatusCode::OK);
    response.body["keys"].as_array().unwrap().clone()
}

fn kid(token: &str) -> String {
    header(token)["kid"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn rotating_a_secret_keeps_sessions(server) {
        let owner = server.owner().await;
        assert_eq!(kid(&owner.token), "1");

        let both = server.another(&["--better-auth-secrets", &format!("2:{NEWER},1:{SECRET}")]).await;
        assert_eq!(list_status(&both, &owner.id, &owner.token).await, StatusCode::OK);
        let newer = renewed(&both, &owner.cookie).await;
        assert_eq!(kid(&newer), "2");
        assert_eq!(list_status(&both, &owner.id, &newer).await, StatusCode::OK);
        // A server without the new secret refuses its tokens, so every server gets both before the old one is removed.
        assert_eq!(list_status(&server, &owner.id, &newer).await, StatusCode::UNAUTHORIZED);
        let valid = claims(&newer);
        for (signer, kid) in [(server_key(), "2"), (Signer::secret(NEWER), "1"), (Signer::secret(NEWER), "3")] {
            let crossed = signer.access(kid, &valid);
            assert_eq!(list_status(&both, &owner.id, &crossed).await, StatusCode::UNAUTHORIZED);
        }

        let flags = ["--better-auth-secret", NEWER, "--better-auth-secrets", &format!("2:{NEWER}")];
        let after = server.another(&flags).await;
        assert_eq!(list_status(&after, &owner.id, &newer).await, StatusCode::OK);
        assert_eq!(list_status(&after, &owner.id, &owner.token).await, StatusCode::UNAUTHORIZED);
        let token = renewed(&after, &owner.cookie).await;
        assert_eq!(list_status(&after, &owner.id, &token).await, StatusCode::OK);
    }

    async fn the_highest_version_signs_in_any_order_of_the_list(server) {
        let owner = server.owner().await;
        let both = server.another(&["--better-auth-secrets", &format!("1:{SECRET}, 10:{NEWER}")]).await;
        assert_eq!(kid(&renewed(&both, &owner.cookie).await), "10");
    }

    async fn the_jwks_is_empty_without_key_files(server) {
        assert_eq!(published(&server).await, Vec::<Value>::new());
    }

    async fn access_tokens_verify_with_the_jwks_alone(server, "--signing-key-files", KEY) {
        let owner = server.owner().await;
        let keys = published(&server).await;
        let expected = Signer::file("ed25519.pem").jwk("");
        let [key] = keys.as_slice() else { panic!("{keys:?}") };
        assert_eq!(key["x"], expected["x"]);
        let fixed = json!({ "kid": key["kid"], "x": key["x"], "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig" });
        assert_eq!(*key, fixed);
        assert_eq!(header(&owner.token), json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key["kid"] }));

        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&["docket"]);
        validation.set_audience(&["docket"]);
        let verifying = DecodingKey::from_ed_components(key["x"].as_str().unwrap()).unwrap();
        let verified = decode::<Value>(&owner.token, &verifying, &validation).unwrap();
        assert_eq!(verified.claims["sub"], owner.id);
        assert_eq!(list_status(&server, &owner.id, &owner.token).await, StatusCode::OK);
    }

    async fn the_kid_is_the_rfc_7638_thumbprint(server, "--signing-key-files", KEY) {
        use sha2::{Digest, Sha256};
        let keys = published(&server).await;
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, keys[0]["x"].as_str().unwrap());
        assert_eq!(keys[0]["kid"], BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)));
    }

    async fn with_key_files_only_eddsa_is_accepted(server, "--signing-key-files", KEY) {
        let owner = server.owner().await;
        let valid = claims(&owner.token);
        let key = published(&server).await.remove(0);
        let (kid, x) = (key["kid"].as_str().unwrap(), key["x"].as_str().unwrap());
        assert_eq!(list_status(&server, &owner.id, &Signer::file("ed25519.pem").access(kid, &valid)).await, StatusCode::OK);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(x).unwrap();
        let unsigned = base64(&json!({ "alg": "none", "typ": "at+jwt", "kid": kid }));
        let eddsa_by_name = json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid });
        let invalid = [
            // The public key must not be accepted as an HMAC secret.
            Signer::secret(&bytes).access(kid, &valid),
            Signer::secret(x).access(kid, &valid),
            Signer::secret(key.to_string()).access(kid, &valid),
            Signer::secret(pem("ed25519.pem")).access(kid, &valid),
            server_key().access("1", &valid),
            server_key().access(kid, &valid),
            Signer::file("ed25519-other.pem").access(kid, &valid),
            Signer::file("ed25519.pem").access("1", &valid),
            Signer::file("ed25519.pem").sign(json!({ "typ": "at+jwt" }), &valid),
            Signer::file("ed25519.pem").sign(json!({ "typ": "JWT", "kid": kid }), &valid),
            Signer::file("ed25519.pem").sign(eddsa_by_name, &valid),
            Signer::file("p256.pem").access(kid, &valid),
            Signer::file("rsa.pem").access(kid, &valid),
            format!("{unsigned}.{}.", base64(&valid)),
        ];
        for token in &invalid {
            assert_eq!(list_status(&server, &owner.id, token).await, StatusCode::UNAUTHORIZED, "{token}");
        }
    }

    async fn rotating_a_key_keeps_sessions(server, "--signing-key-files", KEY) {
        let owner = server.owner().await;
        let both = server.another(&["--signing-key-files", TWO_KEYS]).await;
        assert_eq!(list_status(&both, &owner.id, &owner.token).await, StatusCode::OK);
        let newer = renewed(&both, &owner.cookie).await;
        let kids: Vec<String> = published(&both).await.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kids, [kid(&newer), kid(&owner.token)]);

        let after = server.another(&["--signing-key-files", &pem_file("ed25519-other.pem")]).await;
        assert_eq!(list_status(&after, &owner.id, &newer).await, StatusCode::OK);
        assert_eq!(list_status(&after, &owner.id, &owner.token).await, StatusCode::UNAUTHORIZED);
        let token = renewed(&after, &owner.cookie).await;
        assert_eq!(list_status(&after, &owner.id, &token).await, StatusCode::OK);
    }

    async fn switching_from_a_secret_to_a_key_keeps_sessions(server) {
        let owner = server.owner().await;
        let keyed = server.another(&["--signing-key-files", KEY]).await;
        assert_eq!(list_status(&keyed, &owner.id, &owner.token).await, StatusCode::UNAUTHORIZED);
        let token = renewed(&keyed, &owner.cookie).await;
        assert_eq!(header(&token)["alg"], "EdDSA");
        assert_eq!(list_status(&keyed, &owner.id, &token).await, StatusCode::OK);
    }

    async fn get_token_returns_the_same_token(server) {
        let owner = server.owner().await;
        let token = current(&server, &owner.token).await;
        // Its lifetime cannot be extended with it.
        assert_eq!(token, owner.token);

        server.post("/api/auth/sign-out", json!({})).bearer(&owner.token).send().await.expect(StatusCode::OK);
        for token in [token.as_str(), ""] {
            let response = server.get("/api/auth/token").bearer(token).send().await;
            response.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        }
    }
}
