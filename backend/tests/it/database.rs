//! Failures of the database, outages, and newer schemas: the responses meanwhile, and recovery without a restart.

use std::path::Path;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use totp_rs::Totp;

use crate::support::{Database, PASSWORD, Response, Server, TIMEOUT, User, id, on_both_databases};

/// Repeats a request until the response has that status.
async fn until_status(server: &Server, path: &str, status: StatusCode) {
    let reached = timeout(TIMEOUT, async {
        while server.get(path).send().await.status != status {
            tokio::task::yield_now().await;
        }
    });
    assert!(reached.await.is_ok(), "{path} never returned {status}");
}

async fn sign_in(server: &Server, email: &str) -> Response {
    let account = json!({ "email": email, "password": PASSWORD });
    server.post("/api/auth/sign-in/email", account).send().await
}

// After SQLITE_FULL, SQLITE_IOERR and others SQLite rolls the transaction back. RAISE(ROLLBACK) in a trigger does so on demand.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_rolls_the_group_back_fails_alone() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let users = [
        server.user("one@example.com").await,
        server.user("two@example.com").await,
    ];
    let trigger = "CREATE TRIGGER poison BEFORE INSERT ON tasks WHEN NEW.title = 'poison' \
         BEGIN SELECT RAISE(ROLLBACK, 'poisoned'); END";
    server.database.execute(trigger).await;
    let titles: Vec<String> = (0..120)
        .map(|number| {
            if number % 20 == 7 {
                "poison".to_owned()
            } else {
                number.to_string()
            }
        })
        .collect();
    let creates = titles
        .iter()
        .enumerate()
        .map(|(number, title)| users[number % 2].post(json!({ "title": title })).send());
    let responses = join_all(creates).await;
    for (title, response) in titles.iter().zip(&responses) {
        if title == "poison" {
            response.expect_problem(StatusCode::INTERNAL_SERVER_ERROR, "internal");
        } else {
            response.expect(StatusCode::CREATED);
        }
    }
    let listed = [users[0].titles("?limit=500").await, users[1].titles("?limit=500").await].concat();
    let mut kept: Vec<&String> = listed.iter().collect();
    let mut expected: Vec<&String> = titles.iter().filter(|title| *title != "poison").collect();
    kept.sort();
    expected.sort();
    assert_eq!(kept, expected);
    users[0].task("afterwards").await;
    until_status(&server, "/health/ready", StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_fails_while_writes_fail_and_recovers() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let owner = server.owner().await;
    owner.task("before").await;
    let tables = server
        .database
        .rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        .await;
    let triggers: Vec<String> = tables
        .iter()
        .flat_map(|table| ["INSERT", "UPDATE", "DELETE"].map(|change| (&table[0], change)))
        .map(|(table, change)| format!("full_{table}_{change}:BEFORE {change} ON {table}"))
        .collect();
    for trigger in &triggers {
        let (name, event) = trigger.split_once(':').unwrap();
        let body = "BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END";
        server
            .database
            .execute(&format!("CREATE TRIGGER {name} {event} {body}"))
            .await;
    }
    let response = owner.post(json!({ "title": "lost" })).send().await;
    assert!(response.status.is_server_error(), "{}", response.text);
    until_status(&server, "/health/ready", StatusCode::SERVICE_UNAVAILABLE).await;
    server.get("/health/live").send().await.expect(StatusCode::OK);
    assert_eq!(owner.titles("").await, ["before"]);

    for trigger in &triggers {
        let (name, _) = trigger.split_once(':').unwrap();
        server.database.execute(&format!("DROP TRIGGER {name}")).await;
    }
    until_status(&server, "/health/ready", StatusCode::OK).await;
    owner.task("after").await;
    assert_eq!(owner.titles("").await, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undecodable_row_fails_only_its_requests() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let owner = server.owner().await;
    let (bad, good) = (owner.task("bad").await, owner.task("good").await);
    server
        .database
        .execute("UPDATE tasks SET created_at = X'00' WHERE title = 'bad'")
        .await;
    for _ in 0..10 {
        let (one, two) = tokio::join!(owner.toggle(id(&bad)).send(), owner.toggle(id(&good)).send());
        one.expect_problem(StatusCode::INTERNAL_SERVER_ERROR, "internal");
        two.expect(StatusCode::OK);
    }
    server.get("/health/ready").send().await.expect(StatusCode::OK);
}

/// A TCP proxy in front of PostgreSQL that simulates network failures.
struct Proxy(watch::Sender<State>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Forwards everything.
    Forwarding,
    /// Closes all connections, new ones too.
    Closed,
    /// Keeps connections open and forwards nothing. Connections of that time are never forwarded again.
    Stalled,
    /// Never forwards existing connections again, as after a NAT device dropped them; new ones work.
    ExistingStalled,
    /// Stalls a connection after it has forwarded a COMMIT to the database.
    StalledAfterCommit,
}

impl Proxy {
    /// A proxy to that database, and the database as seen through it.
    async fn to(database: &Database) -> (Self, Database) {
        let mut url = reqwest::Url::parse(&database.url).unwrap();
        let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        url.set_ip_host(address.ip()).unwrap();
        url.set_port(Some(address.port())).unwrap();
        let (state, changes) = watch::channel(State::Forwarding);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, host.clone(), changes.clone()));
            }
        });
        (Self(state), Database::at(url.into()))
    }

    fn set(&self, state: State) {
        self.0.send_replace(state);
    }
}

