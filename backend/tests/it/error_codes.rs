//! Every row of the specification's table of error codes: a request that is answered so, on each wire that has the code.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use docket::serve::Limits;

use crate::export::fill;
use crate::jwt::{Signer, now};
use crate::smtp::mailing_with;
use crate::spec::tables;
use crate::support::{PASSWORD, Response, Server, TIMEOUT, User, on_both_databases};

const KEY: &str = "01920000-0000-7000-8000-000000000001";

async fn auth(server: &Server, path: &str, body: Value) -> Response {
    server.post(&format!("/api/auth/{path}"), body).send().await
}

/// As [`auth`], by a user.
async fn member(server: &Server, user: &User<'_>, path: &str, body: Value) -> Response {
    let request = server.post(&format!("/api/auth/{path}"), body).bearer(&user.token);
    request.send().await
}

/// What any operation answers, on the wire of the tasks and on that of Better Auth.
async fn general(server: &Server, owner: &User<'_>) -> Vec<Response> {
    let other = server.user("other@example.com").await;
    let mut responses = vec![
        server.get(&owner.path("")).send().await,
        server.get("/api/auth/list-sessions").send().await,
        server.get(&owner.path("")).bearer(&other.token).send().await,
        server.get("/api/auth/tasks").bearer(&other.token).send().await,
        server.get("/api/nothing").send().await,
        server.get("/api/auth/nothing").send().await,
        server.request(Method::DELETE, &owner.path("")).send().await,
        server.get("/api/auth/sign-in/email").send().await,
    ];
    for path in [owner.path(""), "/api/auth/sign-in/email".to_owned()] {
        let post = || server.request(Method::POST, &path).bearer(&owner.token);
        responses.push(post().text("{").send().await);
        responses.push(post().text("a".repeat(65_537)).send().await);
        responses.push(post().raw("{}").send().await);
        responses.push(post().text("{}").send().await);
        responses.push(late_body(server, owner, &path).await);
    }
    responses
}

