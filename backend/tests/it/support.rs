//! Servers, databases, users and requests for the tests.

use std::io::Write;
use std::sync::Once;
use std::time::Duration;

use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches};
use docket::config::Config;
use docket::serve::{Draining, Limits};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::contract;

/// Signs the tokens of every test's server.
pub const SECRET: &str = "a test secret of forty-two characters: 0123";
/// A password that the rules allow.
pub const PASSWORD: &str = "correct horse battery";
/// How long a test waits for an event. Reached only when the event does not happen at all.
pub const TIMEOUT: Duration = Duration::from_secs(60);
/// How often a test repeats a request whose response is to change. A count, because any duration is too short somewhere.
const ATTEMPTS: u32 = 10_000;

/// Runs an `async fn(Server)` once on SQLite and once on PostgreSQL. Arguments after the name are flags of the server.
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($server:ident $(, $flag:expr)*) $body:block)+) => {
        $($(#[$meta])*
        mod $name {
            // Not every test needs what its file imports.
            #[allow(unused_imports)]
            use super::*;

            async fn test($server: $crate::support::Server) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                test($crate::support::Server::start($crate::support::Database::sqlite(), &[$($flag),*]).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(database) = $crate::support::Database::postgres().await {
                    test($crate::support::Server::start(database, &[$($flag),*]).await).await;
                }
            }
        })+
    };
}
pub(crate) use on_both_databases;

/// The database of one test.
pub struct Database {
    pub url: String,
    _folder: Option<TempDir>,
}

impl Database {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("docket.db").display());
        Self {
            url,
            _folder: Some(folder),
        }
    }

    /// An existing database.
    pub fn at(url: String) -> Self {
        Self { url, _folder: None }
    }

    /// A new database on the server in `DOCKET_TEST_POSTGRES`. None without that variable, unless `DOCKET_TEST_REQUIRE` is
    /// `postgres`: then the test fails.
    pub async fn postgres() -> Option<Self> {
        static NOTICE: Once = Once::new();
        let Ok(server) = std::env::var("DOCKET_TEST_POSTGRES") else {
            let is_required = std::env::var("DOCKET_TEST_REQUIRE").is_ok_and(|required| required == "postgres");
            assert!(
                !is_required,
                "DOCKET_TEST_POSTGRES is not set, and this run must test PostgreSQL"
            );
            // Not `eprintln!`, which the test harness captures.
            NOTICE.call_once(|| {
                let notice =
                    b"\nPostgreSQL is SKIPPED: DOCKET_TEST_POSTGRES is not set. `just pg cargo test` tests both.\n";
                let _ = std::io::stderr().write_all(notice);
            });
            return None;
        };
        let name = format!("docket_{}", Uuid::now_v7().simple());
        let mut admin = PgConnection::connect(&server).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut admin)
            .await
            .unwrap();
        let mut url = reqwest::Url::parse(&server).unwrap();
        url.set_path(&name);
        Some(Self::at(url.into()))
    }

    /// Runs statements directly in the database, not through the server.
    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        if self.url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
    }

    /// The rows of a statement whose columns are all text.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        use sqlx::Row;
        macro_rules! fetch {
            ($connection:ty) => {{
                let mut connection = <$connection>::connect(&self.url).await.unwrap();
                let rows = sqlx::query(AssertSqlSafe(sql.to_owned()))
                    .fetch_all(&mut connection)
                    .await
                    .unwrap();
                let texts = |row: &_| (0..Row::len(row)).map(|column| Row::get(row, column)).collect();
                rows.iter().map(texts).collect()
            }};
        }
        if self.url.starts_with("sqlite:") {
            fetch!(SqliteConnection)
        } else {
            fetch!(PgConnection)
        }
    }

    /// A connection to a PostgreSQL database.
    pub async fn connect_postgres(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Records a migration as applied, as a newer version of the server would.
    pub async fn add_migration(&self, version: i64) {
        let checksum = if self.url.starts_with("sqlite:") {
            "X'00'"
        } else {
            "'\\x00'"
        };
        let columns = "version, description, success, checksum, execution_time";
        let sql = format!("INSERT INTO _sqlx_migrations ({columns}) VALUES ({version}, 'later', TRUE, {checksum}, 0)");
        self.execute(&sql).await;
    }

    /// SQL for a table with the numbers `i` from 1 to `count`, and for a UUID made from each.
    pub fn series(&self, count: usize) -> (String, &'static str) {
        if self.url.starts_with("sqlite:") {
            let numbers = format!("SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}");
            (
                format!("(WITH RECURSIVE n(i) AS ({numbers}) SELECT i FROM n) AS n"),
                "unhex(printf('%032x', n.i))",
            )
        } else {
            (
                format!("generate_series(1, {count}) AS n(i)"),
                "lpad(to_hex(n.i), 32, '0')::uuid",
            )
        }
    }

    /// The result of `SELECT count(*) FROM`.
    pub async fn count(&self, from: &str) -> usize {
        let rows = self.rows(&format!("SELECT CAST(count(*) AS TEXT) FROM {from}")).await;
        rows[0][0].parse().unwrap()
    }
}