/// Forwards one connection until a peer or the proxy closes it. A stalled connection stays open.
async fn forward(mut client: TcpStream, host: String, mut changes: watch::Receiver<State>) {
    let (state, mut stalls) = (changes.clone(), changes.clone());
    let (mut up, mut down) = ([0; 8192], [0; 8192]);
    let opened_in = *changes.borrow_and_update();
    let mut server = match opened_in {
        State::Closed => return,
        State::Stalled => std::future::pending().await,
        State::Forwarding | State::ExistingStalled | State::StalledAfterCommit => {
            TcpStream::connect(host).await.unwrap()
        }
    };
    loop {
        tokio::select! {
            Ok(length @ 1..) = client.read(&mut up) => {
                let _ = server.write_all(&up[..length]).await;
                let commits = up[..length].windows(6).any(|word| word == b"COMMIT");
                if commits && *state.borrow() == State::StalledAfterCommit {
                    std::future::pending().await
                }
            }
            Ok(length @ 1..) = server.read(&mut down) => {
                let _ = client.write_all(&down[..length]).await;
            }
            () = until(&mut changes, |state| state == State::Closed) => return,
            () = until(&mut stalls, |state| {
                state == State::Stalled || (state == State::ExistingStalled && opened_in != State::ExistingStalled)
            }) => std::future::pending().await,
            else => return,
        }
    }
}

async fn until(changes: &mut watch::Receiver<State>, wanted: impl Fn(State) -> bool) {
    let _ = changes.wait_for(|state| wanted(*state)).await;
}

async fn behind_proxy(flags: &[&str]) -> Option<(Proxy, Server)> {
    let (proxy, database) = Proxy::to(&Database::postgres().await?).await;
    let server = Server::start(database, flags).await;
    Some((proxy, server))
}

#[track_caller]
fn expect_unavailable(response: &Response) {
    response.expect_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    assert_eq!(response.header("retry-after"), "1");
}

/// Reads, writes and sign-ins are 503.
async fn expect_outage(server: &Server, owner: &User<'_>) {
    let (list, write, sign_in) = tokio::join!(
        owner.get("").send(),
        owner.post(json!({ "title": "lost" })).send(),
        sign_in(server, "owner@example.com"),
    );
    for response in [list, write, sign_in] {
        expect_unavailable(&response);
    }
    server.get("/health/live").send().await.expect(StatusCode::OK);
}

