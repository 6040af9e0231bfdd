//! The export: complete, streamed in bounded memory, and recognizably incomplete after an error.

use std::collections::HashSet;

use reqwest::StatusCode;
use shared::profile::Export;

use crate::support::{Server, User, eventually, on_both_databases};

const PATH: &str = "/api/auth/export";

/// Adds `count` tasks with descriptions of 1000 characters directly to the database.
pub async fn fill(server: &Server, owner: &User<'_>, count: usize) {
    let id = &owner.id;
    let (series, uuid) = server.database.series(count);
    let time = "'2026-01-01T00:00:00+00:00'";
    let sql = format!(
        "INSERT INTO tasks (user_id, id, title, title_key, description, completed, created_at, updated_at, revision) \
         SELECT '{id}', {uuid}, 'task ' || n.i, 'task ' || n.i, '{}', FALSE, {time}, {time}, n.i FROM {series}; \
         UPDATE users SET revision = {count} WHERE id = '{id}'",
        "\u{e9}".repeat(1000)
    );
    server.database.execute(&sql).await;
}

/// Adds `count` events to each account directly to the database.
async fn copy_events(server: &Server, count: usize) {
    let (series, uuid) = server.database.series(count);
    let sql = format!(
        "INSERT INTO audit_events (user_id, id, event, request_id, created_at) \
         SELECT users.id, {uuid}, 'signed_in', 'r', created_at FROM users CROSS JOIN {series}"
    );
    server.database.execute(&sql).await;
}

on_both_databases! {
    async fn an_export_of_many_pages_is_complete_without_duplicates(server) {
        let owner = server.owner().await;
        let stranger = server.user("other@example.com").await;
        stranger.task("of somebody else").await;
        // All tasks have the same time, so only the id separates the pages.
        fill(&server, &owner, 1203).await;
        owner.task("the last").await;
        let response = server.get(PATH).bearer(&owner.token).send().await;
        response.expect(StatusCode::OK);
        assert_eq!(response.header("content-type"), "application/json");
        assert_eq!(response.header("content-disposition"), "attachment; filename=\"docket-export.json\"");
        assert_eq!(response.header("cache-control"), "no-store");

        let export: Export = serde_json::from_str(&response.text).unwrap();
        assert_eq!(export.user.id, owner.id);
        assert_eq!(export.tasks[0].title, "the last");
        assert_eq!(export.tasks.len(), 1204);
        let titles: HashSet<&str> = export.tasks.iter().map(|task| task.title.as_str()).collect();
        assert_eq!(titles.len(), 1204);
    }

    async fn an_export_without_tasks_is_valid(server) {
        let owner = server.owner().await;
        let response = server.get(PATH).bearer(&owner.token).send().await;
        let export: Export = serde_json::from_str(&response.text).unwrap();
        assert!(export.tasks.is_empty());
        assert_eq!(export.activity.len(), 1);
    }

    async fn the_export_contains_all_activity(server) {
        let owner = server.owner().await;
        copy_events(&server, 601).await;
        let response = server.get(PATH).bearer(&owner.token).send().await;
        let export: Export = serde_json::from_str(&response.text).unwrap();
        assert_eq!(export.activity.len(), 602);
        let ids: HashSet<&str> = export.activity.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids.len(), 602);
        assert!(export.activity.is_sorted_by(|newer, older| newer.id > older.id));
    }

    async fn a_user_has_one_export_at_a_time(server) {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        // More than the socket buffers hold, so that the export does not end before it is read.
        fill(&server, &owner, 20_000).await;
        let mut first = server.get(PATH).bearer(&owner.token).open().await;
        assert_eq!(first.status(), StatusCode::OK);
        first.chunk().await.unwrap().unwrap();
        let second = server.get(PATH).bearer(&owner.token).send().await;
        second.expect_problem(StatusCode::CONFLICT, "export_running");
        server.get(PATH).bearer(&other.token).send().await.expect(StatusCode::OK);
        // A cancelled one makes room.
        drop(first);
        eventually("the next export is sent", async || {
            let next = server.get(PATH).bearer(&owner.token).open().await;
            (next.status() == StatusCode::OK).then_some(())
        })
        .await;
    }

    async fn a_failed_export_is_never_a_complete_response(server, "--database-max-connections", "1") {
        let owner = server.owner().await;
        // More than the socket buffers hold, so that most is not yet read from the database when the first chunk arrives.
        fill(&server, &owner, 20_000).await;
        let mut response = server.get(PATH).bearer(&owner.token).open().await;
        assert_eq!(response.status(), StatusCode::OK);
        let mut text = response.chunk().await.unwrap().unwrap().to_vec();
        // While the client does not read, the export holds no database connection.
        assert_eq!(owner.titles("?limit=1").await.len(), 1);

        server.database.execute("ALTER TABLE tasks RENAME TO tasks_elsewhere").await;
        let broken = loop {
            match response.chunk().await {
                Ok(Some(more)) => text.extend_from_slice(&more),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        assert!(broken, "the response ended without an error after {} bytes", text.len());
        assert!(serde_json::from_slice::<Export>(&text).is_err());
        server.get("/health/live").send().await.expect(StatusCode::OK);
    }
}
