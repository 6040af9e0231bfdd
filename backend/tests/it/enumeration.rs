//! What a request does must not depend on whether an address has an account: a later request could notice the difference.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::program::Program;
use crate::smtp::Sink;
use crate::support::{Database, PASSWORD, Server, eventually, on_both_databases};

const OWNER: &str = "owner@example.com";
const NOBODY: &str = "nobody@example.com";
/// The tables in which a request leaves rows.
const TABLES: [&str; 5] = [
    "audit_events",
    "events_without_account",
    "email_links",
    "pending_sign_ups",
    "one_time_tokens",
];

async fn rows(database: &Database) -> usize {
    // One statement, because the request may be writing.
    let counts = TABLES.map(|table| format!("(SELECT count(*) FROM {table})"));
    let sql = format!("SELECT CAST({} AS TEXT)", counts.join(" + "));
    database.rows(&sql).await[0][0].parse().unwrap()
}

/// Sends the request to a server of its own. Returns the number of rows that it leaves, and the verbs of its statements.
async fn work(database: &Database, mails: &Sink, path: &str, body: &Value) -> (usize, Vec<String>) {
    let smtp_url = format!("smtp://{}", mails.address);
    let flags = [
        "--database-url",
        &database.url,
        "--smtp-url",
        &smtp_url,
        "--mail-from",
        "docket@example.com",
        "--better-auth-url",
        "http://localhost:8000",
        "--log",
        "info,sqlx::query=debug",
    ];
    let program = Program::start(&flags).await;
    let server = Server::at(program.base(), Database::at(database.url.clone()));
    let before = rows(database).await;
    let response = server.post(&format!("/api/auth/{path}"), body.clone()).send().await;
    assert!(
        [StatusCode::OK, StatusCode::UNAUTHORIZED].contains(&response.status),
        "{response:?}"
    );
    let left = eventually("the request writes rows", async || {
        let left = rows(database).await - before;
        (left > 0).then_some(left)
    });
    let left = left.await;
    let log = program.stop().await;
    // The sweep of expired rows at the start does not belong to the request.
    let lines = log
        .lines()
        .filter(|line| line.contains("sqlx::query") && !line.contains("LIMIT $2)"));
    let of_request = lines.filter(|line| TABLES.iter().chain(&["users"]).any(|table| line.contains(table)));
    let verb = |line: &str| {
        let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE"];
        verbs
            .into_iter()
            .find(|verb| line.contains(&format!("summary=\"{verb}")))
            .map(str::to_owned)
    };
    (left, of_request.filter_map(verb).collect())
}

on_both_databases! {
    async fn requests_write_the_same_with_and_without_an_account(server) {
        server.owner().await;
        server.database.execute("UPDATE users SET email_verified = TRUE").await;
        let mails = Sink::start().await;
        for (path, members) in [
            ("request-password-reset", json!({})),
            ("send-verification-email", json!({})),
            ("sign-up/email", json!({ "name": "Somebody", "password": PASSWORD })),
            ("sign-in/email", json!({ "password": "wrong horse battery" })),
        ] {
            let mut works = Vec::new();
            // Twice, because the second request may replace what the first one has stored.
            for email in [OWNER, NOBODY, OWNER, NOBODY] {
                let mut body = members.clone();
                body["email"] = email.into();
                works.push(work(&server.database, &mails, path, &body).await);
                if path == "send-verification-email" {
                    // The link of the next request would replace this one.
                    server.database.execute("DELETE FROM email_links").await;
                }
            }
            assert!(!works[0].1.is_empty(), "no statement of {path} is in the log");
            assert_eq!(works[0], works[1], "the first {path}");
            assert_eq!(works[2], works[3], "the second {path}");
        }
    }
}
