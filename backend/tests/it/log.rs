//! What the operator reads in the log, and that no secret is in it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use totp_rs::Totp;

use crate::jwt::{now, server_key};
use crate::program::Program;
use crate::smtp::Sink;
use crate::support::{Database, PASSWORD, Response, SECRET, Server, id, on_both_databases};

/// A server in its own process, on the database of `database`.
async fn start(database: &Database, flags: &[&str]) -> (Program, Server) {
    let program = Program::start(&[&["--database-url", &database.url], flags].concat()).await;
    let server = Server::at(program.base(), Database::at(database.url.clone()));
    (program, server)
}

/// Everything that was sent or received in this test and must not be in the log.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn add(&mut self, secret: impl Into<String>) -> String {
        let secret = secret.into();
        assert!(secret.len() >= 8, "\"{secret}\" may be in a log by chance");
        self.0.push(secret.clone());
        secret
    }

    /// Adds the tokens of an answer: the access token, and each part of the cookies that is random.
    fn add_tokens(&mut self, response: &Response) {
        response.expect(StatusCode::OK);
        self.0.extend(response.body["token"].as_str().map(str::to_owned));
        for name in ["docket_refresh", "docket_device", "docket_two_factor"] {
            let cookie = response.cookie_of(name);
            // The id of a session is no secret.
            let parts = cookie
                .split(['=', '.'])
                .filter(|part| part.len() >= 22 && !part.contains('-'));
            self.0.extend(parts.map(str::to_owned));
        }
    }

    #[track_caller]
    fn expect_none_in(&self, log: &str) {
        for secret in &self.0 {
            let line = log.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "\"{secret}\" is in the log: {line:?}");
        }
    }
}

/// Signs up with secrets in every member of the body. Returns the credentials.
async fn sign_up(server: &Server, mails: &mut Sink, secrets: &mut Secrets) -> Value {
    let email = secrets.add("marmalade@example.com");
    let password = secrets.add("seven green bicycles");
    let account = json!({ "name": secrets.add("Lady Marmalade"), "email": email, "password": password });
    server
        .post("/api/auth/sign-up/email", account)
        .send()
        .await
        .expect(StatusCode::OK);
    let token = secrets.add(mails.next().await.token("verify-email"));
    let body = json!({ "token": token, "password": password });
    let verified = server.post("/api/auth/verify-email", body).send().await;
    verified.expect(StatusCode::OK);
    json!({ "email": email, "password": password })
}

/// Uses the account: the right and a wrong password, a renewal, a reset link, two-factor. Returns the user id and a token.
async fn use_account(server: &Server, mails: &mut Sink, secrets: &mut Secrets) -> (String, String) {
    let mut credentials = sign_up(server, mails, secrets).await;
    let post = |path: &str, body: Value| server.post(&format!("/api/auth/{path}"), body);
    let wrong = json!({ "email": credentials["email"], "password": secrets.add("eight blue bicycles") });
    post("sign-in/email", wrong)
        .send()
        .await
        .expect(StatusCode::UNAUTHORIZED);
    let malformed = format!("{{\"email\": \"{}\"", secrets.add("nobody-malformed@example.com"));
    let malformed = server.request(Method::POST, "/api/auth/sign-in/email").text(malformed);
    malformed.send().await.expect(StatusCode::BAD_REQUEST);

    let email = json!({ "email": credentials["email"] });
    post("request-password-reset", email)
        .send()
        .await
        .expect(StatusCode::OK);
    let token = secrets.add(mails.next().await.token("reset-password"));
    credentials["password"] = secrets.add("nine yellow bicycles").into();
    let reset = json!({ "token": token, "newPassword": credentials["password"] });
    post("reset-password", reset.clone())
        .send()
        .await
        .expect(StatusCode::OK);
    post("reset-password", reset)
        .send()
        .await
        .expect(StatusCode::BAD_REQUEST);

    let signed_in = post("sign-in/email", credentials.clone()).send().await;
    secrets.add_tokens(&signed_in);
    let renewed = post("refresh", json!({}))
        .header("cookie", &signed_in.cookie())
        .send()
        .await;
    secrets.add_tokens(&renewed);
    let token = renewed.body["token"].as_str().unwrap();
    let set_up = json!({ "password": credentials["password"] });
    let set_up = post("two-factor/enable", set_up).bearer(token).send().await;
    set_up.expect(StatusCode::OK);
    let app = Totp::from_url(set_up.body["totpURI"].as_str().unwrap()).unwrap();
    secrets.add(app.secret().to_base32());
    for code in set_up.body["backupCodes"].as_array().unwrap() {
        secrets.add(code.as_str().unwrap());
    }
    let code = app.generate(now().try_into().unwrap()).to_string();
    let on = post("two-factor/verify-totp", json!({ "code": code }))
        .bearer(token)
        .send()
        .await;
    secrets.add_tokens(&on);
    let waiting = post("sign-in/email", credentials).send().await;
    secrets.add_tokens(&waiting);
    let code = json!({ "code": set_up.body["backupCodes"][0] });
    let finish = post("two-factor/verify-backup-code", code);
    let finished = finish
        .header("cookie", &waiting.cookie_of("docket_two_factor"))
        .send()
        .await;
    secrets.add_tokens(&finished);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&finished.body["user"]["id"]), text(&finished.body["token"]))
}

