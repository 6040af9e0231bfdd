//! What people do with their own account: devices, history, name, password, download, deletion.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, Database, PASSWORD, Server, User, on_both_databases};

const OLD: &str = "'2001-01-01T00:00:00+00:00'";

async fn ask(server: &Server, token: &str, path: &str) -> Answer {
    server.get(&format!("/api/auth{path}")).bearer(token).send().await
}

async fn tell(server: &Server, token: &str, path: &str, body: Value) -> Answer {
    server
        .post(&format!("/api/auth{path}"), body)
        .bearer(token)
        .send()
        .await
}

/// Another device of the owner: its token and its cookie.
async fn device(server: &Server, browser: &str) -> (String, String) {
    let body = json!({ "email": "owner@example.com", "password": PASSWORD });
    let answer = server
        .post("/api/auth/sign-in/email", body)
        .header("user-agent", browser)
        .send()
        .await;
    answer.expect(StatusCode::OK);
    (answer.body["token"].as_str().unwrap().to_owned(), answer.cookie())
}

async fn renew(server: &Server, cookie: &str) -> StatusCode {
    server
        .post("/api/auth/refresh", json!({}))
        .header("cookie", cookie)
        .send()
        .await
        .status
}

async fn serves(owner: &User<'_>, server: &Server, token: &str) -> bool {
    server.get(&owner.path("")).bearer(token).send().await.status == StatusCode::OK
}

async fn own_id(server: &Server, token: &str) -> String {
    let current = ask(server, token, "/get-session").await;
    current.body["session"]["id"].as_str().unwrap().to_owned()
}

async fn events(server: &Server, token: &str) -> Vec<String> {
    let activity = ask(server, token, "/activity").await;
    activity.expect(StatusCode::OK);
    let events = activity.body.as_array().unwrap().iter();
    events
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect()
}