/// A running server.
pub struct Server {
    pub base: String,
    pub database: Database,
    http: reqwest::Client,
}

/// The configuration of these flags. The environment is ignored.
pub fn config<'a>(flags: impl IntoIterator<Item = &'a str>) -> Result<Config, clap::Error> {
    let command = Config::command().mut_args(|arg| arg.env(Resettable::Reset));
    let matches = command.try_get_matches_from(std::iter::once("docket").chain(flags))?;
    Config::from_arg_matches(&matches)
}

/// Starts a server on a free port and returns its URL. The task ends with the test's runtime.
pub async fn serve(url: &str, flags: &[&str]) -> String {
    serve_with_limits(url, flags, Limits::default()).await
}

async fn serve_with_limits(url: &str, flags: &[&str], limits: Limits) -> String {
    let fixed = [
        "--database-url",
        url,
        "--bind",
        "127.0.0.1:0",
        "--better-auth-secret",
        SECRET,
        // All tests come from one address.
        "--rate-limit",
        "off",
    ];
    let config = config(fixed.iter().chain(flags).copied()).unwrap();
    let (app, _) = docket::app(&config, Draining::default()).await.unwrap();
    let listener = TcpListener::bind(config.bind).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(docket::serve::serve(listener, app, limits, std::future::pending()));
    format!("http://{address}")
}

impl Server {
    pub async fn start(database: Database, flags: &[&str]) -> Self {
        Self::at(serve(&database.url, flags).await, database)
    }

    /// A server that is already running.
    pub fn at(base: String, database: Database) -> Self {
        Self {
            base,
            database,
            http: client(),
        }
    }

    /// Another server on the same database, with these flags.
    pub async fn another(&self, flags: &[&str]) -> Self {
        Self::start(Database::at(self.database.url.clone()), flags).await
    }

    /// Another server on the same database, with these connection limits.
    pub async fn with_limits(&self, limits: Limits) -> Self {
        let url = self.database.url.clone();
        Self {
            base: serve_with_limits(&url, &[], limits).await,
            database: Database::at(url),
            http: client(),
        }
    }

    /// A request without credentials.
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request(self.http.request(method, format!("{}{path}", self.base)))
    }

    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str, body: Value) -> Request {
        self.request(Method::POST, path).json(body)
    }

    /// Signs up with that e-mail.
    pub async fn user(&self, email: &str) -> User<'_> {
        let account = json!({ "name": "Owner", "email": email, "password": PASSWORD });
        let response = self.post("/api/auth/sign-up/email", account).send().await;
        response.expect(StatusCode::OK);
        User {
            server: self,
            id: response.body["user"]["id"].as_str().unwrap().to_owned(),
            token: response.body["token"].as_str().unwrap().to_owned(),
            cookie: response.cookie(),
        }
    }

    pub async fn owner(&self) -> User<'_> {
        self.user("owner@example.com").await
    }
}

/// Calls `probe` until it returns something. Fails with `what` when it never does.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..ATTEMPTS {
        if let Some(found) = probe().await {
            return found;
        }
        tokio::task::yield_now().await;
    }
    panic!("not within {ATTEMPTS} attempts: {what}")
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// A user who is signed in.
pub struct User<'a> {
    server: &'a Server,
    pub id: String,
    pub token: String,
    /// `name=value` of the refresh token.
    pub cookie: String,
}

impl User<'_> {
    /// The path of the user's tasks, with a suffix.
    pub fn path(&self, below: &str) -> String {
        format!("/api/{}/tasks{below}", self.id)
    }

    /// A request with the user's token to the path of the tasks with a suffix.
    pub fn request(&self, method: Method, below: &str) -> Request {
        self.server.request(method, &self.path(below)).bearer(&self.token)
    }

    pub fn get(&self, below: &str) -> Request {
        self.request(Method::GET, below)
    }

    pub fn post(&self, body: Value) -> Request {
        self.request(Method::POST, "").json(body)
    }

    pub fn put(&self, id: &str, body: Value) -> Request {
        self.request(Method::PUT, &format!("/{id}")).json(body)
    }

    pub fn toggle(&self, id: &str) -> Request {
        self.request(Method::PATCH, &format!("/{id}/complete"))
    }

    pub fn delete(&self, id: &str) -> Request {
        self.request(Method::DELETE, &format!("/{id}"))
    }

    /// Creates a task and returns it.
    pub async fn task(&self, title: &str) -> Value {
        let response = self.post(json!({ "title": title })).send().await;
        response.expect(StatusCode::CREATED);
        response.body
    }

    /// The titles of a list.
    pub async fn titles(&self, query: &str) -> Vec<String> {
        let response = self.get(query).send().await;
        response.expect(StatusCode::OK);
        titles(&response.body)
    }
}