/// Uses the tasks: bodies and queries that are taken and refused, and a failure of the server. Returns the request id of
/// the failure.
async fn use_tasks(server: &Server, user: &str, token: &str, secrets: &mut Secrets) -> String {
    let path = format!("/api/{user}/tasks");
    let title = secrets.add("Buy marzipan");
    let task = json!({ "title": title, "description": secrets.add("for the surprise party") });
    let task = server.post(&path, task).bearer(token).send().await;
    task.expect(StatusCode::CREATED);
    let refused = json!({ "title": "a", "due_date": secrets.add("not-a-secret-day") });
    let refused = server
        .request(Method::PUT, &format!("{path}/{}", id(&task.body)))
        .json(refused)
        .bearer(token);
    refused.send().await.expect(StatusCode::UNPROCESSABLE_ENTITY);
    let query = format!("{path}?unknown={}", secrets.add("secret-in-query"));
    server.get(&query).bearer(token).send().await.expect(StatusCode::OK);
    let query = format!("{path}?cursor={}", secrets.add("secret-in-cursor"));
    server
        .get(&query)
        .bearer(token)
        .send()
        .await
        .expect(StatusCode::UNPROCESSABLE_ENTITY);
    let outside = server_key().sign(json!({ "typ": "JWT" }), &json!({ "sub": "7", "exp": now() - 300 }));
    let outside = server.get(&path).bearer(&secrets.add(outside));
    outside.send().await.expect(StatusCode::UNAUTHORIZED);
    server
        .database
        .execute("ALTER TABLE tasks RENAME TO tasks_elsewhere")
        .await;
    let failed = server.get(&format!("{query}&sort=title")).bearer(token).send().await;
    failed.expect(StatusCode::UNPROCESSABLE_ENTITY);
    let query = format!("{path}?sort=title&unknown={}", secrets.add("secret-in-failure"));
    let failed = server.get(&query).bearer(token).send().await;
    failed.expect(StatusCode::INTERNAL_SERVER_ERROR);
    failed.header("x-request-id").to_owned()
}

