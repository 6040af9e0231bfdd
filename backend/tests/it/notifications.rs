//! Mails about security events, and their settings.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Response, Server, on_both_databases};

const SETTINGS: &str = "/api/auth/notifications";

async fn settings(server: &Server, token: &str) -> Value {
    let response = server.get(SETTINGS).bearer(token).send().await;
    response.expect(StatusCode::OK);
    response.body
}

async fn change(server: &Server, token: &str, change: Value) -> Response {
    server.post(SETTINGS, change).bearer(token).send().await
}

on_both_databases! {
    async fn each_setting_can_be_changed_alone(server) {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        let all = json!({ "newDevice": true, "failedSignIns": true, "recoveryCodeUsed": true, "accountDeleted": true });
        assert_eq!(settings(&server, &owner.token).await, all);
        let mut expected = all.clone();
        for (kind, _) in all.as_object().unwrap() {
            expected[kind] = json!(false);
            let changed = change(&server, &owner.token, json!({ kind: false })).await;
            changed.expect(StatusCode::OK);
            assert_eq!(changed.body, expected);
            assert_eq!(settings(&server, &owner.token).await, expected);
        }
        change(&server, &owner.token, json!({ "newDevice": true })).await.expect(StatusCode::OK);
        expected["newDevice"] = json!(true);
        assert_eq!(change(&server, &owner.token, json!({})).await.body, expected);
        assert_eq!(settings(&server, &other.token).await, all);

        for refused in [json!({ "passwordChanged": false }), json!({ "newDevice": null }), json!({ "newDevice": "no" })] {
            change(&server, &owner.token, refused).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
        }
        assert_eq!(settings(&server, &owner.token).await, expected);
        let export = server.get("/api/auth/export").bearer(&owner.token).send().await;
        assert_eq!(export.body["notifications"], expected);
    }

    async fn a_change_of_the_settings_requires_recent_authentication_and_is_recorded(server) {
        let owner = server.owner().await;
        change(&server, &owner.token, json!({ "newDevice": false })).await.expect(StatusCode::OK);
        let activity = server.get("/api/auth/activity").bearer(&owner.token).send().await;
        assert_eq!(activity.body[0]["event"], "notifications_changed");

        server.database.execute("UPDATE sessions SET authenticated_at = '2001-01-01T00:00:00+00:00'").await;
        let refused = change(&server, &owner.token, json!({ "accountDeleted": false })).await;
        refused.expect_problem(StatusCode::FORBIDDEN, "session_not_fresh");
        assert_eq!(settings(&server, &owner.token).await["accountDeleted"], true);
        for token in ["nonsense", ""] {
            let read = server.get(SETTINGS).bearer(token).send().await;
            read.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
            change(&server, token, json!({})).await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        }
    }
}
