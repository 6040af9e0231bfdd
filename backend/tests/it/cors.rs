//! CORS: which origins may call the API.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Database, Server, on_both_databases};

/// The origin of `trunk serve`.
const DEVELOPMENT: &str = "http://localhost:8080";

/// The origin that the server allows for a request from [`DEVELOPMENT`]; empty if none.
async fn allowed(server: &Server) -> String {
    let response = server.get("/health/live").header("origin", DEVELOPMENT).send().await;
    response.header("access-control-allow-origin").to_owned()
}

on_both_databases! {
    async fn allowed_origins_get_cors_headers(server) {
        let owner = server.owner().await;
        for origin in ["http://localhost:8080", "http://127.0.0.1:8080"] {
            let preflight = server
                .request(Method::OPTIONS, &owner.path(""))
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization,content-type,idempotency-key");
            let response = preflight.send().await;
            response.expect(StatusCode::NO_CONTENT);
            assert_eq!(response.header("access-control-allow-origin"), origin);
            assert_eq!(response.header("access-control-allow-credentials"), "true");
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                assert!(response.header("access-control-allow-methods").contains(method));
            }
            for name in ["Authorization", "Content-Type", "Idempotency-Key", "If-Match"] {
                assert!(response.header("access-control-allow-headers").contains(name));
            }

            let listed = owner.get("").header("origin", origin).send().await;
            listed.expect(StatusCode::OK);
            assert_eq!(listed.header("access-control-allow-origin"), origin);
            for name in ["ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"] {
                assert!(listed.header("access-control-expose-headers").contains(name));
            }
            // Error responses are readable, too.
            let refused = owner.post(json!({ "title": "" })).header("origin", origin).send().await;
            refused.expect_invalid("/title");
            assert_eq!(refused.header("access-control-allow-origin"), origin);
        }
    }

    async fn other_origins_get_no_cors_headers(server) {
        let owner = server.owner().await;
        for origin in ["http://evil.example", "null", "http://localhost:8080.evil.example"] {
            for request in [
                owner.get("").header("origin", origin),
                server
                    .request(Method::OPTIONS, &owner.path(""))
                    .header("origin", origin)
                    .header("access-control-request-method", "GET"),
            ] {
                let response = request.send().await;
                assert_eq!(response.header("access-control-allow-origin"), "");
                assert_eq!(response.header("vary"), "Origin");
            }
        }
    }

    async fn cors_origins_are_configurable(server, "--cors-origins", "https://tasks.example, https://other.example") {
        let response = server.get("/health/live").header("origin", "https://other.example").send().await;
        assert_eq!(response.header("access-control-allow-origin"), "https://other.example");
        assert_eq!(allowed(&server).await, "");
    }
}

#[tokio::test]
async fn the_origins_of_development_are_trusted_in_development_only() {
    let database = Database::sqlite();
    for (flags, expected) in [
        (vec![], DEVELOPMENT),
        (vec!["--better-auth-url", "http://localhost:8000"], DEVELOPMENT),
        (vec!["--better-auth-url", "https://tasks.example"], ""),
        (vec!["--better-auth-url", "https://localhost:8443"], ""),
        (vec!["--better-auth-url", "http://tasks.example"], ""),
        (vec!["--bind", "0.0.0.0:0"], ""),
        (
            vec![
                "--better-auth-url",
                "https://tasks.example",
                "--cors-origins",
                DEVELOPMENT,
            ],
            DEVELOPMENT,
        ),
    ] {
        let server = Server::start(Database::at(database.url.clone()), &flags).await;
        assert_eq!(allowed(&server).await, expected, "{flags:?}");
        // The same origins may use cookies.
        let renewal = server
            .post("/api/auth/refresh", json!({}))
            .header("origin", DEVELOPMENT)
            .send()
            .await;
        let refused = renewal.status == StatusCode::FORBIDDEN;
        assert_eq!(refused, expected.is_empty(), "{flags:?}: {}", renewal.status);
    }
}