on_both_databases! {
    /// Neither a password, a token, a code, a link, a query nor a body, whatever the filter.
    async fn no_secret_is_in_the_log_at_any_level(server) {
        let mut mails = Sink::start().await;
        let smtp_url = format!("smtp://docket:secret-of-smtp@{}", mails.address);
        let flags = [
            "--log", "trace", "--smtp-url", &smtp_url, "--mail-from", "docket@example.com", "--better-auth-url", "http://localhost:8000", "--trust-external-tokens", "true",
        ];
        let (program, server) = start(&server.database, &flags).await;
        let mut secrets = Secrets::default();
        secrets.add(SECRET);
        secrets.add("secret-of-smtp");
        let (user, token) = use_account(&server, &mut mails, &mut secrets).await;
        let failure = use_tasks(&server, &user, &token, &mut secrets).await;
        let log = program.stop().await;
        // The log is not empty: it has each statement, and the failure.
        assert!(log.contains("INSERT INTO tasks"), "no statement is logged");
        assert!(log.lines().any(|line| line.contains(&failure) && line.contains("ERROR")), "no failure is logged");
        secrets.expect_none_in(&log);
    }
}

#[tokio::test]
async fn a_refused_external_token_is_logged_with_its_reason() {
    let database = Database::sqlite();
    let flags = [
        "--trust-external-tokens",
        "true",
        "--external-issuer",
        "https://issuer.example",
    ];
    let (mut program, server) = start(&database, &flags).await;
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
        (
            json!({ "iss": "https://issuer.example", "exp": now() + 300 }),
            "the claim iat is missing",
        ),
        (
            json!({ "iss": "https://issuer.example", "iat": now() - 90_000, "exp": now() + 300 }),
            "24 hours",
        ),
    ];
    for (mut claims, reason) in tokens {
        claims["sub"] = json!("owner@example.com");
        let token = server_key().sign(json!({ "typ": "JWT" }), &claims);
        let response = server.get("/api/anybody/tasks").bearer(&token).send().await;
        response.expect(StatusCode::UNAUTHORIZED);
        let line = program.line_with(response.header("x-request-id")).await;
        assert!(line.contains(reason), "{line}");
        assert!(!line.contains("owner@example.com") && !line.contains(&token), "{line}");
    }
}

#[tokio::test]
async fn a_mail_that_cannot_be_sent_is_logged_with_its_reason() {
    let database = Database::sqlite();
    // Bound until the end of the test, and never listening.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("smtp://{}", closed.local_addr().unwrap());
    let (mut program, server) = start(
        &database,
        &[
            "--smtp-url",
            &url,
            "--mail-from",
            "docket@example.com",
            "--better-auth-url",
            "http://localhost:8000",
        ],
    )
    .await;
    let account = json!({ "name": "Owner", "email": "owner@example.com", "password": PASSWORD });
    let response = server.post("/api/auth/sign-up/email", account).send().await;
    response.expect(StatusCode::OK);
    let line = program.line_with("sending a mail failed").await;
    assert!(
        line.contains(response.header("x-request-id")) && line.contains("Connection refused"),
        "{line}"
    );
    assert!(!line.contains("owner@example.com"), "{line}");
}

#[tokio::test]
async fn a_secret_of_an_app_that_cannot_be_decrypted_is_logged() {
    let database = Database::sqlite();
    let (_program, server) = start(&database, &[]).await;
    let owner = server.owner().await;
    let broken = "UPDATE users SET two_factor_enabled = TRUE, totp_sealed = zeroblob(56)";
    database.execute(broken).await;
    let credentials = json!({ "email": "owner@example.com", "password": PASSWORD });
    let (mut program, server) = start(&database, &[]).await;
    // At start, before or after the server listens.
    let line = program.first_line_with("users=1").await;
    assert!(
        line.contains("ERROR") && line.contains("cannot be decrypted") && line.contains("BETTER_AUTH_SECRETS"),
        "{line}"
    );
    let signed_in = server.post("/api/auth/sign-in/email", credentials).send().await;
    let code = server.post("/api/auth/two-factor/verify-totp", json!({ "code": "123456" }));
    let refused = code
        .header("cookie", &signed_in.cookie_of("docket_two_factor"))
        .send()
        .await;
    refused.expect_problem(StatusCode::CONFLICT, "app_code_unavailable");
    let line = program.line_with("cannot be decrypted").await;
    assert!(
        line.contains("ERROR") && line.contains(&owner.id) && line.contains("BETTER_AUTH_SECRETS"),
        "{line}"
    );
}
