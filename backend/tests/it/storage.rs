//! The files of SQLite, their permissions, stops and crashes, backups, and the number of connections.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tempfile::TempDir;

use crate::program::{Program, command, docket, refusal, run};
use crate::support::{Database, PASSWORD, SECRET, Server, eventually, id, on_both_databases};

/// A directory for an SQLite database.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self) -> PathBuf {
        self.path("docket.db")
    }

    fn url(&self) -> String {
        url(&self.file())
    }

    /// The names of all files, sorted.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// A server in a process of its own.
async fn serve(home: &Home) -> (Program, Server) {
    let program = Program::start(&["--database-url", &home.url()]).await;
    let server = Server::at(program.base(), Database::at(home.url()));
    (program, server)
}

fn url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

/// The titles of the owner's tasks in the database `file`.
async fn titles_in(file: &Path) -> Vec<String> {
    let server = Server::start(Database::at(url(file)), &[]).await;
    let account = json!({ "email": "owner@example.com", "password": PASSWORD });
    let response = server.post("/api/auth/sign-in/email", account).send().await;
    response.expect(StatusCode::OK);
    let path = format!("/api/{}/tasks", response.body["user"]["id"].as_str().unwrap());
    let token = response.body["token"].as_str().unwrap();
    let list = server.request(Method::GET, &path).bearer(token).send().await;
    crate::support::titles(&list.body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_stop_leaves_one_complete_file() {
    let home = Home::new();
    let (program, server) = serve(&home).await;
    server.owner().await.task("Water the plants").await;
    program.stop().await;
    assert_eq!(home.names(), ["docket.db"]);

    let elsewhere = Home::new();
    fs::copy(home.file(), elsewhere.file()).unwrap();
    assert_eq!(titles_in(&elsewhere.file()).await, ["Water the plants"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_one_of_two_processes_loses_nothing() {
    let home = Home::new();
    let (one, server_one) = serve(&home).await;
    let (other, server_other) = serve(&home).await;
    let owner = server_one.owner().await;
    owner.task("a").await;
    one.stop().await;
    let list = server_other.get(&owner.path("")).bearer(&owner.token).send().await;
    assert_eq!(list.body[0]["title"], "a");
    other.stop().await;
    assert_eq!(home.names(), ["docket.db"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_a_crash() {
    let home = Home::new();
    let (program, server) = serve(&home).await;
    server.owner().await.task("Water the plants").await;
    program.kill().await;
    assert_eq!(titles_in(&home.file()).await, ["Water the plants"]);
}

/// Whether a file in the folder of the database contains `text`.
fn is_stored(server: &Server, text: &str) -> bool {
    let file = Path::new(server.database.url.strip_prefix("sqlite://").unwrap());
    let entries = fs::read_dir(file.parent().unwrap()).unwrap();
    let contains = |path: PathBuf| {
        let content = fs::read(path).unwrap();
        content.windows(text.len()).any(|bytes| bytes == text.as_bytes())
    };
    entries.map(|entry| entry.unwrap().path()).any(contains)
}

async fn until_erased(server: &Server, text: &str) {
    eventually("the text is in no file", async || {
        (!is_stored(server, text)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_account_remains_in_no_file() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let (owner, other) = (server.user("erased-owner@example.com").await, server.owner().await);
    // Tasks of both users share pages of the file, which are split when the tasks grow.
    let (mut tasks, mut kept) = (Vec::new(), Vec::new());
    for number in 0..100 {
        tasks.push(owner.task(&format!("erased-task {number}")).await);
        kept.push(other.task(&format!("kept-task {number}")).await);
    }
    for (task, kept) in tasks.iter().zip(&kept) {
        let text = |word: &str| json!({ "description": format!("{word}-text ").repeat(50) });
        owner.put(id(task), text("erased")).send().await.expect(StatusCode::OK);
        other.put(id(kept), text("kept")).send().await.expect(StatusCode::OK);
    }
    let name = server.post("/api/auth/update-user", json!({ "name": "erased-name" }));
    let name = name.bearer(&owner.token).header("user-agent", "erased-agent");
    name.send().await.expect(StatusCode::OK);
    let all = [
        "erased-owner@",
        "erased-task",
        "erased-text",
        "erased-name",
        "erased-agent",
    ];
    for text in all {
        assert!(is_stored(&server, text), "{text}");
    }

    let deletion = server.post("/api/auth/delete-user", json!({ "password": PASSWORD }));
    deletion.bearer(&owner.token).send().await.expect(StatusCode::OK);
    for text in all {
        until_erased(&server, text).await;
    }
    for text in ["kept-task", "kept-text", "owner@example.com"] {
        assert!(is_stored(&server, text), "{text}");
    }
    assert_eq!(other.titles("?limit=500").await.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_task_remains_in_no_file() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let owner = server.owner().await;
    let body = json!({ "title": "erased-title", "description": "erased-text", "due_date": "2031-03-09" });
    let task = owner.post(body).send().await;
    owner.task("kept-title").await;
    owner.delete(id(&task.body)).send().await.expect(StatusCode::NO_CONTENT);
    // A server sweeps when it starts.
    server.another(&[]).await;
    for text in ["erased-title", "erased-text", "2031-03-09"] {
        until_erased(&server, text).await;
    }
    assert!(is_stored(&server, "kept-title"));
}

fn backup(url: &str, file: &Path) -> Command {
    let mut command = docket();
    command.env("DATABASE_URL", url).arg("backup").arg(file);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_online_backup_is_complete_and_has_mode_0600() {
    let home = Home::new();
    let server = Server::start(Database::at(home.url()), &[]).await;
    let owner = server.owner().await;
    owner.task("before").await;
    let elsewhere = Home::new();
    let output = run(backup(&home.url(), &elsewhere.path("backup.db"))).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("backup.db"), "{output:?}");
    owner.task("after").await;

    assert_eq!(elsewhere.names(), ["backup.db"]);
    assert_eq!(mode(&elsewhere.path("backup.db")), 0o600);
    assert_eq!(titles_in(&elsewhere.path("backup.db")).await, ["before"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_changes_neither_the_schema_nor_the_files_of_the_database() {
    let home = Home::new();
    let database = Database::at(format!("{}?mode=rwc", home.url()));
    database.execute("CREATE TABLE older_version (id INTEGER)").await;
    let output = run(backup(&home.url(), &home.path("backup.db"))).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(home.names(), ["backup.db", "docket.db"]);
    for file in [home.file(), home.path("backup.db")] {
        let tables = Database::at(url(&file)).rows("SELECT name FROM sqlite_schema").await;
        assert_eq!(tables, [["older_version"]]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_overwrites_nothing() {
    let home = Home::new();
    let server = Server::start(Database::at(home.url()), &[]).await;
    server.owner().await;
    fs::write(home.path("backup.db"), "precious").unwrap();
    let output = run(backup(&home.url(), &home.path("backup.db"))).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("backup.db exists already"), "{output:?}");
    assert_eq!(fs::read_to_string(home.path("backup.db")).unwrap(), "precious");

    let output = run(backup(&home.url(), &home.path("missing/backup.db"))).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output.stderr.contains(&home.path("missing").display().to_string()) && output.stderr.contains("mkdir"),
        "{output:?}"
    );

    let nowhere = Home::new();
    let output = run(backup(&nowhere.url(), &home.path("other.db"))).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("DATABASE_URL"), "{output:?}");
    assert!(nowhere.names().is_empty() && !home.path("other.db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_without_enough_space_leaves_no_file() {
    let home = Home::new();
    let server = Server::start(Database::at(home.url()), &[]).await;
    server.owner().await;
    let elsewhere = Home::new();
    let backup = backup(&home.url(), &elsewhere.path("backup.db"));
    // Files are limited to 48 KiB, less than the database and more than its other files.
    let mut limited = command("/bin/bash");
    limited
        .env("DATABASE_URL", home.url())
        // The coverage does not fit either, and a partial file of it cannot be read.
        .env("LLVM_PROFILE_FILE", "/dev/null")
        .args(["-c", "trap '' XFSZ; ulimit -f 48; exec \"$@\"", "bash"])
        .arg(backup.get_program())
        .args(backup.get_args());
    let output = run(limited).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output.stderr.contains("backup.db") && output.stderr.contains("space"),
        "{output:?}"
    );
    assert!(elsewhere.names().is_empty(), "{:?}", elsewhere.names());
}

#[tokio::test]
async fn a_backup_of_postgres_refers_to_pg_dump() {
    let home = Home::new();
    let output = run(backup(
        "postgres://owner:hidden@localhost/docket",
        &home.path("docket.dump"),
    ))
    .await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("pg_dump --format=custom"), "{output:?}");
    assert!(
        output.stderr.contains("docket.dump") && !output.stderr.contains("hidden"),
        "{output:?}"
    );
    assert!(home.names().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_files_have_mode_0600() {
    let home = Home::new();
    let server = Server::start(Database::at(home.url()), &[]).await;
    server.owner().await;
    assert_eq!(home.names(), ["docket.db", "docket.db-shm", "docket.db-wal"]);
    for name in home.names() {
        assert_eq!(mode(&home.path(&name)), 0o600, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn world_readable_files_get_mode_0600_and_group_access_is_kept() {
    let home = Home::new();
    let (program, server) = serve(&home).await;
    server.owner().await;
    program.kill().await;
    assert_eq!(home.names().len(), 3);
    for name in home.names() {
        set_mode(&home.path(&name), 0o644);
    }
    let (program, _) = serve(&home).await;
    assert!(program.log.contains("accessible to every user"), "{}", program.log);
    for name in home.names() {
        assert_eq!(mode(&home.path(&name)), 0o600, "{name}");
    }
    program.stop().await;

    set_mode(&home.file(), 0o640);
    let (program, _) = serve(&home).await;
    for name in home.names() {
        assert_eq!(mode(&home.path(&name)), 0o640, "{name}");
    }
    assert!(!program.log.contains("WARN"), "{}", program.log);
}

#[tokio::test]
async fn a_missing_database_directory_is_reported() {
    let home = Home::new();
    let folder = home.path("a folder");
    for file in ["a folder/docket.db", "a%20folder/docket.db"] {
        // Without a secret, which would be generated in the same directory: the error names the database.
        let text = refusal(&[("DATABASE_URL", &url(&home.path(file)))]).await;
        assert!(
            text.contains(&format!("{}, does not exist", folder.display())),
            "{text}"
        );
        assert!(text.contains("mkdir -p") && text.contains("DATABASE_URL"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn an_unverified_connection_to_a_remote_postgres_is_warned_about() {
    for mode in ["", "?sslmode=require", "?sslmode=verify-ca"] {
        let url = format!("postgres://owner:hidden@postgres.invalid/docket{mode}");
        let text = refusal(&[("DATABASE_URL", &url), ("BETTER_AUTH_SECRET", SECRET)]).await;
        let warning = text
            .lines()
            .find(|line| line.contains("sslmode=verify-full"))
            .unwrap_or_else(|| panic!("{text}"));
        assert!(
            warning.contains("WARN") && warning.contains("postgres.invalid"),
            "{warning}"
        );
        assert!(!text.contains("hidden"), "{text}");
    }
}

on_both_databases! {
    async fn the_number_of_connections_is_limited(server, "--database-max-connections", "1") {
        let owner = server.owner().await;
        let creates = (0..20).map(|_| owner.task("a"));
        futures_util::future::join_all(creates).await;
        let reads = (0..20).map(|cursor| owner.titles(if cursor % 2 == 0 { "?limit=500" } else { "?sort=title&limit=500" }));
        for titles in futures_util::future::join_all(reads).await {
            assert_eq!(titles.len(), 20);
        }
        match server.database.url.strip_prefix("sqlite://") {
            // One writer, and this many readers.
            Some(_) if !cfg!(target_os = "linux") => {}
            Some(file) => assert_eq!(open_files(Path::new(file)), 2),
            None => {
                let of_docket = "pg_stat_activity WHERE datname = current_database() AND application_name = 'docket'";
                assert_eq!(server.database.count(of_docket).await, 1);
            }
        }
    }
}

/// How often this process has `file` open, on Linux.
fn open_files(file: &Path) -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    let targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.unwrap().path()).ok());
    targets.filter(|target| target == file).count()
}
