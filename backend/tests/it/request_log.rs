//! The lines of requests and of security events in the log: `specs/operations/logging.md`, and the README's "Logs and fail2ban".

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chrono::{TimeDelta, Utc};
use regex::Regex;
use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use totp_rs::Totp;

use crate::jwt::{Signer, now};
use crate::program::Program;
use crate::smtp::Sink;
use crate::spec::{spec, tables};
use crate::support::{Database, PASSWORD, SECRET, Server, on_both_databases};

const OWNER: &str = "owner@example.com";
/// An address that a proxy reports.
const ELSEWHERE: &str = "203.0.113.9";
/// What an attacker wants to be in the log.
const FORGED: &str =
    "\n2031-03-09T08:31:12.654321Z  WARN docket::security: event=sign_in_failed address=198.51.100.66 request_id=1";

/// Starts a server process on an existing database. Returns it with a client for requests.
async fn start(database: &Database, flags: &[&str]) -> (Program, Server) {
    let program = Program::start(&[&["--database-url", &database.url], flags].concat()).await;
    let server = Server::at(program.base(), Database::at(database.url.clone()));
    (program, server)
}

/// A line of the text format: level, target, and the fields, whose values have no spaces.
#[derive(Debug)]
struct Line<'a> {
    level: &'a str,
    target: &'a str,
    fields: BTreeMap<&'a str, &'a str>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let mut words = line.split_whitespace();
        let (_timestamp, level, target) = (words.next(), words.next().unwrap(), words.next().unwrap());
        let fields = words.filter_map(|word| word.split_once('='));
        let plain = fields.map(|(name, value)| (name, value.trim_matches('"')));
        Self {
            level,
            target: target.trim_end_matches(':'),
            fields: plain.collect(),
        }
    }

    fn names(&self) -> BTreeSet<&str> {
        self.fields.keys().copied().collect()
    }
}

/// The lines of a target.
fn lines_of<'a>(log: &'a str, target: &str) -> Vec<Line<'a>> {
    let lines = log.lines().map(Line::parse);
    lines.filter(|line| line.target == target).collect()
}

/// The names of the security events, in their order.
fn events(log: &str) -> Vec<String> {
    let lines = lines_of(log, "docket::security");
    lines.iter().map(|line| line.fields["event"].to_owned()).collect()
}

/// Confirms an address with the token of a link.
async fn verify(server: &Server, token: &str) {
    let body = json!({ "token": token, "password": PASSWORD });
    server
        .post("/api/auth/verify-email", body)
        .send()
        .await
        .expect(StatusCode::OK);
}

async fn sign_in(server: &Server, password: &str) -> Value {
    let credentials = json!({ "email": OWNER, "password": password });
    server.post("/api/auth/sign-in/email", credentials).send().await.body
}

