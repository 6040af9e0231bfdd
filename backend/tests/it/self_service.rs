//! The own account: sessions, activity, name, password, export, deletion.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Database, PASSWORD, Response, Server, User, on_both_databases};

const OLD: &str = "'2001-01-01T00:00:00+00:00'";

async fn get(server: &Server, token: &str, path: &str) -> Response {
    server.get(&format!("/api/auth{path}")).bearer(token).send().await
}

async fn post(server: &Server, token: &str, path: &str, body: Value) -> Response {
    server
        .post(&format!("/api/auth{path}"), body)
        .bearer(token)
        .send()
        .await
}

/// Another session of the owner: its access token and its cookie.
async fn new_session(server: &Server, browser: &str) -> (String, String) {
    let body = json!({ "email": "owner@example.com", "password": PASSWORD });
    let response = server
        .post("/api/auth/sign-in/email", body)
        .header("user-agent", browser)
        .send()
        .await;
    response.expect(StatusCode::OK);
    (response.body["token"].as_str().unwrap().to_owned(), response.cookie())
}

async fn renew(server: &Server, cookie: &str) -> StatusCode {
    server
        .post("/api/auth/refresh", json!({}))
        .header("cookie", cookie)
        .send()
        .await
        .status
}

async fn is_accepted(owner: &User<'_>, server: &Server, token: &str) -> bool {
    server.get(&owner.path("")).bearer(token).send().await.status == StatusCode::OK
}

async fn session_id(server: &Server, token: &str) -> String {
    let current = get(server, token, "/get-session").await;
    current.body["session"]["id"].as_str().unwrap().to_owned()
}

async fn events(server: &Server, token: &str) -> Vec<String> {
    names(&get(server, token, "/activity?kind=all").await)
}

/// The names of the events in a page of the activity.
fn names(page: &Response) -> Vec<String> {
    page.expect(StatusCode::OK);
    let events = page.body.as_array().unwrap().iter();
    events
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect()
}

/// The path of the next page, below `/api/auth`; none at the last page.
fn next(page: &Response) -> Option<String> {
    let link = page.header("link").strip_prefix("</api/auth")?;
    Some(link.strip_suffix(">; rel=\"next\"").unwrap().to_owned())
}

