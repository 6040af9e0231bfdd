//! How long rows are kept: the history, tombstones of deleted tasks, and how they are deleted.

use chrono::{TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Server, User, eventually, id, on_both_databases};

/// More than a transaction of a sweep deletes.
const MANY: usize = 1203;
/// The number of rows that a transaction of a sweep deletes.
const STEP: usize = 500;

/// A literal of the time `days` days ago.
fn days_ago(days: i64) -> String {
    let time = Utc::now() - TimeDelta::days(days);
    format!("'{}'", time.format("%Y-%m-%dT%H:%M:%S+00:00"))
}

/// Adds `MANY` events and tombstones to the account, a year old, directly to the database.
async fn add_old_rows(server: &Server, owner: &User<'_>) {
    let (series, uuid) = server.database.series(MANY);
    let (id, time) = (&owner.id, days_ago(365));
    let sql = format!(
        "INSERT INTO audit_events (user_id, id, event, request_id, created_at) \
         SELECT '{id}', {uuid}, 'signed_in', 'r', {time} FROM {series}; \
         INSERT INTO tasks (user_id, id, title, title_key, completed, created_at, updated_at, revision, deleted_at) \
         SELECT '{id}', {uuid}, '', '', FALSE, {time}, {time}, 0, {time} FROM {series}"
    );
    server.database.execute(&sql).await;
}

/// Makes each deletion of a row of `table` fail that meets `condition`, in terms of `OLD`.
async fn refuse_deletion(server: &Server, table: &str, condition: &str) {
    let sql = if server.database.url.starts_with("sqlite:") {
        format!(
            "CREATE TRIGGER refuse_{table} BEFORE DELETE ON {table} WHEN {condition} \
             BEGIN SELECT RAISE(ABORT, 'on purpose'); END"
        )
    } else {
        format!(
            "CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'on purpose'; END $$; \
             CREATE TRIGGER refuse_{table} BEFORE DELETE ON {table} FOR EACH ROW WHEN ({condition}) \
             EXECUTE FUNCTION refuse_{table}()"
        )
    };
    server.database.execute(&sql).await;
}

/// Reverses [`refuse_deletion`].
async fn allow_deletion(server: &Server, table: &str) {
    let of_table = if server.database.url.starts_with("sqlite:") {
        ""
    } else {
        &format!(" ON {table}")
    };
    server
        .database
        .execute(&format!("DROP TRIGGER refuse_{table}{of_table}"))
        .await;
}

on_both_databases! {
    async fn security_events_are_kept_for_180_days_and_others_for_90(server) {
        let owner = server.owner().await;
        let (_, uuid) = server.database.series(1);
        for (number, (event, is_security, age)) in [
            ("old_security", true, 181),
            ("security", true, 179),
            ("old_other", false, 91),
            ("other", false, 89),
        ].into_iter().enumerate() {
            let uuid = uuid.replace("n.i", &number.to_string());
            let (owner, time) = (&owner.id, days_ago(age));
            server.database.execute(&format!(
                "INSERT INTO audit_events (user_id, id, event, request_id, created_at, is_security) \
                 VALUES ('{owner}', {uuid}, '{event}', 'r', {time}, {is_security})"
            )).await;
        }
        server.another(&[]).await;
        eventually("old events are deleted", async || {
            (server.database.count("audit_events WHERE event IN ('old_security', 'old_other')").await == 0).then_some(())
        }).await;
        assert_eq!(server.database.count("audit_events WHERE event IN ('security', 'other', 'signed_up')").await, 3);
    }

    async fn tombstones_are_kept_for_90_days(server) {
        let owner = server.owner().await;
        for title in ["old", "recent", "active"] {
            owner.task(title).await;
        }
        // All tasks are old, and two are deleted.
        server.database.execute(&format!("UPDATE tasks SET created_at = {0}, updated_at = {0}", days_ago(365))).await;
        for (title, age) in [("old", 91), ("recent", 89)] {
            let deleted_at = days_ago(age);
            server.database.execute(&format!("UPDATE tasks SET deleted_at = {deleted_at} WHERE title = '{title}'")).await;
        }
        server.another(&[]).await;
        eventually("the old tombstone is deleted", async || {
            (server.database.count("tasks").await == 2).then_some(())
        }).await;
        assert_eq!(server.database.count("tasks WHERE deleted_at IS NOT NULL").await, 1);
        assert_eq!(owner.titles("").await, ["active"]);
    }

    async fn a_tombstone_contains_nothing_of_its_task(server) {
        let owner = server.owner().await;
        let body = json!({ "title": "Buy milk", "description": "Two bottles", "due_date": "2031-03-09" });
        let blank = "tasks WHERE title = '' AND title_key = '' AND description IS NULL AND due_date IS NULL AND NOT completed";
        for _ in 0..2 {
            let task = owner.post(body.clone()).send().await.body;
            owner.toggle(id(&task)).send().await.expect(StatusCode::OK);
            owner.delete(id(&task)).send().await.expect(StatusCode::NO_CONTENT);
        }
        assert_eq!(server.database.count(blank).await, 2);

        // As a server of the version before leaves it.
        server.database.execute("UPDATE tasks SET title = 'Buy milk', title_key = 'buy milk', description = 'Two bottles', \
            due_date = '2031-03-09', completed = TRUE").await;
        let active = owner.task("Buy bread").await;
        server.another(&[]).await;
        eventually("the tombstones are blank", async || (server.database.count(blank).await == 2).then_some(())).await;
        assert_eq!(owner.get("").send().await.body, json!([active]));
        assert_eq!(active["revision"], 7);
        let revisions = "tasks WHERE deleted_at IS NOT NULL AND revision IN (3, 6)";
        assert_eq!(server.database.count(revisions).await, 2);
    }

    async fn a_sweep_deletes_in_small_transactions(server) {
        let owner = server.owner().await;
        let (_, uuid) = server.database.series(1);
        let first = format!("id = {}", uuid.replace("n.i", "1"));
        for (table, time) in [("audit_events", "created_at"), ("tasks", "deleted_at")] {
            add_old_rows(&server, &owner).await;
            let newer = days_ago(364);
            server.database.execute(&format!("UPDATE {table} SET {time} = {newer} WHERE {first}")).await;
            refuse_deletion(&server, table, &format!("OLD.{time} = {newer}")).await;
            server.another(&[]).await;
            // The transaction that fails keeps its rows. Those of the transactions before it are deleted.
            let left = eventually("a part is deleted", async || {
                let left = server.database.count(&format!("{table} WHERE {time} <= {newer}")).await;
                (left <= STEP).then_some(left)
            }).await;
            assert!(left > 0);

            allow_deletion(&server, table).await;
            server.another(&[]).await;
            eventually("the next sweep deletes the rest", async || {
                let left = server.database.count("audit_events").await + server.database.count("tasks").await;
                (left == 1).then_some(())
            }).await;
        }
    }
}