/// A request with a token to an operation below `/api/auth`, which must succeed.
async fn done(server: &Server, token: &str, path: &str, body: Value) -> Value {
    let response = server
        .post(&format!("/api/auth{path}"), body)
        .bearer(token)
        .send()
        .await;
    response.expect(StatusCode::OK);
    response.body
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn readme() -> String {
    fs::read_to_string(spec("../README.md")).unwrap()
}

/// The pattern in the README, which matches a line whose timestamp fail2ban has cut out. The first group is the address.
fn failregex() -> Regex {
    let readme = readme();
    let line = readme
        .lines()
        .find_map(|line| line.strip_prefix("failregex = "))
        .unwrap();
    Regex::new(&line.replace("<ADDR>", "([0-9A-Fa-f.:]+)")).unwrap()
}

/// The addresses that fail2ban counts in this log, in a file and in the journal.
fn counted(log: &str) -> Vec<String> {
    let failregex = failregex();
    let timestamp = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z").unwrap();
    let address = |line: &str| Some(failregex.captures(line)?[1].to_owned());
    let in_file = log.lines().filter_map(|line| address(&timestamp.replace(line, "")));
    let in_file: Vec<String> = in_file.collect();
    let in_journal = log
        .lines()
        .filter_map(|line| address(&format!("host docket[4711]: {line}")));
    assert_eq!(in_journal.collect::<Vec<_>>(), in_file);
    in_file
}

on_both_databases! {
    async fn each_request_is_one_line_with_its_route_and_its_user(server) {
        let (program, server) = start(&server.database, &["--trusted-proxies", "127.0.0.1"]).await;
        let owner = server.owner().await;
        let created = owner.post(json!({ "title": "Water the plants" })).send().await;
        let id = text(&created.body["id"]);
        let list = owner.get("?status=pending&sort=due_date").header("x-forwarded-for", ELSEWHERE).send().await;
        let toggled = owner.toggle(&id).send().await;
        let foreign = server.get("/api/somebody/tasks").bearer(&owner.token).send().await;
        let refused = owner.post(json!({ "title": "" })).send().await;
        let anonymous = server.get(&owner.path("")).send().await;
        let unknown = server.get("/api/somebody/elses/secret").send().await;
        let missing = server.get("/missing.txt").send().await;
        let refreshed = server.post("/api/auth/refresh", json!({})).header("cookie", &owner.cookie).send().await;
        let preflight = server.request(Method::OPTIONS, &owner.path(""));
        let preflight = preflight.header("access-control-request-method", "GET").send().await;
        let odd = server.request(Method::from_bytes(b"BREW").unwrap(), "/docs").send().await;
        let log = program.stop().await;

        let lines = lines_of(&log, "docket::request");
        let user = Some(owner.id.as_str());
        let expected = [
            (created, "POST", "/api/{user_id}/tasks", "201", user),
            (list, "GET", "/api/{user_id}/tasks", "200", user),
            (toggled, "PATCH", "/api/{user_id}/tasks/{id}/complete", "200", user),
            (foreign, "GET", "/api/{user_id}/tasks", "403", user),
            (refused, "POST", "/api/{user_id}/tasks", "422", user),
            (anonymous, "GET", "/api/{user_id}/tasks", "401", None),
            (unknown, "GET", "unknown", "404", None),
            (missing, "GET", "static", "404", None),
            (refreshed, "POST", "/api/auth/refresh", "200", user),
            (preflight, "OPTIONS", "/api/{user_id}/tasks", "204", None),
            (odd, "other", "/docs", "405", None),
        ];
        // The first is the sign-up.
        assert_eq!(lines.len(), 1 + expected.len(), "{log}");
        for (line, (response, method, route, status, user)) in lines[1..].iter().zip(expected) {
            let mut names = BTreeSet::from(["address", "duration_ms", "method", "request_id", "route", "status"]);
            names.extend(user.map(|_| "user_id"));
            assert_eq!(line.names(), names, "{line:?}");
            let found = ["method", "route", "status", "request_id"].map(|name| line.fields[name]);
            assert_eq!(found, [method, route, status, response.header("x-request-id")]);
            assert_eq!(line.fields.get("user_id").copied(), user);
            assert_eq!((line.level, line.target), ("INFO", "docket::request"));
            assert!(line.fields["duration_ms"].parse::<f64>().unwrap() > 0.0);
        }
        assert_eq!(lines[2].fields["address"], ELSEWHERE);
        assert_eq!(lines[1].fields["address"], "127.0.0.1");
        for private in [&owner.token, OWNER, "due_date", "plants", "somebody", &id, "BREW", "missing"] {
            assert!(!log.contains(private), "{private}: {log}");
        }
    }

    async fn a_fault_is_an_error_with_its_causes_in_the_line_of_the_request(server) {
        let (program, server) = start(&server.database, &[]).await;
        let owner = server.owner().await;
        server.database.execute("DROP TABLE tasks").await;
        let response = owner.get("").send().await;
        response.expect(StatusCode::INTERNAL_SERVER_ERROR);
        let log = program.stop().await;
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(response.header("x-request-id"))).collect();
        let [line] = lines.as_slice() else { panic!("{log}") };
        assert_eq!(Line::parse(line).level, "ERROR");
        assert!(line.contains("docket::request") && line.contains("status=500"), "{line}");
        assert!(line.contains("error=\"the database rejected a statement: ") && line.contains("tasks"), "{line}");
    }

    async fn every_change_of_an_account_is_one_event_after_its_commit(server) {
        let (mut program, server) = start(&server.database, &[]).await;
        let mut owner = server.owner().await;
        sign_in(&server, "a wrong password").await;
        program.line_with("event=sign_in_failed").await;
        let other = text(&sign_in(&server, PASSWORD).await["token"]);
        let wrong = json!({ "password": "a wrong password" });
        let refused = server.post("/api/auth/verify-password", wrong).bearer(&other).send().await;
        refused.expect(StatusCode::BAD_REQUEST);
        let absent = json!({ "token": "01920000-0000-7000-8000-000000000001" });
        let refused = server.post("/api/auth/revoke-session", absent).bearer(&other).send().await;
        refused.expect(StatusCode::NOT_FOUND);
        done(&server, &other, "/revoke-other-sessions", json!({})).await;
        done(&server, &other, "/update-user", json!({ "name": "Another name" })).await;
        let taken = server.post("/api/auth/sign-up/email", json!({ "name": "Owner", "email": OWNER, "password": PASSWORD }));
        taken.send().await.expect(StatusCode::UNPROCESSABLE_ENTITY);
        let password = json!({ "password": PASSWORD });
        let set_up = done(&server, &other, "/two-factor/enable", password.clone()).await;
        let app = Totp::from_url(set_up["totpURI"].as_str().unwrap()).unwrap();
        let code = app.generate(now().unsigned_abs()).to_string();
        owner.token = text(&done(&server, &other, "/two-factor/verify-totp", json!({ "code": code })).await["token"]);
        let pending = server.post("/api/auth/sign-in/email", json!({ "email": OWNER, "password": PASSWORD })).send().await;
        let finish = async |code: &Value| {
            let request = server.post("/api/auth/two-factor/verify-backup-code", json!({ "code": code }));
            request.header("cookie", &pending.cookie_of("docket_two_factor")).send().await.status
        };
        assert_eq!(finish(&json!("AAAA-AAAA-AAAA-AAAA")).await, StatusCode::UNAUTHORIZED);
        assert_eq!(finish(&set_up["backupCodes"][0]).await, StatusCode::OK);
        let with_code = |code: &Value| json!({ "password": PASSWORD, "code": code });
        let wrong = server.post("/api/auth/two-factor/disable", with_code(&json!("AAAA-AAAA-AAAA-AAAA")));
        wrong.bearer(&owner.token).send().await.expect(StatusCode::UNAUTHORIZED);
        let code = with_code(&set_up["backupCodes"][1]);
        let replaced = done(&server, &owner.token, "/two-factor/generate-backup-codes", code).await;
        done(&server, &owner.token, "/two-factor/disable", with_code(&replaced["backupCodes"][0])).await;
        done(&server, &owner.token, "/change-email", json!({ "newEmail": "new@example.com" })).await;
        server.get("/api/auth/export").bearer(&owner.token).send().await.expect(StatusCode::OK);
        let change = json!({ "currentPassword": PASSWORD, "newPassword": "staple battery horse" });
        owner.token = text(&done(&server, &owner.token, "/change-password", change).await["token"]);
        done(&server, &owner.token, "/sign-out", json!({})).await;
        let credentials = json!({ "email": "new@example.com", "password": "staple battery horse" });
        let token = text(&server.post("/api/auth/sign-in/email", credentials).send().await.body["token"]);
        let history = server.database.rows("SELECT event FROM audit_events ORDER BY id").await.concat();
        let deleted = done(&server, &token, "/delete-user", json!({ "password": "staple battery horse" })).await;
        assert_eq!(deleted["success"], true);
        let log = program.stop().await;

        assert_eq!(events(&log), [
            "signing_key_loaded", "signed_up", "sign_in_failed", "signed_in", "password_refused", "other_sessions_revoked",
            "name_changed", "two_factor_enabled", "sign_in_failed", "recovery_code_used", "signed_in", "code_refused",
            "recovery_codes_replaced", "two_factor_disabled", "email_changed", "data_exported", "password_changed",
            "signed_out", "signed_in", "account_deleted",
        ]);
        let log_only = ["signing_key_loaded", "password_refused", "account_deleted"];
        let of_history: Vec<String> = events(&log).into_iter().filter(|event| !log_only.contains(&event.as_str())).collect();
        assert_eq!(of_history, history);
        for line in &lines_of(&log, "docket::security")[1..] {
            assert_eq!(line.names(), BTreeSet::from(["address", "event", "request_id", "user_id"]), "{line:?}");
            assert_eq!(line.fields["user_id"], owner.id);
            let suspicious = ["sign_in_failed", "password_refused", "code_refused"].contains(&line.fields["event"]);
            assert_eq!(line.level, if suspicious { "WARN" } else { "INFO" }, "{line:?}");
        }
        for private in [OWNER, "new@example.com", PASSWORD, &owner.token] {
            assert!(!log.contains(private), "{private}: {log}");
        }
    }

    async fn a_change_whose_commit_fails_is_no_event(server) {
        let (program, server) = start(&server.database, &[]).await;
        server.owner().await;
        let at_the_commit = if server.database.url.starts_with("sqlite:") {
            "CREATE TABLE checked (id TEXT REFERENCES users DEFERRABLE INITIALLY DEFERRED); \
             CREATE TRIGGER refuse AFTER INSERT ON audit_events BEGIN INSERT INTO checked VALUES ('nobody'); END"
        } else {
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$; \
             CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON audit_events DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION refuse()"
        };
        server.database.execute(at_the_commit).await;
        assert!(sign_in(&server, PASSWORD).await["status"].as_u64().unwrap() >= 500);
        assert_eq!(events(&program.stop().await), ["signing_key_loaded", "signed_up"]);
    }

    async fn an_old_refresh_token_is_an_event(server) {
        let (program, server) = start(&server.database, &[]).await;
        let owner = server.owner().await;
        let refresh = async || server.post("/api/auth/refresh", json!({})).header("cookie", &owner.cookie).send().await;
        refresh().await.expect(StatusCode::OK);
        server.database.execute("UPDATE sessions SET rotated_at = '2001-01-01T00:00:00+00:00'").await;
        refresh().await.expect(StatusCode::UNAUTHORIZED);
        refresh().await.expect(StatusCode::UNAUTHORIZED);
        let log = program.stop().await;
        assert_eq!(events(&log), ["signing_key_loaded", "signed_up", "refresh_reused"]);
        let line = &lines_of(&log, "docket::security")[2];
        assert_eq!((line.level, line.fields["user_id"]), ("WARN", owner.id.as_str()));
    }

    async fn an_exceeded_rate_limit_is_an_event_with_its_policy(server) {
        let (program, server) = start(&server.database, &["--rate-limit", "on"]).await;
        let owner = server.owner().await;
        let verify = async || {
            let wrong = json!({ "password": "a wrong password" });
            server.post("/api/auth/verify-password", wrong).bearer(&owner.token).send().await.status
        };
        sign_in(&server, "a wrong password").await;
        assert_eq!(verify().await, StatusCode::BAD_REQUEST);
        // The counts of an account at an address and of a session last for a day, the others for an hour at most.
        let later = (Utc::now() + TimeDelta::hours(12)).to_rfc3339();
        let wait = format!("UPDATE throttles SET retry_at = '2999-01-01T00:00:00+00:00' WHERE expires_at > '{later}'");
        server.database.execute(&wait).await;
        assert_eq!(sign_in(&server, PASSWORD).await["code"], "TOO_MANY_REQUESTS");
        assert_eq!(verify().await, StatusCode::TOO_MANY_REQUESTS);
        let log = program.stop().await;
        let mut limited = lines_of(&log, "docket::security");
        limited.retain(|line| line.fields["event"] == "rate_limited");
        let found: Vec<_> =
            limited.iter().map(|line| (line.level, line.fields["reason"], line.fields.get("user_id").copied())).collect();
        assert_eq!(found, [("WARN", "account-at-address", None), ("WARN", "session", Some(owner.id.as_str()))]);
    }

    async fn links_by_mail_are_events_without_the_addresses(server) {
        server.owner().await;
        let mut mails = Sink::start().await;
        let url = format!("smtp://{}", mails.address);
        let (mut program, server) = start(&server.database, &["--smtp-url", &url, "--mail-from", "docket@example.com", "--better-auth-url", "http://localhost:8000"]).await;
        let account = json!({ "name": "Other", "email": "other@example.com", "password": PASSWORD });
        server.post("/api/auth/sign-up/email", account).send().await.expect(StatusCode::OK);
        let confirm = mails.next().await.token("verify-email");
        verify(&server, &confirm).await;
        // The right password of an account from before the server sent mail.
        assert_eq!(sign_in(&server, PASSWORD).await["code"], "EMAIL_NOT_VERIFIED");
        let again = mails.next().await.token("verify-email");
        verify(&server, &again).await;
        for email in ["nobody@example.com", OWNER] {
            let asked = server.post("/api/auth/request-password-reset", json!({ "email": email })).send().await;
            asked.expect(StatusCode::OK);
        }
        let reset = mails.next().await.token("reset-password");
        let body = json!({ "token": reset, "newPassword": "staple battery horse" });
        server.post("/api/auth/reset-password", body).send().await.expect(StatusCode::OK);
        mails.next().await;
        let token = text(&sign_in(&server, "staple battery horse").await["token"]);
        done(&server, &token, "/change-email", json!({ "newEmail": "new@example.com" })).await;
        program.line_with("event=email_change_requested").await;
        let log = program.stop().await;
        assert_eq!(events(&log), [
            "signing_key_loaded", "signed_up", "sign_in_refused", "email_verified", "password_reset_requested",
            "password_reset_requested", "password_reset", "signed_in", "email_change_requested",
        ]);
        for private in [OWNER, "new@example.com", "other@example.com", "nobody@example.com", &confirm, &again, &reset] {
            assert!(!log.contains(private), "{private}: {log}");
        }
    }

    async fn fail2ban_counts_failed_sign_ins_with_the_right_address_and_nothing_that_a_client_made_up(server) {
        let flags = ["--trust-external-tokens", "true"];
        let (program, direct) = start(&server.database, &flags).await;
        direct.owner().await;
        let credentials = json!({ "email": OWNER, "password": "a wrong password" });
        // There is no proxy, so the header is the client's own.
        let failed = direct.post("/api/auth/sign-in/email", credentials.clone())
            .header("x-forwarded-for", "198.51.100.66")
            .header("x-request-id", "1 address=198.51.100.66")
            .header("user-agent", "event=sign_in_failed address=198.51.100.66 request_id=1");
        failed.send().await.expect(StatusCode::UNAUTHORIZED);
        let email = format!("owner@example.com{FORGED}");
        direct.post("/api/auth/sign-in/email", json!({ "email": email, "password": PASSWORD })).send().await;
        // The user of an external token is what its `sub` says.
        let claims = json!({ "sub": format!("somebody{FORGED}\""), "iat": now(), "exp": now() + 300 });
        let token = Signer::secret(SECRET).sign(json!({ "typ": "JWT" }), &claims);
        let subject: String = text(&claims["sub"]).bytes().map(|byte| format!("%{byte:02X}")).collect();
        let listed = direct.get(&format!("/api/{subject}/tasks")).bearer(&token).send().await;
        listed.expect(StatusCode::OK);
        let escaped = FORGED.replace('\n', "%0A").replace(' ', "%20");
        direct.get(&format!("/api/{escaped}/tasks?x={escaped}")).send().await;
        let log = program.stop().await;
        assert!(log.contains("user_id=\"somebody\\n2031"), "{log}");
        let failures = counted(&log);
        assert!(!failures.is_empty() && failures.iter().all(|address| address == "127.0.0.1"), "{failures:?}\n{log}");
        let expected = events(&log).iter().filter(|event| *event == "sign_in_failed").count();
        assert_eq!(failures.len(), expected, "{log}");
        assert_eq!(log.matches("198.51.100.66").count(), 1, "{log}");

        let (program, proxied) = start(&server.database, &["--trusted-proxies", "127.0.0.1"]).await;
        for address in [ELSEWHERE, "2001:db8::9"] {
            let failed = proxied.post("/api/auth/sign-in/email", credentials.clone());
            // The proxy appends to what the client made up.
            let failed = failed.header("x-forwarded-for", &format!("198.51.100.66, {address}"));
            failed.send().await.expect(StatusCode::UNAUTHORIZED);
        }
        let mut failures = counted(&program.stop().await);
        failures.sort();
        assert_eq!(failures, ["2001:db8::9", ELSEWHERE]);
    }
}