on_both_databases! {
    async fn devices_are_listed_with_what_is_known_of_them(server) {
        let owner = server.owner().await;
        server.user("other@example.com").await;
        let (token, _) = device(&server, "Phone").await;
        let list = ask(&server, &owner.token, "/list-sessions").await;
        list.expect(StatusCode::OK);
        let list = list.body.as_array().unwrap().clone();
        assert_eq!(list.len(), 2);
        assert_eq!(list[0]["userAgent"], "Phone");
        assert_eq!(list[0]["ipAddress"], "127.0.0.1");
        assert_eq!(list[0]["userId"], owner.id);
        assert_eq!(list[0]["token"], list[0]["id"]);
        assert_eq!(list[0]["id"], own_id(&server, &token).await);
        assert_eq!(list[1]["id"], own_id(&server, &owner.token).await);
    }

    async fn one_device_is_signed_out_at_once(server) {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        let (token, cookie) = device(&server, "Phone").await;
        let id = own_id(&server, &token).await;
        // Another user's session, or none, is not there.
        let refused = tell(&server, &other.token, "/revoke-session", json!({ "token": id })).await;
        refused.expect_problem(StatusCode::NOT_FOUND, "not_found");
        let refused = tell(&server, &owner.token, "/revoke-session", json!({ "token": "nonsense" })).await;
        refused.expect_problem(StatusCode::NOT_FOUND, "not_found");
        assert!(serves(&owner, &server, &token).await);

        let revoked = tell(&server, &owner.token, "/revoke-session", json!({ "token": id })).await;
        revoked.expect(StatusCode::OK);
        assert_eq!(revoked.body, json!({ "status": true }));
        assert!(!serves(&owner, &server, &token).await);
        assert_eq!(renew(&server, &cookie).await, StatusCode::UNAUTHORIZED);
        assert!(serves(&owner, &server, &owner.token).await);
    }

    async fn all_other_devices_and_then_all_are_signed_out_at_once(server) {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        let (phone, cookie) = device(&server, "Phone").await;
        tell(&server, &owner.token, "/revoke-other-sessions", json!({})).await.expect(StatusCode::OK);
        assert!(!serves(&owner, &server, &phone).await);
        assert_eq!(renew(&server, &cookie).await, StatusCode::UNAUTHORIZED);
        assert!(serves(&owner, &server, &owner.token).await);

        let answer = tell(&server, &owner.token, "/revoke-sessions", json!({})).await;
        answer.expect(StatusCode::OK);
        assert!(answer.header("set-cookie").contains("Max-Age=0"));
        assert!(!serves(&owner, &server, &owner.token).await);
        assert_eq!(renew(&server, &owner.cookie).await, StatusCode::UNAUTHORIZED);
        assert!(serves(&other, &server, &other.token).await);
    }

    async fn a_new_password_ends_every_session_and_begins_a_new_one_here(server) {
        let owner = server.owner().await;
        let (phone, cookie) = device(&server, "Phone").await;
        let change = |current: &str| json!({ "currentPassword": current, "newPassword": "seven green bicycles" });
        let wrong = tell(&server, &owner.token, "/change-password", change("wrong horse battery")).await;
        wrong.expect_problem(StatusCode::BAD_REQUEST, "wrong_password");
        assert_eq!(wrong.body["errors"][0]["pointer"], "/currentPassword");
        assert!(serves(&owner, &server, &phone).await);

        let changed = tell(&server, &owner.token, "/change-password", change(PASSWORD)).await;
        changed.expect(StatusCode::OK);
        assert_eq!(changed.body["user"]["id"], owner.id);
        let token = changed.body["token"].as_str().unwrap();
        assert!(serves(&owner, &server, token).await);
        assert!(!serves(&owner, &server, &owner.token).await);
        assert!(!serves(&owner, &server, &phone).await);
        assert_eq!(renew(&server, &cookie).await, StatusCode::UNAUTHORIZED);
        assert_eq!(renew(&server, &changed.cookie()).await, StatusCode::OK);
        assert_eq!(server.database.count("sessions").await, 1);

        for (password, status) in [(PASSWORD, StatusCode::UNAUTHORIZED), ("seven green bicycles", StatusCode::OK)] {
            let body = json!({ "email": "owner@example.com", "password": password });
            server.post("/api/auth/sign-in/email", body).send().await.expect(status);
        }
    }

    async fn a_thief_of_the_session_that_changes_the_password_is_out(server) {
        let owner = server.owner().await;
        let stolen = (owner.token.clone(), owner.cookie.clone());
        // Renewed once by the thief, who therefore holds the newest token of the session.
        let renewed = server.post("/api/auth/refresh", json!({})).header("cookie", &owner.cookie).send().await;
        renewed.expect(StatusCode::OK);
        let renewed = (renewed.body["token"].as_str().unwrap().to_owned(), renewed.cookie());
        let before = own_id(&server, &owner.token).await;
        server.database.execute(&format!("UPDATE sessions SET authenticated_at = {OLD}")).await;

        let change = json!({ "currentPassword": PASSWORD, "newPassword": "seven green bicycles" });
        let changed = tell(&server, &owner.token, "/change-password", change).await;
        changed.expect(StatusCode::OK);
        for (token, cookie) in [stolen, renewed] {
            assert!(!serves(&owner, &server, &token).await);
            assert_eq!(ask(&server, &token, "/get-session").await.text, "null");
            assert_eq!(renew(&server, &cookie).await, StatusCode::UNAUTHORIZED);
        }
        let token = changed.body["token"].as_str().unwrap();
        assert_ne!(own_id(&server, token).await, before);
        assert_ne!(changed.cookie(), owner.cookie);
        // The password was proved just now.
        ask(&server, token, "/export").await.expect(StatusCode::OK);
        assert!(serves(&owner, &server, token).await);
        assert_eq!(renew(&server, &changed.cookie()).await, StatusCode::OK);
        let told = events(&server, token).await;
        assert_eq!(told, ["data_exported", "password_changed", "signed_up"]);
    }

    async fn the_new_session_is_remembered_as_the_one_before(server) {
        server.owner().await;
        for remember in [true, false] {
            let body = json!({ "email": "owner@example.com", "password": PASSWORD, "rememberMe": remember });
            let answer = server.post("/api/auth/sign-in/email", body).send().await;
            let token = answer.body["token"].as_str().unwrap();
            let change = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
            let changed = tell(&server, token, "/change-password", change).await;
            changed.expect(StatusCode::OK);
            let line = changed.set_cookie("docket_refresh");
            assert_eq!(line.contains("Max-Age"), remember, "{line}");
            let renewed = server.post("/api/auth/refresh", json!({})).header("cookie", &changed.cookie()).send().await;
            let line = renewed.set_cookie("docket_refresh");
            assert_eq!(line.contains("Max-Age"), remember, "{line}");
        }
    }

    async fn of_two_new_passwords_at_once_one_wins(server) {
        let owner = server.owner().await;
        let change = |password: &str| {
            let body = json!({ "currentPassword": PASSWORD, "newPassword": password });
            tell(&server, &owner.token, "/change-password", body)
        };
        let (one, two) = tokio::join!(change("seven green bicycles"), change("eight blue bicycles"));
        let (winner, loser) = if one.status == StatusCode::OK { (one, two) } else { (two, one) };
        winner.expect(StatusCode::OK);
        // The loser may be late for its token, for its password, or for both.
        assert!(loser.status.is_client_error(), "{}", loser.text);
        assert!(serves(&owner, &server, winner.body["token"].as_str().unwrap()).await);
        assert_eq!(server.database.count("sessions").await, 1);
    }

    async fn the_name_can_be_changed(server) {
        let owner = server.owner().await;
        tell(&server, &owner.token, "/update-user", json!({ "name": " Keeper " })).await.expect(StatusCode::OK);
        let current = ask(&server, &owner.token, "/get-session").await;
        assert_eq!(current.body["user"]["name"], "Keeper");
        tell(&server, &owner.token, "/update-user", json!({ "name": " " })).await.expect_invalid("/name");
        tell(&server, &owner.token, "/update-user", json!({ "email": "a@example.com" })).await.expect_invalid("/email");
        tell(&server, &owner.token, "/update-user", json!({})).await.expect(StatusCode::OK);
        assert_eq!(events(&server, &owner.token).await, ["name_changed", "signed_up"]);
    }

    async fn what_happened_is_shown_to_its_user_alone(server) {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        let revoked = tell(&server, &owner.token, "/revoke-other-sessions", json!({})).await;
        let activity = ask(&server, &owner.token, "/activity").await;
        activity.expect(StatusCode::OK);
        let latest = &activity.body[0];
        assert_eq!(latest["event"], "other_sessions_revoked");
        assert_eq!(latest["requestId"], revoked.header("x-request-id"));
        assert_eq!(latest["ipAddress"], "127.0.0.1");
        assert!(latest["createdAt"].as_str().unwrap().ends_with('Z'));
        assert_eq!(events(&server, &other.token).await, ["signed_up"]);
        let limited = ask(&server, &owner.token, "/activity?limit=1").await;
        assert_eq!(limited.body.as_array().unwrap().len(), 1);
        ask(&server, &owner.token, "/activity?limit=0").await.expect_invalid("?limit");
        for path in ["/activity", "/list-sessions", "/export"] {
            ask(&server, "nonsense", path).await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        }
    }

    async fn an_old_session_proves_its_password_before_everything_is_downloaded(server) {
        let owner = server.owner().await;
        owner.task("Water the plants").await;
        server.database.execute(&format!("UPDATE sessions SET authenticated_at = {OLD}")).await;
        let refused = ask(&server, &owner.token, "/export").await;
        refused.expect_problem(StatusCode::FORBIDDEN, "session_not_fresh");
        assert_eq!(refused.body["code"], "SESSION_NOT_FRESH");
        // Renewing it proves nothing.
        let renewed = server.post("/api/auth/refresh", json!({})).header("cookie", &owner.cookie).send().await;
        let token = renewed.body["token"].as_str().unwrap();
        ask(&server, token, "/export").await.expect_problem(StatusCode::FORBIDDEN, "session_not_fresh");

        let wrong = tell(&server, token, "/verify-password", json!({ "password": "wrong horse battery" })).await;
        wrong.expect_problem(StatusCode::BAD_REQUEST, "wrong_password");
        assert_eq!(wrong.body["errors"][0]["pointer"], "/password");
        tell(&server, token, "/verify-password", json!({ "password": PASSWORD })).await.expect(StatusCode::OK);
        let export = ask(&server, token, "/export").await;
        export.expect(StatusCode::OK);
        assert!(export.header("content-disposition").contains("docket-export.json"));
        assert_eq!(export.body["user"]["email"], "owner@example.com");
        assert_eq!(export.body["tasks"][0]["title"], "Water the plants");
        assert_eq!(export.body["sessions"][0]["userId"], owner.id);
        assert_eq!(export.body["activity"][0]["event"], "signed_up");
        assert!(!export.text.contains("argon2"), "{}", export.text);
    }

    async fn deleting_an_account_removes_every_row_of_it(server) {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        owner.task("Water the plants").await;
        other.task("Stay").await;
        let wrong = tell(&server, &owner.token, "/delete-user", json!({ "password": "wrong horse battery" })).await;
        wrong.expect_problem(StatusCode::BAD_REQUEST, "wrong_password");
        tell(&server, &owner.token, "/delete-user", json!({})).await.expect_problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
        assert!(serves(&owner, &server, &owner.token).await);

        let gone = tell(&server, &owner.token, "/delete-user", json!({ "password": PASSWORD })).await;
        gone.expect(StatusCode::OK);
        assert_eq!(gone.body, json!({ "success": true, "message": "User deleted" }));
        assert!(!serves(&owner, &server, &owner.token).await);
        assert_eq!(renew(&server, &owner.cookie).await, StatusCode::UNAUTHORIZED);
        for table in ["tasks", "sessions", "audit_events", "one_time_tokens", "recovery_codes", "identities", "known_devices"] {
            let left = server.database.count(&format!("{table} WHERE user_id = '{}'", owner.id)).await;
            assert_eq!(left, 0, "{table}");
        }
        assert_eq!(server.database.count("users").await, 1);
        assert_eq!(other.titles("").await, ["Stay"]);
        // The address is free again.
        server.owner().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_counts_on_every_server_at_once() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    let there = Server::start(Database::at(database.url.clone()), &[]).await;
    let server = Server::start(database, &[]).await;
    let owner = server.owner().await;
    assert!(serves(&owner, &there, &owner.token).await);
    tell(&server, &owner.token, "/revoke-sessions", json!({}))
        .await
        .expect(StatusCode::OK);
    assert!(!serves(&owner, &there, &owner.token).await);
}