on_both_databases! {
    async fn list_sessions_shows_user_agent_and_address(server) {
        let owner = server.owner().await;
        server.user("other@example.com").await;
        let (token, _) = new_session(&server, "Phone").await;
        let list = get(&server, &owner.token, "/list-sessions").await;
        list.expect(StatusCode::OK);
        let list = list.body.as_array().unwrap().clone();
        assert_eq!(list.len(), 2);
        assert_eq!(list[0]["userAgent"], "Phone");
        assert_eq!(list[0]["ipAddress"], "127.0.0.1");
        assert_eq!(list[0]["userId"], owner.id);
        assert_eq!(list[0]["token"], list[0]["id"]);
        assert_eq!(list[0]["id"], session_id(&server, &token).await);
        assert_eq!(list[1]["id"], session_id(&server, &owner.token).await);
    }

    async fn revoke_session_takes_effect_immediately(server) {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        let (token, cookie) = new_session(&server, "Phone").await;
        let id = session_id(&server, &token).await;
        // Sessions of other users, and ids of none, are 404.
        let refused = post(&server, &other.token, "/revoke-session", json!({ "token": id })).await;
        refused.expect_problem(StatusCode::NOT_FOUND, "not_found");
        let refused = post(&server, &owner.token, "/revoke-session", json!({ "token": "nonsense" })).await;
        refused.expect_problem(StatusCode::NOT_FOUND, "not_found");
        assert!(is_accepted(&owner, &server, &token).await);

        let revoked = post(&server, &owner.token, "/revoke-session", json!({ "token": id })).await;
        revoked.expect(StatusCode::OK);
        assert_eq!(revoked.body, json!({ "status": true }));
        assert!(!is_accepted(&owner, &server, &token).await);
        assert_eq!(renew(&server, &cookie).await, StatusCode::UNAUTHORIZED);
        assert!(is_accepted(&owner, &server, &owner.token).await);
    }

    async fn revoking_other_and_all_sessions_takes_effect_immediately(server) {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        let (phone, cookie) = new_session(&server, "Phone").await;
        post(&server, &owner.token, "/revoke-other-sessions", json!({})).await.expect(StatusCode::OK);
        assert!(!is_accepted(&owner, &server, &phone).await);
        assert_eq!(renew(&server, &cookie).await, StatusCode::UNAUTHORIZED);
        assert!(is_accepted(&owner, &server, &owner.token).await);

        let response = post(&server, &owner.token, "/revoke-sessions", json!({})).await;
        response.expect(StatusCode::OK);
        assert!(response.header("set-cookie").contains("Max-Age=0"));
        assert!(!is_accepted(&owner, &server, &owner.token).await);
        assert_eq!(renew(&server, &owner.cookie).await, StatusCode::UNAUTHORIZED);
        assert!(is_accepted(&other, &server, &other.token).await);
    }

    async fn change_password_revokes_all_sessions_and_begins_a_new_one(server) {
        let owner = server.owner().await;
        let (phone, cookie) = new_session(&server, "Phone").await;
        let change = |current: &str| json!({ "currentPassword": current, "newPassword": "seven green bicycles" });
        let wrong = post(&server, &owner.token, "/change-password", change("wrong horse battery")).await;
        wrong.expect_problem(StatusCode::BAD_REQUEST, "wrong_password");
        assert_eq!(wrong.body["errors"][0]["pointer"], "/currentPassword");
        assert!(is_accepted(&owner, &server, &phone).await);

        let changed = post(&server, &owner.token, "/change-password", change(PASSWORD)).await;
        changed.expect(StatusCode::OK);
        assert_eq!(changed.body["user"]["id"], owner.id);
        let token = changed.body["token"].as_str().unwrap();
        assert!(is_accepted(&owner, &server, token).await);
        assert!(!is_accepted(&owner, &server, &owner.token).await);
        assert!(!is_accepted(&owner, &server, &phone).await);
        assert_eq!(renew(&server, &cookie).await, StatusCode::UNAUTHORIZED);
        assert_eq!(renew(&server, &changed.cookie()).await, StatusCode::OK);
        assert_eq!(server.database.count("sessions").await, 1);

        for (password, status) in [(PASSWORD, StatusCode::UNAUTHORIZED), ("seven green bicycles", StatusCode::OK)] {
            let body = json!({ "email": "owner@example.com", "password": password });
            server.post("/api/auth/sign-in/email", body).send().await.expect(status);
        }
    }

    async fn change_password_revokes_the_session_that_asked(server) {
        let owner = server.owner().await;
        let stolen = (owner.token.clone(), owner.cookie.clone());
        // The thief renewed the session and has its newest tokens.
        let renewed = server.post("/api/auth/refresh", json!({})).header("cookie", &owner.cookie).send().await;
        renewed.expect(StatusCode::OK);
        let renewed = (renewed.body["token"].as_str().unwrap().to_owned(), renewed.cookie());
        let before = session_id(&server, &owner.token).await;
        server.database.execute(&format!("UPDATE sessions SET authenticated_at = {OLD}")).await;

        let change = json!({ "currentPassword": PASSWORD, "newPassword": "seven green bicycles" });
        let changed = post(&server, &owner.token, "/change-password", change).await;
        changed.expect(StatusCode::OK);
        for (token, cookie) in [stolen, renewed] {
            assert!(!is_accepted(&owner, &server, &token).await);
            assert_eq!(get(&server, &token, "/get-session").await.text, "null");
            assert_eq!(renew(&server, &cookie).await, StatusCode::UNAUTHORIZED);
        }
        let token = changed.body["token"].as_str().unwrap();
        assert_ne!(session_id(&server, token).await, before);
        assert_ne!(changed.cookie(), owner.cookie);
        // The new session counts as recently authenticated.
        get(&server, token, "/export").await.expect(StatusCode::OK);
        assert!(is_accepted(&owner, &server, token).await);
        assert_eq!(renew(&server, &changed.cookie()).await, StatusCode::OK);
        let recorded = events(&server, token).await;
        assert_eq!(recorded, ["data_exported", "password_changed", "signed_up"]);
    }

    async fn change_password_keeps_remember_me(server) {
        server.owner().await;
        for remember in [true, false] {
            let body = json!({ "email": "owner@example.com", "password": PASSWORD, "rememberMe": remember });
            let response = server.post("/api/auth/sign-in/email", body).send().await;
            let token = response.body["token"].as_str().unwrap();
            let change = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
            let changed = post(&server, token, "/change-password", change).await;
            changed.expect(StatusCode::OK);
            let line = changed.set_cookie("docket_refresh");
            assert_eq!(line.contains("Max-Age"), remember, "{line}");
            let renewed = server.post("/api/auth/refresh", json!({})).header("cookie", &changed.cookie()).send().await;
            let line = renewed.set_cookie("docket_refresh");
            assert_eq!(line.contains("Max-Age"), remember, "{line}");
        }
    }

    async fn of_two_concurrent_password_changes_one_succeeds(server) {
        let owner = server.owner().await;
        let change = |password: &str| {
            let body = json!({ "currentPassword": PASSWORD, "newPassword": password });
            post(&server, &owner.token, "/change-password", body)
        };
        let (one, two) = tokio::join!(change("seven green bicycles"), change("eight blue bicycles"));
        let (winner, loser) = if one.status == StatusCode::OK { (one, two) } else { (two, one) };
        winner.expect(StatusCode::OK);
        // By then the other one's token, its password, or both may be outdated.
        assert!(loser.status.is_client_error(), "{}", loser.text);
        assert!(is_accepted(&owner, &server, winner.body["token"].as_str().unwrap()).await);
        assert_eq!(server.database.count("sessions").await, 1);
    }

    async fn update_user_changes_the_name(server) {
        let owner = server.owner().await;
        post(&server, &owner.token, "/update-user", json!({ "name": " Keeper " })).await.expect(StatusCode::OK);
        let current = get(&server, &owner.token, "/get-session").await;
        assert_eq!(current.body["user"]["name"], "Keeper");
        post(&server, &owner.token, "/update-user", json!({ "name": " " })).await.expect_invalid("/name");
        post(&server, &owner.token, "/update-user", json!({ "email": "a@example.com" })).await.expect_invalid("/email");
        post(&server, &owner.token, "/update-user", json!({})).await.expect(StatusCode::OK);
        assert_eq!(events(&server, &owner.token).await, ["name_changed", "signed_up"]);
    }

    async fn activity_is_visible_to_its_user_only(server) {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        let revoked = post(&server, &owner.token, "/revoke-other-sessions", json!({})).await;
        let activity = get(&server, &owner.token, "/activity").await;
        activity.expect(StatusCode::OK);
        let latest = &activity.body[0];
        assert_eq!(latest["event"], "other_sessions_revoked");
        assert_eq!(latest["requestId"], revoked.header("x-request-id"));
        assert_eq!(latest["ipAddress"], "127.0.0.1");
        assert!(latest["createdAt"].as_str().unwrap().ends_with('Z'));
        assert_eq!(events(&server, &other.token).await, ["signed_up"]);
        let limited = get(&server, &owner.token, "/activity?limit=1").await;
        assert_eq!(limited.body.as_array().unwrap().len(), 1);
        get(&server, &owner.token, "/activity?limit=0").await.expect_invalid("?limit");
        for path in ["/activity", "/list-sessions", "/export"] {
            get(&server, "nonsense", path).await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        }
    }

    async fn renames_do_not_displace_security_events(server) {
        let owner = server.owner().await;
        let before = get(&server, &owner.token, "/activity?limit=2").await;
        assert_eq!(names(&before), ["signed_up"]);
        for number in 0..600 {
            let body = json!({ "name": format!("Owner {number}") });
            post(&server, &owner.token, "/update-user", body).await.expect(StatusCode::OK);
        }
        let after = get(&server, &owner.token, "/activity?limit=2").await;
        assert_eq!(after.body, before.body);
        assert_eq!(next(&after), None);
        let all = get(&server, &owner.token, "/activity?kind=all&limit=500").await;
        assert!(names(&all).iter().all(|name| name == "name_changed"));
        assert_eq!(names(&get(&server, &owner.token, &next(&all).unwrap()).await).len(), 101);
    }

    async fn every_event_is_in_one_page_of_the_activity(server) {
        let owner = server.owner().await;
        server.user("other@example.com").await;
        for _ in 0..4 {
            post(&server, &owner.token, "/revoke-other-sessions", json!({})).await;
            post(&server, &owner.token, "/update-user", json!({ "name": "Keeper" })).await;
        }
        for (query, is_listed) in [("limit=2", "event <> 'name_changed'"), ("kind=all&limit=4", "TRUE")] {
            let all = server.database.count(&format!("audit_events WHERE user_id = '{}' AND {is_listed}", owner.id)).await;
            let mut page = get(&server, &owner.token, &format!("/activity?{query}")).await;
            let mut ids: Vec<String> = Vec::new();
            loop {
                page.expect(StatusCode::OK);
                ids.extend(page.body.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()));
                // An event that is added meanwhile moves no other.
                post(&server, &owner.token, "/revoke-other-sessions", json!({})).await;
                let Some(path) = next(&page) else { break };
                page = get(&server, &owner.token, &path).await;
            }
            assert_eq!(ids.len(), all, "{query}");
            assert!(ids.is_sorted_by(|newer, older| newer > older), "{query}");
        }
        for wrong in ["cursor=", "cursor=x", "cursor=IjAi"] {
            get(&server, &owner.token, &format!("/activity?{wrong}")).await.expect_invalid("?cursor");
        }
        get(&server, &owner.token, "/activity?kind=other").await.expect_invalid("?kind");
    }

    async fn export_requires_recent_authentication(server) {
        let owner = server.owner().await;
        owner.task("Water the plants").await;
        server.database.execute(&format!("UPDATE sessions SET authenticated_at = {OLD}")).await;
        let refused = get(&server, &owner.token, "/export").await;
        refused.expect_problem(StatusCode::FORBIDDEN, "session_not_fresh");
        assert_eq!(refused.body["code"], "SESSION_NOT_FRESH");
        // A renewal is no authentication.
        let renewed = server.post("/api/auth/refresh", json!({})).header("cookie", &owner.cookie).send().await;
        let token = renewed.body["token"].as_str().unwrap();
        get(&server, token, "/export").await.expect_problem(StatusCode::FORBIDDEN, "session_not_fresh");

        let wrong = post(&server, token, "/verify-password", json!({ "password": "wrong horse battery" })).await;
        wrong.expect_problem(StatusCode::BAD_REQUEST, "wrong_password");
        assert_eq!(wrong.body["errors"][0]["pointer"], "/password");
        post(&server, token, "/verify-password", json!({ "password": PASSWORD })).await.expect(StatusCode::OK);
        let export = get(&server, token, "/export").await;
        export.expect(StatusCode::OK);
        assert!(export.header("content-disposition").contains("docket-export.json"));
        assert_eq!(export.body["user"]["email"], "owner@example.com");
        assert_eq!(export.body["tasks"][0]["title"], "Water the plants");
        assert_eq!(export.body["sessions"][0]["userId"], owner.id);
        assert_eq!(export.body["activity"][0]["event"], "signed_up");
        assert!(!export.text.contains("argon2"), "{}", export.text);
    }

    async fn delete_user_deletes_all_rows_of_the_user(server) {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        owner.task("Water the plants").await;
        other.task("Stay").await;
        let wrong = post(&server, &owner.token, "/delete-user", json!({ "password": "wrong horse battery" })).await;
        wrong.expect_problem(StatusCode::BAD_REQUEST, "wrong_password");
        post(&server, &owner.token, "/delete-user", json!({})).await.expect_problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
        assert!(is_accepted(&owner, &server, &owner.token).await);

        let deleted = post(&server, &owner.token, "/delete-user", json!({ "password": PASSWORD })).await;
        deleted.expect(StatusCode::OK);
        assert_eq!(deleted.body, json!({ "success": true, "message": "User deleted" }));
        assert!(!is_accepted(&owner, &server, &owner.token).await);
        assert_eq!(renew(&server, &owner.cookie).await, StatusCode::UNAUTHORIZED);
        for table in ["tasks", "sessions", "audit_events", "one_time_tokens", "recovery_codes", "identities", "known_devices"] {
            let left = server.database.count(&format!("{table} WHERE user_id = '{}'", owner.id)).await;
            assert_eq!(left, 0, "{table}");
        }
        assert_eq!(server.database.count("users").await, 1);
        assert_eq!(other.titles("").await, ["Stay"]);
        // The e-mail can be used again.
        server.owner().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_takes_effect_on_every_server() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    let there = Server::start(Database::at(database.url.clone()), &[]).await;
    let server = Server::start(database, &[]).await;
    let owner = server.owner().await;
    assert!(is_accepted(&owner, &there, &owner.token).await);
    post(&server, &owner.token, "/revoke-sessions", json!({}))
        .await
        .expect(StatusCode::OK);
    assert!(!is_accepted(&owner, &there, &owner.token).await);
}
