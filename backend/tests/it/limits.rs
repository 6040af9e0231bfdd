//! What one user can use: writes per second, tasks, and sessions.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{PASSWORD, Request, Response, User, eventually, id, on_both_databases};

/// Sends 100 requests at once until one is refused, and returns its response.
async fn refused(request: impl Fn() -> Request) -> Response {
    for _ in 0..100 {
        let responses = join_all((0..100).map(|_| request().send())).await;
        let mut responses = responses.into_iter();
        if let Some(refused) = responses.find(|response| response.status == StatusCode::TOO_MANY_REQUESTS) {
            return refused;
        }
    }
    panic!("no request is refused")
}

/// Creates a task and returns the response.
async fn create(owner: &User<'_>) -> Response {
    owner.post(json!({ "title": "Water the plants" })).send().await
}

#[track_caller]
fn expect_too_many_tasks(response: &Response) {
    response.expect_problem(StatusCode::CONFLICT, "too_many_tasks");
    let detail = response.body["detail"].as_str().unwrap();
    assert!(detail.contains("Delete tasks"), "{detail}");
}

on_both_databases! {
    async fn writes_of_a_user_are_limited(server, "--rate-limit", "on") {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        let task = owner.task("Water the plants").await;
        // Invalid writes count, too.
        let refused = refused(|| owner.post(json!({ "title": "" }))).await;
        refused.expect_problem(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
        assert_eq!(refused.body["detail"], "Too many changes. Try again in a second.");
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(refused.header("ratelimit-policy"), "\"writes\";q=600;w=10");
        // Reads, and other users, are not affected.
        assert_eq!(owner.titles("").await, ["Water the plants"]);
        other.task("Water the plants").await;
        // A refused write succeeds later.
        let changed = eventually("a write is accepted", async || {
            let response = owner.put(id(&task), json!({ "title": "Feed the cat" })).send().await;
            (response.status != StatusCode::TOO_MANY_REQUESTS).then_some(response)
        });
        changed.await.expect(StatusCode::OK);
    }

    async fn every_write_of_a_user_is_limited(server, "--rate-limit", "on") {
        let owner = server.owner().await;
        let task = owner.task("Water the plants").await;
        let post = |path: &str| server.post(&format!("/api/auth/{path}"), json!({ "surprise": 1 })).bearer(&owner.token);
        let requests: [&dyn Fn() -> Request; 7] = [
            &|| owner.put(id(&task), json!({})),
            &|| owner.toggle(id(&task)),
            &|| owner.delete(id(&task)).header("if-match", "\"0\""),
            &|| post("update-user"),
            &|| post("revoke-session"),
            &|| post("change-password"),
            &|| post("delete-user"),
        ];
        for request in requests {
            assert_eq!(refused(request).await.header("ratelimit-policy"), "\"writes\";q=600;w=10");
        }
        // Signing out is always possible.
        post("sign-out").send().await.expect(StatusCode::OK);
    }

    async fn a_user_has_at_most_tasks_max_tasks(server, "--tasks-max", "3") {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        let first = owner.task("Water the plants").await;
        // Of concurrent requests, as many succeed as there is room for.
        let statuses: Vec<_> = join_all((0..10).map(|_| create(&owner))).await.iter().map(|one| one.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == StatusCode::CREATED).count(), 2, "{statuses:?}");
        expect_too_many_tasks(&create(&owner).await);
        assert_eq!(owner.titles("").await.len(), 3);
        // A repeated request creates no task.
        let repeated = owner.post(json!({ "title": "Water the plants" })).header("idempotency-key", id(&first));
        repeated.send().await.expect(StatusCode::CREATED);
        other.task("Water the plants").await;
        // Everything else is possible, and a deleted task makes room.
        owner.toggle(id(&first)).send().await.expect(StatusCode::OK);
        owner.delete(id(&first)).send().await.expect(StatusCode::NO_CONTENT);
        create(&owner).await.expect(StatusCode::CREATED);
        expect_too_many_tasks(&create(&owner).await);
    }

    async fn servers_on_one_database_share_the_number_of_tasks(server, "--tasks-max", "5") {
        let owner = server.owner().await;
        let second = server.another(&["--tasks-max", "5"]).await;
        let at_the_other = || async {
            let request = second.request(Method::POST, &owner.path("")).bearer(&owner.token);
            request.json(json!({ "title": "Water the plants" })).send().await
        };
        let (here, there) = tokio::join!(
            join_all((0..10).map(|_| create(&owner))),
            join_all((0..10).map(|_| at_the_other())),
        );
        let created = here.iter().chain(&there).filter(|response| response.status == StatusCode::CREATED);
        assert_eq!(created.count(), 5);
        assert_eq!(owner.titles("").await.len(), 5);
    }

    async fn a_wrong_number_of_tasks_is_corrected(server, "--tasks-max", "3") {
        let owner = server.owner().await;
        owner.task("Water the plants").await;
        // As after a delete by a server of the version before, which does not maintain the number.
        server.database.execute("UPDATE users SET task_count = 3").await;
        create(&owner).await.expect(StatusCode::CREATED);
        assert_eq!(server.database.count("users WHERE task_count = 2").await, 1);
    }

    async fn the_number_of_existing_tasks_is_counted(server, "--tasks-max", "3") {
        let owner = server.owner().await;
        let deleted = owner.task("Water the plants").await;
        owner.delete(id(&deleted)).send().await.expect(StatusCode::NO_CONTENT);
        owner.task("Feed the cat").await;
        assert_eq!(server.database.count("users WHERE task_count = 1").await, 1);
    }

    async fn a_new_sign_in_ends_the_session_that_was_idle_longest(server) {
        let owner = server.owner().await;
        let sqlite = server.database.url.starts_with("sqlite:");
        let (number, uuid) = if sqlite {
            ("(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99) SELECT i FROM n) AS n", "unhex(printf('%032x', n.i))")
        } else {
            ("generate_series(1, 99) AS n(i)", "lpad(to_hex(n.i), 32, '0')::uuid")
        };
        // 99 more sessions, the first idle since long ago, the others renewed after the owner's first.
        let updated_at = if sqlite {
            "CASE n.i WHEN 1 THEN '2001-01-01T00:00:00+00:00' ELSE '2990-01-01T00:00:00+00:00' END"
        } else {
            "CASE n.i WHEN 1 THEN timestamptz '2001-01-01' ELSE timestamptz '2990-01-01' END"
        };
        let copy = format!(
            "INSERT INTO sessions (id, user_id, refresh_hash, rotated_at, expires_at, created_at, updated_at, authenticated_at) \
             SELECT {uuid}, user_id, refresh_hash, rotated_at, expires_at, created_at, {updated_at}, authenticated_at \
             FROM sessions CROSS JOIN {number}"
        );
        server.database.execute(&copy).await;
        assert_eq!(server.database.count("sessions").await, 100);
        let credentials = json!({ "email": "owner@example.com", "password": PASSWORD });
        server.post("/api/auth/sign-in/email", credentials.clone()).send().await.expect(StatusCode::OK);
        assert_eq!(server.database.count("sessions").await, 100);
        assert_eq!(server.database.count("sessions WHERE updated_at < '2002-01-01T00:00:00+00:00'").await, 0);
        owner.get("").send().await.expect(StatusCode::OK);
        // Then the owner's first session is idle longest.
        server.post("/api/auth/sign-in/email", credentials).send().await.expect(StatusCode::OK);
        owner.get("").send().await.expect(StatusCode::UNAUTHORIZED);
        assert_eq!(server.database.count("sessions").await, 100);
    }
}