/// A body that does not come within its deadline.
async fn late_body(server: &Server, owner: &User<'_>, path: &str) -> Response {
    let body_timeout = Duration::from_millis(100);
    let limits = Limits {
        body_timeout,
        ..Limits::default()
    };
    let base = server.with_limits(limits).await.base;
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: docket\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\n\r\n{{",
        owner.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = String::new();
    let read = timeout(TIMEOUT, stream.read_to_string(&mut response)).await;
    read.expect("the server waits for the body").unwrap();
    let (head, text) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response {
        status,
        headers: HeaderMap::new(),
        text: text.to_owned(),
        body: serde_json::from_str(text).unwrap(),
    }
}

async fn of_tasks(owner: &User<'_>) -> [Response; 2] {
    let create = || {
        owner
            .post(json!({ "title": "a" }))
            .header("idempotency-key", KEY)
            .send()
    };
    create().await.expect(StatusCode::CREATED);
    let changed = owner.toggle(KEY).header("if-match", "\"0\"").send().await;
    owner.delete(KEY).send().await.expect(StatusCode::NO_CONTENT);
    [changed, create().await]
}

async fn of_accounts(server: &Server, owner: &User<'_>) -> Vec<Response> {
    let account = json!({ "name": "Owner", "email": "owner@example.com", "password": PASSWORD });
    let credentials = json!({ "email": "owner@example.com", "password": PASSWORD });
    let wrong = json!({ "password": "a wrong password" });
    let foreign = server
        .post("/api/auth/refresh", json!({}))
        .header("origin", "http://evil.example");
    let mut responses = vec![
        auth(server, "sign-up/email", account).await,
        auth(
            server,
            "sign-in/email",
            json!({ "email": "owner@example.com", "password": "a wrong password" }),
        )
        .await,
        auth(server, "refresh", json!({})).await,
        foreign.header("cookie", &owner.cookie).send().await,
        member(server, owner, "verify-password", wrong).await,
        auth(
            server,
            "reset-password",
            json!({ "token": "made up", "newPassword": PASSWORD }),
        )
        .await,
        member(server, owner, "two-factor/disable", json!({ "password": PASSWORD })).await,
    ];
    server
        .database
        .execute("UPDATE users SET two_factor_enabled = TRUE")
        .await;
    responses.push(member(server, owner, "two-factor/enable", json!({ "password": PASSWORD })).await);
    responses.push(member(server, owner, "delete-user", json!({ "password": PASSWORD })).await);
    let waiting = auth(server, "sign-in/email", credentials.clone())
        .await
        .cookie_of("docket_two_factor");
    let code = server.post("/api/auth/two-factor/verify-backup-code", json!({ "code": "made up" }));
    responses.push(code.header("cookie", &waiting).send().await);
    let no_ciphertext = if server.database.url.starts_with("sqlite:") {
        "X'00'"
    } else {
        "'\\x00'"
    };
    let broken = format!("UPDATE users SET totp_sealed = {no_ciphertext}");
    server.database.execute(&broken).await;
    let code = server.post("/api/auth/two-factor/verify-totp", json!({ "code": "123456" }));
    responses.push(code.header("cookie", &waiting).send().await);
    server
        .database
        .execute("UPDATE users SET two_factor_enabled = FALSE")
        .await;

    server
        .database
        .execute("UPDATE sessions SET authenticated_at = '2001-01-01T00:00:00+00:00'")
        .await;
    responses.push(server.get("/api/auth/export").bearer(&owner.token).send().await);
    let (mailing, _mails) = mailing_with(&server.database, &["--rate-limit", "on"]).await;
    responses.push(auth(&mailing, "sign-in/email", credentials).await);
    for _ in 0..6 {
        responses.push(
            auth(
                &mailing,
                "request-password-reset",
                json!({ "email": "nobody@example.com" }),
            )
            .await,
        );
    }
    responses.retain(|response| response.status.as_u16() >= 400);
    responses
}

/// More tasks than the user may have, and two exports at once.
async fn of_limits(server: &Server, owner: &User<'_>) -> Vec<Response> {
    let limited = server.another(&["--tasks-max", "1"]).await;
    let mut responses = Vec::new();
    for _ in 0..2 {
        let request = limited.request(Method::POST, &owner.path("")).bearer(&owner.token);
        responses.push(request.json(json!({ "title": "a" })).send().await);
    }
    fill(server, owner, 20_000).await;
    let export = || server.get("/api/auth/export").bearer(&owner.token);
    let first = export().open().await;
    assert_eq!(first.status(), StatusCode::OK);
    responses.push(export().send().await);
    responses.retain(|response| response.status.as_u16() >= 400);
    responses
}

/// More sign-ins at once than may wait.
async fn busy(server: &Server) -> Response {
    let credentials = json!({ "email": "nobody@example.com", "password": PASSWORD });
    let mut waiting: FuturesUnordered<_> = (0..300)
        .map(|_| auth(server, "sign-in/email", credentials.clone()))
        .collect();
    loop {
        let response = waiting.next().await.expect("all are served");
        if response.status == StatusCode::SERVICE_UNAVAILABLE {
            return response;
        }
    }
}

/// The issuer of a token does not answer.
async fn unavailable(server: &Server) -> [Response; 2] {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/jwks");
    let flags = [
        "--trust-external-tokens",
        "true",
        "--external-issuer",
        "https://issuer.example",
        "--external-audience",
        "docket-api",
        "--external-jwks-url",
        &url,
    ];
    let server = server.another(&flags).await;
    let claims = json!({ "sub": "7", "iss": "https://issuer.example", "iat": now(), "exp": now() + 300 });
    let token = Signer::file("rsa.pem").sign(json!({ "kid": "unknown" }), &claims);
    let request = |path| server.get(path).bearer(&token).send();
    [request("/api/7/tasks").await, request("/api/auth/list-sessions").await]
}

/// Tables are missing.
async fn internal(server: &Server, owner: &User<'_>) -> [Response; 2] {
    for table in ["tasks", "audit_events"] {
        server
            .database
            .execute(&format!("ALTER TABLE {table} RENAME TO {table}_elsewhere"))
            .await;
    }
    let activity = server.get("/api/auth/activity").bearer(&owner.token);
    [owner.get("").send().await, activity.send().await]
}

on_both_databases! {
    async fn every_error_code_has_the_specified_status_and_better_auth_code(server, "--argon2-iterations", "4") {
        let owner = server.owner().await;
        let mut responses = general(&server, &owner).await;
        responses.extend(of_tasks(&owner).await);
        responses.extend(of_limits(&server, &owner).await);
        responses.extend(of_accounts(&server, &owner).await);
        responses.push(busy(&server).await);
        responses.extend(unavailable(&server).await);
        responses.extend(internal(&server, &owner).await);

        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (mut own, mut better_auth) = (BTreeSet::new(), BTreeSet::new());
        for response in responses {
            let code = text(&response.body["type"]).strip_prefix("urn:docket:problem:").unwrap().to_owned();
            let status = response.status.as_u16().to_string();
            if response.body["message"].is_null() {
                assert_eq!(response.body["code"], code);
            } else {
                better_auth.insert((code.clone(), text(&response.body["code"])));
            }
            own.insert((code, status));
        }
        let rows = &tables("api/rest-endpoints.md", "Errors")["Code | Status | Better Auth's | When"];
        let specified: BTreeSet<_> = rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
        assert_eq!(own, specified);
        let specified = rows.iter().filter(|row| row[2] != "none").map(|row| (row[0].clone(), row[2].clone()));
        assert_eq!(better_auth, specified.collect());
    }
}
