//! When the database fails, goes away, or gets a newer schema: what is answered meanwhile, and that the server recovers
//! by itself.

use std::path::Path;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use totp_rs::Totp;

use crate::support::{Answer, Database, PASSWORD, Server, TIMEOUT, User, id, on_both_databases};

/// Asks until the answer has that status.
async fn until_status(server: &Server, path: &str, status: StatusCode) {
    let asked = timeout(TIMEOUT, async {
        while server.get(path).send().await.status != status {
            tokio::task::yield_now().await;
        }
    });
    assert!(asked.await.is_ok(), "{path} never answered {status}");
}

async fn sign_in(server: &Server, email: &str) -> Answer {
    let account = json!({ "email": email, "password": PASSWORD });
    server.post("/api/auth/sign-in/email", account).send().await
}

// SQLite rolls a transaction back by itself after SQLITE_FULL, SQLITE_IOERR and others. A trigger does the same on demand.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_rolls_the_whole_transaction_back_fails_alone() {
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
    let answers = join_all(creates).await;
    for (title, answer) in titles.iter().zip(&answers) {
        if title == "poison" {
            answer.expect_problem(StatusCode::INTERNAL_SERVER_ERROR, "internal");
        } else {
            answer.expect(StatusCode::CREATED);
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
async fn the_server_is_not_ready_while_nothing_can_be_written_and_recovers_by_itself() {
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
    let answer = owner.post(json!({ "title": "lost" })).send().await;
    assert!(answer.status.is_server_error(), "{}", answer.text);
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
async fn a_row_that_cannot_be_read_fails_alone() {
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

/// A way to PostgreSQL that can break in the ways that networks do.
struct Cable(watch::Sender<State>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Everything passes.
    Whole,
    /// Connections are closed, new ones too.
    Cut,
    /// Connections stay open, and nothing passes. One that was open then stays silent for good.
    Silent,
    /// Connections that were open before are silent for good, as after a NAT device forgot them; new ones work.
    Forgetful,
    /// A connection falls silent after it has carried a COMMIT to the database.
    SilentAfterCommit,
}

impl Cable {
    /// A cable to that database, and the address of the database at the end of it.
    async fn to(database: &Database) -> (Self, Database) {
        let mut url = reqwest::Url::parse(&database.url).unwrap();
        let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        url.set_ip_host(address.ip()).unwrap();
        url.set_port(Some(address.port())).unwrap();
        let (state, changes) = watch::channel(State::Whole);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, host.clone(), changes.clone()));
            }
        });
        (Self(state), Database::at(url.into()))
    }

    fn is(&self, state: State) {
        self.0.send_replace(state);
    }
}

/// Carries one connection until an end closes it or the cable is cut. One that falls silent stays so, and open.
async fn carry(mut near: TcpStream, host: String, mut changes: watch::Receiver<State>) {
    let (state, mut silenced) = (changes.clone(), changes.clone());
    let (mut up, mut down) = ([0; 8192], [0; 8192]);
    let begun = *changes.borrow_and_update();
    let mut far = match begun {
        State::Cut => return,
        State::Silent => std::future::pending().await,
        State::Whole | State::Forgetful | State::SilentAfterCommit => TcpStream::connect(host).await.unwrap(),
    };
    loop {
        tokio::select! {
            Ok(length @ 1..) = near.read(&mut up) => {
                let _ = far.write_all(&up[..length]).await;
                let commits = up[..length].windows(6).any(|word| word == b"COMMIT");
                if commits && *state.borrow() == State::SilentAfterCommit {
                    std::future::pending().await
                }
            }
            Ok(length @ 1..) = far.read(&mut down) => {
                let _ = near.write_all(&down[..length]).await;
            }
            () = until(&mut changes, |state| state == State::Cut) => return,
            () = until(&mut silenced, |state| {
                state == State::Silent || (state == State::Forgetful && begun != State::Forgetful)
            }) => std::future::pending().await,
            else => return,
        }
    }
}

async fn until(changes: &mut watch::Receiver<State>, wanted: impl Fn(State) -> bool) {
    let _ = changes.wait_for(|state| wanted(*state)).await;
}