#[tokio::test]
async fn a_request_that_is_503_is_an_error_without_a_fault_too() {
    let database = Database::sqlite();
    let flags = ["--shutdown-delay", "600", "--log", "info,docket::request=error"];
    let (mut program, server) = start(&database, &flags).await;
    program.signal(Signal::TERM);
    program.line_with("stopping").await;
    let stopping = server.get("/health/ready").send().await;
    stopping.expect(StatusCode::SERVICE_UNAVAILABLE);
    let line = program.line_with(stopping.header("x-request-id")).await;
    assert!(
        line.contains("ERROR docket::request") && line.contains("error=\"The server is about to stop."),
        "{line}"
    );
    program.kill().await;
}

#[tokio::test]
async fn the_address_of_a_jwks_is_logged_without_its_secrets() {
    let database = Database::sqlite();
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://user:hunter2@{}/jwks?key=abcdef", closed.local_addr().unwrap());
    let (program, server) = start(
        &database,
        &[
            "--trust-external-tokens",
            "true",
            "--external-issuer",
            "issuer",
            "--external-audience",
            "docket-api",
            "--external-jwks-url",
            &url,
        ],
    )
    .await;
    let claims = json!({ "sub": "somebody", "iss": "issuer", "iat": now(), "exp": now() + 300 });
    let token = Signer::secret(SECRET).sign(json!({ "typ": "JWT", "kid": "1" }), &claims);
    let refused = server.get("/api/somebody/tasks").bearer(&token).send().await;
    refused.expect(StatusCode::SERVICE_UNAVAILABLE);
    let log = program.stop().await;
    assert!(log.contains("fetching the JWKS of the external issuer failed"), "{log}");
    assert!(!log.contains("hunter2") && !log.contains("abcdef"), "{log}");
}

