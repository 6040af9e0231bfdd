//! Which pages of other origins may call the API.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::on_both_databases;

on_both_databases! {
    async fn allowed_origins_may_call(server) {
        let owner = server.owner().await;
        for origin in ["http://localhost:8080", "http://127.0.0.1:8080"] {
            let preflight = server
                .request(Method::OPTIONS, &owner.path(""))
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization,content-type,idempotency-key");
            let answer = preflight.send().await;
            answer.expect(StatusCode::NO_CONTENT);
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(answer.header("access-control-allow-credentials"), "true");
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                assert!(answer.header("access-control-allow-methods").contains(method));
            }
            for name in ["Authorization", "Content-Type", "Idempotency-Key", "If-Match"] {
                assert!(answer.header("access-control-allow-headers").contains(name));
            }

            let listed = owner.get("").header("origin", origin).send().await;
            listed.expect(StatusCode::OK);
            assert_eq!(listed.header("access-control-allow-origin"), origin);
            for name in ["ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"] {
                assert!(listed.header("access-control-expose-headers").contains(name));
            }
            // A page must be able to read errors too.
            let refused = owner.post(json!({ "title": "" })).header("origin", origin).send().await;
            refused.expect_invalid("/title");
            assert_eq!(refused.header("access-control-allow-origin"), origin);
        }
    }

    async fn other_origins_may_not(server) {
        let owner = server.owner().await;
        for origin in ["http://evil.example", "null", "http://localhost:8080.evil.example"] {
            for request in [
                owner.get("").header("origin", origin),
                server
                    .request(Method::OPTIONS, &owner.path(""))
                    .header("origin", origin)
                    .header("access-control-request-method", "GET"),
            ] {
                let answer = request.send().await;
                assert_eq!(answer.header("access-control-allow-origin"), "");
                assert_eq!(answer.header("vary"), "Origin");
            }
        }
    }

    async fn the_list_of_origins_is_configured(server, "--cors-origins", "https://tasks.example, https://other.example") {
        let answer = server.get("/health/live").header("origin", "https://other.example").send().await;
        assert_eq!(answer.header("access-control-allow-origin"), "https://other.example");
        let answer = server.get("/health/live").header("origin", "http://localhost:8080").send().await;
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}