async fn on_a_cable(flags: &[&str]) -> Option<(Cable, Server)> {
    let (cable, database) = Cable::to(&Database::postgres().await?).await;
    let server = Server::start(database, flags).await;
    Some((cable, server))
}

#[track_caller]
fn expect_unavailable(answer: &Answer) {
    answer.expect_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
}

/// Every kind of request that needs the database says so.
async fn expect_outage(server: &Server, owner: &User<'_>) {
    let (list, write, sign_in) = tokio::join!(
        owner.get("").send(),
        owner.post(json!({ "title": "lost" })).send(),
        sign_in(server, "owner@example.com"),
    );
    for answer in [list, write, sign_in] {
        expect_unavailable(&answer);
    }
    server.get("/health/live").send().await.expect(StatusCode::OK);
}

/// The server answers again, without a restart.
async fn expect_recovery(server: &Server, owner: &User<'_>) {
    until_status(server, "/health/ready", StatusCode::OK).await;
    // What was tried meanwhile may have been kept or not; it was not promised.
    owner.task("after").await;
    let titles = owner.titles("").await;
    let promised: Vec<&String> = titles.iter().filter(|title| *title != "lost").collect();
    assert_eq!(promised, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_away_requests_are_told_so_and_afterwards_they_work() {
    for broken in [State::Cut, State::Silent] {
        let Some((cable, server)) = on_a_cable(&["--database-timeout", "5"]).await else {
            return;
        };
        let owner = server.owner().await;
        owner.task("before").await;
        cable.is(broken);
        let outage = timeout(TIMEOUT, async {
            expect_outage(&server, &owner).await;
            until_status(&server, "/health/ready", StatusCode::SERVICE_UNAVAILABLE).await;
            // As many as would fill any pool of connections and any queue before it, many times over.
            for _ in 0..20 {
                let waiting = (0..50).map(|_| owner.get("").send());
                join_all(waiting).await.iter().for_each(expect_unavailable);
            }
            expect_outage(&server, &owner).await;
        });
        assert!(
            outage.await.is_ok(),
            "requests hang while the way to the database is {broken:?}"
        );
        cable.is(State::Whole);
        expect_recovery(&server, &owner).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_die_silently_are_replaced() {
    let Some((cable, server)) = on_a_cable(&["--database-timeout", "2"]).await else {
        return;
    };
    let owner = server.owner().await;
    // Fill the pool: writes of one user wait for each other, each on a connection.
    let task = owner.task("before").await;
    join_all((0..50).map(|_| owner.toggle(id(&task)).send())).await;
    cable.is(State::Forgetful);
    let recovered = timeout(TIMEOUT, async {
        loop {
            let answer = owner.post(json!({ "title": "lost" })).send().await;
            if answer.status == StatusCode::CREATED {
                break;
            }
            expect_unavailable(&answer);
        }
    });
    assert!(recovered.await.is_ok(), "the dead connections are still in use");
    expect_recovery(&server, &owner).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_commit_is_not_confirmed_is_no_success() {
    let Some((cable, server)) = on_a_cable(&["--database-timeout", "2"]).await else {
        return;
    };
    let owner = server.owner().await;
    owner.task("before").await;
    cable.is(State::SilentAfterCommit);
    let answer = timeout(TIMEOUT, owner.post(json!({ "title": "lost" })).send()).await;
    expect_unavailable(&answer.expect("a write hangs"));
    cable.is(State::Whole);
    expect_recovery(&server, &owner).await;
    // It had reached the database, which the answer did not rule out.
    assert_eq!(owner.titles("").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_waits_for_too_long_is_no_outage() {
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
        let answer = timeout(TIMEOUT, owner.post(json!({ "title": "lost" })).send()).await;
        expect_unavailable(&answer.expect("a write hangs"));
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
    .expect("the lock of a client that is gone is held");
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
async fn a_transaction_with_a_serialization_failure_or_a_deadlock_is_retried() {
    for code in ["40001", "40P01"] {
        let Some(database) = Database::postgres().await else {
            return;
        };
        let server = Server::start(database, &[]).await;
        let owner = server.owner().await;
        fail_next_inserts(&server, 5, code).await;
        let task = owner.task("a").await;
        assert_eq!(attempts(&server).await, "6");
        // The failed attempts have left no trace.
        assert_eq!(task["revision"], 1);
        assert_eq!(owner.titles("").await, ["a"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_keeps_failing_is_503_and_writes_nothing() {
    for (code, status, problem, tried) in [
        ("40001", StatusCode::SERVICE_UNAVAILABLE, "unavailable", "6"),
        // Not an error that another attempt can avoid.
        ("23514", StatusCode::INTERNAL_SERVER_ERROR, "internal", "1"),
    ] {
        let Some(database) = Database::postgres().await else {
            return;
        };
        let server = Server::start(database, &[]).await;
        let owner = server.owner().await;
        fail_next_inserts(&server, 1000, code).await;
        let answer = owner.post(json!({ "title": "a" })).send().await;
        answer.expect_problem(status, problem);
        assert_eq!(attempts(&server).await, tried);
        server.get("/health/ready").send().await.expect(StatusCode::OK);
        server.database.execute("DROP TRIGGER fail ON tasks").await;
        assert_eq!(owner.task("b").await["revision"], 1);
        assert_eq!(owner.titles("").await, ["b"]);
    }
}

/// The shared secret as a code, now.
fn code(app: &Totp) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    app.generate(now.as_secs()).to_string()
}

#[track_caller]
fn ok(answer: Answer) -> Answer {
    assert!(answer.status.is_success(), "{}", answer.text);
    answer
}

async fn read(server: &Server, user: &User<'_>, path: &str) -> Answer {
    let request = server.get(&format!("/api/auth/{path}")).bearer(&user.token);
    ok(request.header("cookie", &user.cookie).send().await)
}

async fn write(server: &Server, user: &User<'_>, path: &str, body: Value) -> Answer {
    let request = server.post(&format!("/api/auth/{path}"), body).bearer(&user.token);
    ok(request.header("cookie", &user.cookie).send().await)
}

/// Uses every operation that reads or writes a table, with an account of its own.
async fn use_everything(server: &Server, email: &str) {
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
    // The session that asked has ended; this is the one in its place.
    owner.token = turned_on.body["token"].as_str().unwrap().to_owned();
    owner.cookie = turned_on.cookie();
    let pending = ok(sign_in(server, email).await).cookie_of("docket_two_factor");
    let recovery = json!({ "code": set_up.body["backupCodes"][0] });
    let finish = server.post("/api/auth/two-factor/verify-backup-code", recovery);
    ok(finish.header("cookie", &pending).send().await);
    write(server, &owner, "two-factor/disable", password).await;
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
    async fn a_column_that_a_newer_version_adds_breaks_no_running_server(server, "--rate-limit", "on") {
        use_everything(&server, "one@example.com").await;
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
        // Many at once, so that each connection of the pool runs what it had prepared before.
        for query in ["", "?sort=title", "?status=pending"] {
            for titles in join_all((0..40).map(|_| waiting.titles(query))).await {
                assert_eq!(titles, ["mine"]);
            }
        }
        use_everything(&server, "two@example.com").await;
    }

    async fn a_server_starts_beside_a_newer_schema(server) {
        server.owner().await.task("a").await;
        server.database.add_migration(NEWER).await;
        let again = server.restarted(&[]).await;
        let answer = sign_in(&again, "owner@example.com").await;
        answer.expect(StatusCode::OK);
        again.get("/health/ready").send().await.expect(StatusCode::OK);
    }
}

/// The number of a migration that no version of today has.
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
        // The unit tests show what the driver does with a star.
        let code = text.split("#[cfg(test)]").next().unwrap();
        let words: Vec<&str> = code
            .split(|at: char| at.is_whitespace() || "\"\\,".contains(at))
            .filter(|word| !word.is_empty())
            .collect();
        let code = words.join(" ").to_lowercase();
        let qualified = code.match_indices(".*").any(|(at, _)| is_alias(&code[..at]));
        let bare = code.contains("select *") || code.contains("returning *");
        assert!(!bare && !qualified, "a statement in {file} names no columns");
    }
}