#[tokio::test]
async fn a_refused_external_token_is_an_event_with_the_reason() {
    let database = Database::sqlite();
    let (program, server) = start(&database, &["--trust-external-tokens", "true"]).await;
    let claims = json!({ "sub": "somebody", "iat": now(), "exp": now() - 300 });
    let token = Signer::secret(SECRET).sign(json!({ "typ": "JWT" }), &claims);
    let refused = server.get("/api/somebody/tasks").bearer(&token).send().await;
    refused.expect(StatusCode::UNAUTHORIZED);
    let log = program.stop().await;
    let line = log
        .lines()
        .find(|line| line.contains("event=external_token_refused"))
        .unwrap();
    assert!(line.contains("reason=\"the token has expired (exp)\""), "{line}");
    assert!(
        line.contains(refused.header("x-request-id")) && !log.contains(&token),
        "{log}"
    );
}

#[tokio::test]
async fn as_json_every_line_is_an_object_with_the_same_fields() {
    let database = Database::sqlite();
    let (program, server) = start(&database, &["--log-format", "json"]).await;
    let owner = server.owner().await;
    owner.get("").send().await.expect(StatusCode::OK);
    let failed = json!({ "email": "nobody@example.com", "password": PASSWORD });
    server
        .post("/api/auth/sign-in/email", failed)
        .send()
        .await
        .expect(StatusCode::UNAUTHORIZED);
    let log = program.stop().await;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let list = lines
        .iter()
        .find(|line| line["route"] == "/api/{user_id}/tasks")
        .unwrap();
    let names: BTreeSet<&str> = list.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "address",
        "duration_ms",
        "level",
        "method",
        "request_id",
        "route",
        "status",
        "target",
        "timestamp",
        "user_id",
    ];
    assert_eq!(names, BTreeSet::from(expected));
    assert_eq!(
        (&list["level"], &list["target"]),
        (&json!("INFO"), &json!("docket::request"))
    );
    assert_eq!((&list["status"], &list["user_id"]), (&json!(200), &json!(owner.id)));
    assert!(list["duration_ms"].is_f64());
    let failed = lines.iter().find(|line| line["event"] == "sign_in_failed").unwrap();
    assert_eq!(failed["address"], "127.0.0.1");
    assert!(lines.iter().any(|line| {
        line["message"]
            .as_str()
            .is_some_and(|text| text.starts_with("listening on"))
    }));
}