pub fn titles(list: &Value) -> Vec<String> {
    let tasks = list.as_array().unwrap().iter();
    tasks.map(|task| task["title"].as_str().unwrap().to_owned()).collect()
}

pub fn id(task: &Value) -> &str {
    task["id"].as_str().unwrap()
}

/// A request builder.
pub struct Request(reqwest::RequestBuilder);

impl Request {
    pub fn json(self, body: Value) -> Self {
        Self(self.0.json(&body))
    }

    pub fn text(self, body: impl Into<String>) -> Self {
        self.header("content-type", "application/json").raw(body)
    }

    pub fn raw(self, body: impl Into<String>) -> Self {
        Self(self.0.body(body.into()))
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Any bytes as the value of a header.
    pub fn header_bytes(self, name: &str, value: &[u8]) -> Self {
        Self(self.0.header(name, HeaderValue::from_bytes(value).unwrap()))
    }

    pub fn bearer(self, token: &str) -> Self {
        Self(self.0.bearer_auth(token))
    }

    /// Sends the request; the body of the response is not read yet.
    pub async fn open(self) -> reqwest::Response {
        self.0.send().await.unwrap()
    }

    /// Sends the request, and checks the response against the OpenAPI document.
    pub async fn send(self) -> Response {
        let (client, request) = self.0.build_split();
        let request = request.unwrap();
        let (method, path) = (
            request.method().as_str().to_lowercase(),
            request.url().path().to_owned(),
        );
        let response = client.execute(request).await.unwrap();
        let status = response.status();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let response = Response {
            status,
            headers,
            text,
            body,
        };
        if let Some(operation) = contract::operation(&method, &path) {
            contract::check(operation, &response);
        }
        response
    }
}

/// A response. `body` is null unless it is JSON.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Response {
    #[track_caller]
    pub fn expect(&self, status: StatusCode) {
        assert_eq!(self.status, status, "{}", self.text);
    }

    /// Asserts a complete problem with that status and code.
    #[track_caller]
    pub fn expect_problem(&self, status: StatusCode, code: &str) {
        self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status.as_u16());
        assert_eq!(self.body["type"], format!("urn:docket:problem:{code}"), "{}", self.text);
        // Below /api/auth there is a `message`, and the code is Better Auth's.
        if self.body["message"].is_null() {
            assert_eq!(self.body["code"], code);
        } else {
            let better_auth = self.body["code"].as_str().unwrap();
            assert!(
                better_auth
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte == b'_'),
                "{better_auth}"
            );
            assert_eq!(self.body["message"], self.body["detail"]);
        }
        assert_eq!(self.body["title"], status.canonical_reason().unwrap());
        assert!(
            self.body["detail"].as_str().is_some_and(|detail| detail.len() > 10),
            "{}",
            self.text
        );
    }

    /// Asserts a validation error at `pointer`.
    #[track_caller]
    pub fn expect_invalid(&self, pointer: &str) {
        self.expect_problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
        let errors = self.body["errors"].as_array().unwrap();
        assert!(errors.iter().any(|error| error["pointer"] == pointer), "{}", self.text);
    }

    /// Empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The `Set-Cookie` header of that cookie, with or without `__Host-`; empty without one.
    pub fn set_cookie(&self, name: &str) -> &str {
        let lines = self.headers.get_all("set-cookie").iter();
        let mut lines = lines.map(|line| line.to_str().unwrap());
        let plain = |line: &str| line.strip_prefix("__Host-").unwrap_or(line).to_owned();
        let begin = format!("{name}=");
        lines.find(|line| plain(line).starts_with(&begin)).unwrap_or("")
    }

    /// `name=value` of the cookie of that name.
    pub fn cookie_of(&self, name: &str) -> String {
        self.set_cookie(name).split(';').next().unwrap().to_owned()
    }

    /// `name=value` of the refresh token.
    pub fn cookie(&self) -> String {
        self.cookie_of("docket_refresh")
    }
}
