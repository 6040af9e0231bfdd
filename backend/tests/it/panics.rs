//! A panic fails the request that caused it, and nothing else.

use std::future::pending;

use docket::serve::{Limits, serve};
use docket::{Outermost, Routes, openapi};
use futures_util::future::join_all;
use poem::EndpointExt;
use poem::endpoint::make_sync;
use reqwest::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{Database, Server, eventually, on_both_databases};

#[tokio::test]
async fn a_panic_in_a_handler_is_500_and_the_server_continues() {
    let routes = Routes::of(&openapi::document().unwrap());
    let outermost = Outermost {
        routes,
        origins: [].into(),
        enforces_https: false,
        trusted_proxies: [].into(),
    };
    let endpoint = make_sync(|request| {
        assert_ne!(request.uri().path(), "/api/panic", "on purpose: secret-of-the-panic");
        "served"
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, endpoint.with(outermost), Limits::default(), pending()));
    let server = Server::at(base, Database::sqlite());
    for _ in 0..2 {
        let response = server.get("/api/panic").send().await;
        response.expect_problem(StatusCode::INTERNAL_SERVER_ERROR, "internal");
        assert!(!response.text.contains("secret-of-the-panic"), "{}", response.text);
        assert_eq!(response.header("x-request-id").len(), 36);
        assert_eq!(server.get("/api/fine").send().await.text, "served");
    }
}

on_both_databases! {
    /// The end of a session that began in the last year that the clock knows cannot be computed, which is a panic in the
    /// middle of a transaction.
    async fn a_panic_in_a_write_fails_only_that_write(server) {
        let (broken, owner) = (server.user("broken@example.com").await, server.owner().await);
        let year = if server.database.url.starts_with("sqlite:") { "+262142" } else { "262142" };
        let sql = format!("UPDATE sessions SET created_at = '{year}-12-31T00:00:00+00:00' WHERE user_id = '{}'", broken.id);
        server.database.execute(&sql).await;
        let renew = || server.post("/api/auth/refresh", json!({})).header("cookie", &broken.cookie).send();
        for round in 0..5 {
            let creates = join_all((0..20).map(|number| owner.post(json!({ "title": format!("{round} {number}") })).send()));
            let (panicked, created) = tokio::join!(renew(), creates);
            panicked.expect_problem(StatusCode::INTERNAL_SERVER_ERROR, "internal");
            created.iter().for_each(|response| response.expect(StatusCode::CREATED));
        }
        assert_eq!(owner.titles("?limit=500").await.len(), 100);
        let is_ready = async || (server.get("/health/ready").send().await.status == StatusCode::OK).then_some(());
        eventually("the server is ready", is_ready).await;
    }
}
