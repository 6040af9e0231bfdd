//! What the operator reads in the log of the process.

use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::jwt::{now, ours};
use crate::support::{Database, PASSWORD, SECRET};

/// Only reached when a line does not come at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server in a process of its own, which ends with the value.
struct Process {
    log: Lines<BufReader<ChildStderr>>,
    base: String,
    _child: Child,
    _database: Database,
}

impl Process {
    async fn start(flags: &[&str]) -> Self {
        let database = Database::sqlite();
        let mut child = Command::new(env!("CARGO_BIN_EXE_docket"))
            .args(["--bind", "127.0.0.1:0", "--database-url", &database.url])
            .args(["--better-auth-secret", SECRET])
            .args(flags)
            .env_remove("LOG")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut process = Self {
            log: BufReader::new(child.stderr.take().unwrap()).lines(),
            base: String::new(),
            _child: child,
            _database: database,
        };
        let line = process.line_with("listening on ").await;
        let (_, base) = line.split_once("listening on ").unwrap();
        process.base = base.to_owned();
        process
    }

    /// The next line of the log with that text.
    async fn line_with(&mut self, text: &str) -> String {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.log.next_line()).await;
            let line = line.expect(text).unwrap().expect("the server has ended");
            if line.contains(text) {
                return line;
            }
        }
    }
}

fn request_id(answer: &Response) -> String {
    answer.headers()["x-request-id"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refused_outside_token_is_logged_with_its_reason() {
    let flags = [
        "--trust-external-tokens",
        "true",
        "--external-issuer",
        "https://issuer.example",
    ];
    let mut server = Process::start(&flags).await;
    let tokens = [
        (
            json!({ "iss": "https://issuer.example", "exp": now() - 300 }),
            "expired",
        ),
        (json!({ "iss": "https://other.example", "exp": now() + 300 }), "issuer"),
        (json!({ "iss": "https://issuer.example" }), "exp"),
        (
            json!({ "iss": "https://issuer.example", "exp": now() + 300, "nbf": "owner@example.com" }),
            "form",
        ),
    ];
    for (mut claims, reason) in tokens {
        claims["sub"] = json!("owner@example.com");
        let token = ours().sign(json!({ "typ": "JWT" }), &claims);
        let request = Client::new()
            .get(format!("{}/api/anybody/tasks", server.base))
            .bearer_auth(&token);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401);
        let line = server.line_with(&request_id(&answer)).await;
        assert!(line.contains(reason), "{line}");
        assert!(!line.contains("owner@example.com") && !line.contains(&token), "{line}");
    }
}

#[tokio::test]
async fn a_mail_that_is_not_sent_is_logged_with_its_reason() {
    // Bound until the end of the test, and never listening.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("smtp://{}", closed.local_addr().unwrap());
    let mut server = Process::start(&["--smtp-url", &url, "--mail-from", "docket@example.com"]).await;
    let body = json!({ "name": "Owner", "email": "owner@example.com", "password": PASSWORD });
    let request = Client::new()
        .post(format!("{}/api/auth/sign-up/email", server.base))
        .json(&body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let line = server.line_with("a mail could not be sent").await;
    assert!(
        line.contains(&request_id(&answer)) && line.contains("Connection refused"),
        "{line}"
    );
    assert!(!line.contains("owner@example.com"), "{line}");
}