/// The server works again, without a restart.
async fn expect_recovery(server: &Server, owner: &User<'_>) {
    until_status(server, "/health/ready", StatusCode::OK).await;
    // A write that was 503 may have been committed or not.
    owner.task("after").await;
    let titles = owner.titles("").await;
    let acknowledged: Vec<&String> = titles.iter().filter(|title| *title != "lost").collect();
    assert_eq!(acknowledged, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_503_during_a_postgres_outage_and_work_afterwards() {
    for broken in [State::Closed, State::Stalled] {
        let Some((proxy, server)) = behind_proxy(&["--database-timeout", "5"]).await else {
            return;
        };
        let owner = server.owner().await;
        owner.task("before").await;
        proxy.set(broken);
        let outage = timeout(TIMEOUT, async {
            expect_outage(&server, &owner).await;
            until_status(&server, "/health/ready", StatusCode::SERVICE_UNAVAILABLE).await;
            // More than the connection pool and the queue in front of it hold.
            for _ in 0..20 {
                let waiting = (0..50).map(|_| owner.get("").send());
                join_all(waiting).await.iter().for_each(expect_unavailable);
            }
            expect_outage(&server, &owner).await;
        });
        assert!(outage.await.is_ok(), "requests hang while the proxy is {broken:?}");
        proxy.set(State::Forwarding);
        expect_recovery(&server, &owner).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_connections_are_replaced() {
    let Some((proxy, server)) = behind_proxy(&["--database-timeout", "2"]).await else {
        return;
    };
    let owner = server.owner().await;
    // Fills the pool: concurrent writes of one user wait for each other, each on its own connection.
    let task = owner.task("before").await;
    join_all((0..50).map(|_| owner.toggle(id(&task)).send())).await;
    proxy.set(State::ExistingStalled);
    let recovered = timeout(TIMEOUT, async {
        loop {
            let response = owner.post(json!({ "title": "lost" })).send().await;
            if response.status == StatusCode::CREATED {
                break;
            }
            expect_unavailable(&response);
        }
    });
    assert!(recovered.await.is_ok(), "the dead connections are still in use");
    expect_recovery(&server, &owner).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unconfirmed_commit_is_503() {
    let Some((proxy, server)) = behind_proxy(&["--database-timeout", "2"]).await else {
        return;
    };
    let owner = server.owner().await;
    owner.task("before").await;
    proxy.set(State::StalledAfterCommit);
    let response = timeout(TIMEOUT, owner.post(json!({ "title": "lost" })).send()).await;
    expect_unavailable(&response.expect("a write hangs"));
    proxy.set(State::Forwarding);
    expect_recovery(&server, &owner).await;
    // The COMMIT had reached the database, which a 503 does not rule out.
    assert_eq!(owner.titles("").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_timeout_is_not_an_outage() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    let server = Server::start(database, &["--database-timeout", "2"]).await;
    let (owner, other) = (server.owner().await, server.user("other@example.com").await);
    let mut blocker = server.database.connect_postgres().await;
    let lock = format!("BEGIN; UPDATE users SET name = name WHERE id = '{}'", owner.id);
    sqlx::raw_sql(sqlx::AssertSqlSafe(lock))
        .execute(&mut blocker)
        .await
        .unwrap();
    let blocked = async {
        let response = timeout(TIMEOUT, owner.post(json!({ "title": "lost" })).send()).await;
        expect_unavailable(&response.expect("a write hangs"));
    };
    let others = async {
        for number in 0..50 {
            other.task(&number.to_string()).await;
        }
    };
    tokio::join!(blocked, others);
    server.get("/health/ready").send().await.expect(StatusCode::OK);
    drop(blocker);
    timeout(TIMEOUT, async {
        while owner.post(json!({ "title": "a" })).send().await.status != StatusCode::CREATED {}
    })
    .await
    .expect("the lock of a closed connection is still held");
}

/// Makes the next `times` inserts of a task fail with that error code of PostgreSQL. A sequence counts them: unlike a row it
/// is not rolled back.
async fn fail_next_inserts(server: &Server, times: u32, code: &str) {
    let sql = format!(
        "CREATE SEQUENCE attempts; \
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('attempts') <= {times} THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'; END IF; \
         RETURN NEW; END $$; \
         CREATE TRIGGER fail BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION fail()"
    );
    server.database.execute(&sql).await;
}

async fn attempts(server: &Server) -> String {
    server.database.rows("SELECT last_value::text FROM attempts").await[0][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serialization_failures_and_deadlocks_are_retried() {
    for code in ["40001", "40P01"] {
        let Some(database) = Database::postgres().await else {
            return;
        };
        let server = Server::start(database, &[]).await;
        let owner = server.owner().await;
        fail_next_inserts(&server, 5, code).await;
        let task = owner.task("a").await;
        assert_eq!(attempts(&server).await, "6");
        // The failed attempts were rolled back.
        assert_eq!(task["revision"], 1);
        assert_eq!(owner.titles("").await, ["a"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_are_limited_and_other_errors_are_not_retried() {
    for (code, status, problem, tried) in [
        ("40001", StatusCode::SERVICE_UNAVAILABLE, "unavailable", "6"),
        // check_violation: a retry cannot succeed.
        ("23514", StatusCode::INTERNAL_SERVER_ERROR, "internal", "1"),
    ] {
        let Some(database) = Database::postgres().await else {
            return;
        };
        let server = Server::start(database, &[]).await;
        let owner = server.owner().await;
        fail_next_inserts(&server, 1000, code).await;
        let response = owner.post(json!({ "title": "a" })).send().await;
        response.expect_problem(status, problem);
        assert_eq!(attempts(&server).await, tried);
        server.get("/health/ready").send().await.expect(StatusCode::OK);
        server.database.execute("DROP TRIGGER fail ON tasks").await;
        assert_eq!(owner.task("b").await["revision"], 1);
        assert_eq!(owner.titles("").await, ["b"]);
    }
}

/// The TOTP code of now.
fn code(app: &Totp) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    app.generate(now.as_secs()).to_string()
}

#[track_caller]
fn ok(response: Response) -> Response {
    assert!(response.status.is_success(), "{}", response.text);
    response
}

async fn read(server: &Server, user: &User<'_>, path: &str) -> Response {
    let request = server.get(&format!("/api/auth/{path}")).bearer(&user.token);
    ok(request.header("cookie", &user.cookie).send().await)
}

async fn write(server: &Server, user: &User<'_>, path: &str, body: Value) -> Response {
    let request = server.post(&format!("/api/auth/{path}"), body).bearer(&user.token);
    ok(request.header("cookie", &user.cookie).send().await)
}

/// Calls every operation that reads or writes a table, with a new account.
async fn use_all_tables(server: &Server, email: &str) {
    let password = json!({ "password": PASSWORD });
    let mut owner = server.user(email).await;
    let task = owner.task("a").await;
    for sort in ["created", "updated", "title", "due_date"] {
        assert_eq!(owner.titles(&format!("?sort={sort}")).await, ["a"]);
    }
    ok(owner.get(&format!("/{}", id(&task))).send().await);
    ok(owner.put(id(&task), json!({ "title": "b" })).send().await);
    ok(owner.toggle(id(&task)).send().await);
    assert_eq!(owner.titles("").await, ["b"]);
    read(server, &owner, "get-session").await;
    let sessions = read(server, &owner, "list-sessions").await;
    assert_eq!(sessions.body.as_array().unwrap().len(), 1);
    read(server, &owner, "activity").await;
    let export = read(server, &owner, "export").await;
    assert_eq!(export.body["tasks"].as_array().unwrap().len(), 1);
    write(server, &owner, "update-user", json!({ "name": "Other" })).await;
    write(server, &owner, "verify-password", password.clone()).await;
    ok(sign_in(server, email).await);
    write(server, &owner, "revoke-other-sessions", json!({})).await;
    write(server, &owner, "refresh", json!({})).await;
    let set_up = write(server, &owner, "two-factor/enable", password.clone()).await;
    let app = Totp::from_url(set_up.body["totpURI"].as_str().unwrap()).unwrap();
    let code = json!({ "code": code(&app) });
    let turned_on = write(server, &owner, "two-factor/verify-totp", code).await;
    // Two-factor replaced the session.
    owner.token = turned_on.body["token"].as_str().unwrap().to_owned();
    owner.cookie = turned_on.cookie();
    let pending = ok(sign_in(server, email).await).cookie_of("docket_two_factor");
    let recovery = json!({ "code": set_up.body["backupCodes"][0] });
    let finish = server.post("/api/auth/two-factor/verify-backup-code", recovery);
    ok(finish.header("cookie", &pending).send().await);
    let with_code = json!({ "password": PASSWORD, "code": set_up.body["backupCodes"][1] });
    write(server, &owner, "two-factor/disable", with_code).await;
    write(
        server,
        &owner,
        "change-email",
        json!({ "newEmail": format!("new.{email}") }),
    )
    .await;
    ok(owner.delete(id(&task)).send().await);
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" });
    write(server, &owner, "change-password", change).await;
}

on_both_databases! {
    async fn a_running_server_tolerates_new_columns(server, "--rate-limit", "on") {
        use_all_tables(&server, "one@example.com").await;
        let waiting = server.user("waiting@example.com").await;
        waiting.task("mine").await;
        assert_eq!(waiting.titles("").await, ["mine"]);
        let list = if server.database.url.starts_with("sqlite:") {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%sqlx%'"
        } else {
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%sqlx%'"
        };
        let tables = server.database.rows(list).await;
        assert!(tables.len() >= 8, "{tables:?}");
        for table in tables {
            server.database.execute(&format!("ALTER TABLE {} ADD COLUMN later TEXT", table[0])).await;
        }
        // Concurrently, so that each connection of the pool reuses its prepared statements.
        for query in ["", "?sort=title", "?status=pending"] {
            for titles in join_all((0..40).map(|_| waiting.titles(query))).await {
                assert_eq!(titles, ["mine"]);
            }
        }
        use_all_tables(&server, "two@example.com").await;
    }

    async fn a_server_starts_on_a_newer_schema(server) {
        server.owner().await.task("a").await;
        server.database.add_migration(NEWER).await;
        let again = server.another(&[]).await;
        let response = sign_in(&again, "owner@example.com").await;
        response.expect(StatusCode::OK);
        again.get("/health/ready").send().await.expect(StatusCode::OK);
    }
}

/// A migration that this version does not have.
const NEWER: i64 = 9999;

#[test]
fn statements_name_their_columns() {
    fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() > 20);
    let is_alias = |before: &str| before.ends_with(|last: char| last.is_ascii_alphanumeric());
    for (file, text) in files {
        // Unit tests show what the driver does with `*`.
        let code = text.split("#[cfg(test)]").next().unwrap();
        let words: Vec<&str> = code
            .split(|at: char| at.is_whitespace() || "\"\\,".contains(at))
            .filter(|word| !word.is_empty())
            .collect();
        let code = words.join(" ").to_lowercase();
        let qualified = code.match_indices(".*").any(|(at, _)| is_alias(&code[..at]));
        let bare = code.contains("select *") || code.contains("returning *");
        assert!(!bare && !qualified, "a statement in {file} uses *");
    }
}