#[tokio::test]
async fn the_filters_of_the_readme_do_what_it_says() {
    let database = Database::sqlite();
    let requested = async |flags: &[&str]| {
        let (program, server) = start(&database, flags).await;
        server.get("/health/live").send().await.expect(StatusCode::OK);
        server.get("/api/nothing").send().await.expect(StatusCode::NOT_FOUND);
        let log = program.stop().await;
        let routes: Vec<String> = lines_of(&log, "docket::request")
            .iter()
            .map(|line| format!("{} {}", line.level, line.fields["route"]))
            .collect();
        (routes, events(&log).len())
    };
    assert_eq!(requested(&[]).await, (vec!["INFO unknown".to_owned()], 1));
    let rows = &tables("../README.md", "Settings")["To get | Set"];
    let [all, faults] = [0, 1].map(|row| rows[row][1].strip_prefix("LOG=").unwrap().to_owned());
    let (routes, events) = requested(&["--log", &all]).await;
    assert_eq!(
        (routes, events),
        (vec!["DEBUG /health/live".to_owned(), "INFO unknown".to_owned()], 1)
    );
    assert_eq!(requested(&["--log", &faults]).await, (vec![], 1));
}

#[tokio::test]
async fn a_request_whose_client_closes_the_connection_is_logged_too() {
    let database = Database::sqlite();
    let (mut program, server) = start(&database, &[]).await;
    let owner = server.owner().await;
    // While another process writes, the request waits.
    let mut writer = SqliteConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut writer).await.unwrap();
    let mut connection = TcpStream::connect(program.address).await.unwrap();
    let body = json!({ "title": "Water the plants" }).to_string();
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        owner.path(""),
        owner.token,
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    // The handler has begun: it reads the body.
    let mut response = [0; 12];
    connection.read_exact(&mut response).await.unwrap();
    assert_eq!(&response, b"HTTP/1.1 100");
    connection.write_all(body.as_bytes()).await.unwrap();
    drop(connection);
    let line = program.line_with("status=499").await;
    let line = Line::parse(&line);
    assert_eq!((line.level, line.fields["route"]), ("INFO", "/api/{user_id}/tasks"));
}

#[test]
fn the_specification_lists_the_events_of_the_code() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/accounts/event.rs");
    let source = fs::read_to_string(source).unwrap();
    let name = |line: &str| {
        let (_, name) = line.trim().strip_prefix("Self::")?.split_once(" => \"")?;
        Some(name.strip_suffix("\",")?.to_owned())
    };
    let names: BTreeSet<String> = source.lines().filter_map(name).collect();
    let rows = &tables("operations/logging.md", "Security events")["Event | Level | In the history | When"];
    let specified: BTreeSet<String> = rows.iter().map(|row| row[0].clone()).collect();
    assert!(names.len() > 20, "{names:?}");
    assert_eq!(names, specified);

    let api = fs::read_to_string(spec("api/rest-endpoints.md")).unwrap();
    let (_, activity) = api.split_once("\n### Activity\n").unwrap();
    let (_, list) = activity.split_once("`event` is one of ").unwrap();
    let (list, _) = list.split_once(".\n").unwrap();
    let in_history = rows.iter().filter(|row| row[2] == "yes").map(|row| row[0].as_str());
    let listed = list.split('`').skip(1).step_by(2);
    assert_eq!(listed.collect::<BTreeSet<_>>(), in_history.collect::<BTreeSet<_>>());
}
