//! Concurrent requests: the result is that of some sequential order.

use std::collections::HashSet;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Database, PASSWORD, Server, id, on_both_databases, serve, titles};

on_both_databases! {
    async fn concurrent_toggles_are_all_applied(server) {
        let owner = server.owner().await;
        let task = owner.task("a").await;
        for _ in 0..10 {
            let (one, two) = tokio::join!(owner.toggle(id(&task)).send(), owner.toggle(id(&task)).send());
            assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK));
            assert_ne!(one.body["completed"], two.body["completed"]);
        }
        assert_eq!(owner.get(&format!("/{}", id(&task))).send().await.body["completed"], false);
    }

    async fn concurrent_creates_are_all_applied(server) {
        let owner = server.owner().await;
        let creates = (0..100).map(|number| owner.post(json!({ "title": number.to_string() })).send());
        let created = join_all(creates).await;
        let revisions: HashSet<i64> = created.iter().map(|response| response.body["revision"].as_i64().unwrap()).collect();
        assert_eq!(revisions, (1..=100).collect());
        assert!(created.iter().all(|response| response.status == StatusCode::CREATED));
        let listed: HashSet<String> = owner.titles("").await.into_iter().collect();
        assert_eq!(listed, (0..100).map(|number| number.to_string()).collect());
    }

    async fn failed_creates_do_not_fail_concurrent_ones(server) {
        let owner = server.owner().await;
        let key = "01920000-0000-7000-8000-000000000001";
        owner.post(json!({ "title": "deleted" })).header("idempotency-key", key).send().await.expect(StatusCode::CREATED);
        owner.delete(key).send().await.expect(StatusCode::NO_CONTENT);
        let mixed = (0..60).map(|number| {
            let create = owner.post(json!({ "title": number.to_string() }));
            if number % 3 == 0 { create.header("idempotency-key", key) } else { create }.send()
        });
        let statuses: Vec<StatusCode> = join_all(mixed).await.iter().map(|response| response.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == StatusCode::CREATED).count(), 40);
        assert_eq!(statuses.iter().filter(|status| **status == StatusCode::CONFLICT).count(), 20);
        assert_eq!(owner.titles("").await.len(), 40);
    }

    async fn concurrent_sign_ups_with_one_email_create_one_account(server) {
        let sign_ups = (0..100).map(|number| {
            let email = if number % 2 == 0 { "owner@example.com" } else { "Owner@EXAMPLE.com" };
            let account = json!({ "name": "Owner", "email": email, "password": PASSWORD });
            server.post("/api/auth/sign-up/email", account).send()
        });
        let responses = join_all(sign_ups).await;
        let made = responses.iter().filter(|response| response.status == StatusCode::OK).count();
        assert_eq!(made, 1);
        for refused in responses.iter().filter(|response| response.status != StatusCode::OK) {
            refused.expect_problem(StatusCode::UNPROCESSABLE_ENTITY, "email_taken");
        }
        assert_eq!(server.database.count("users").await, 1);
    }

    async fn a_write_is_visible_to_the_next_read_on_every_server(server) {
        let other = serve(&server.database.url, &[]).await;
        let owner = server.owner().await;
        let list = |base: &str| {
            let request = reqwest::Client::new().get(format!("{base}{}", owner.path(""))).bearer_auth(&owner.token);
            async { request.send().await.unwrap().json().await.unwrap() }
        };
        for number in 1..=20 {
            owner.task(&number.to_string()).await;
            for base in [&other, &server.base] {
                assert_eq!(titles(&list(base).await).len(), number);
            }
        }
        server.post("/api/auth/sign-out", json!({})).bearer(&owner.token).send().await.expect(StatusCode::OK);
        let refused = reqwest::Client::new().get(format!("{other}{}", owner.path(""))).bearer_auth(&owner.token);
        assert_eq!(refused.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
}

async fn two_servers_start_at_once(database: Database) {
    let (one, two) = tokio::join!(serve(&database.url, &[]), serve(&database.url, &[]));
    for base in [one, two] {
        let ready = reqwest::get(format!("{base}/health/ready")).await.unwrap();
        assert_eq!(ready.status(), StatusCode::OK);
    }
    // A third server starts on the migrated database.
    let server = Server::start(database, &[]).await;
    server.owner().await.task("a").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_start_at_once_on_a_new_sqlite_file() {
    two_servers_start_at_once(Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_start_at_once_on_a_new_postgres_database() {
    if let Some(database) = Database::postgres().await {
        two_servers_start_at_once(database).await;
    }
}
