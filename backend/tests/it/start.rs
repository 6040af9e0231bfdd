//! Start: which configurations are accepted, and what persists across restarts.

use std::os::unix::fs::PermissionsExt;

use docket::config::Config;
use docket::serve::Draining;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::jwt::pem_file;
use crate::program::{Program, refusal as refusal_of_program};
use crate::support::{self, Database, PASSWORD, SECRET, Server, on_both_databases, serve};

on_both_databases! {
    async fn a_healthy_server_is_live_and_ready(server) {
        for path in ["/health/live", "/health/ready"] {
            let response = server.get(path).send().await;
            response.expect(StatusCode::OK);
            assert_eq!(response.text, "ok");
        }
    }

    async fn every_response_has_a_request_id_of_its_own(server) {
        let one = server.get("/health/live").send().await;
        let two = server.get("/api/nothing").send().await;
        assert_eq!(one.header("x-request-id").len(), 36);
        assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
        assert_eq!(one.header("x-content-type-options"), "nosniff");
    }

    async fn over_https_browsers_are_told_to_use_https_only(server, "--better-auth-url", "https://tasks.example") {
        for path in ["/", "/docs", "/health/live", "/api/nothing", "/no-such-file.js"] {
            let response = server.get(path).send().await;
            assert_eq!(response.header("strict-transport-security"), "max-age=31536000", "{path}");
        }
        // On localhost, the header would affect every other server of the machine.
        for url in ["http://tasks.example", "https://localhost:8443"] {
            let other = server.another(&["--better-auth-url", url]).await;
            assert_eq!(other.get("/").send().await.header("strict-transport-security"), "", "{url}");
        }
    }

    async fn data_survives_a_restart(server) {
        server.owner().await.task("a").await;
        let base = serve(&server.database.url, &[]).await;
        let again = Server::start(Database::at(server.database.url.clone()), &[]).await;
        assert_ne!(base, again.base);
        let account = json!({ "email": "owner@example.com", "password": PASSWORD });
        let response = again.post("/api/auth/sign-in/email", account).send().await;
        response.expect(StatusCode::OK);
        let path = format!("/api/{}/tasks", response.body["user"]["id"].as_str().unwrap());
        let list = again.get(&path).bearer(response.body["token"].as_str().unwrap()).send().await;
        assert_eq!(list.body[0]["title"], "a");
    }
}

fn config(flags: &[&str]) -> Config {
    support::config(["--bind", "127.0.0.1:0"].iter().chain(flags).copied()).unwrap()
}

/// The error of a server that refuses to start with these flags.
async fn refusal(flags: &[&str]) -> String {
    match docket::app(&config(flags), Draining::default()).await {
        Ok(_) => panic!("it started with {flags:?}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_weak_or_missing_secret_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("docket.db").display());
    for secret in ["", "short", "secret", &"a".repeat(64), &"abab".repeat(20)] {
        let text = refusal(&["--database-url", &url, "--better-auth-secret", secret]).await;
        assert!(text.contains("openssl rand"), "{text}");
    }
    let required = [
        refusal(&["--database-url", "postgres://localhost/docket"]).await,
        refusal(&["--database-url", &url, "--bind", "0.0.0.0:0"]).await,
    ];
    for text in required {
        assert!(
            text.contains("BETTER_AUTH_SECRET is required") && text.contains("openssl rand"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_missing_secret_is_generated_once_with_file_mode_0600() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("docket.db");
    let url = format!("sqlite://{}", file.display());
    let generated = config(&["--database-url", &url]).secrets().unwrap().newest.secret;
    let kept = folder.path().join("docket.db.secret");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let again = config(&["--database-url", &url]).secrets().unwrap().newest.secret;
    assert_eq!(generated.expose_secret(), again.expose_secret());
    assert!(generated.expose_secret().len() >= 32);

    std::fs::write(&kept, "").unwrap();
    let text = refusal(&["--database-url", &url]).await;
    assert!(text.contains("docket.db.secret"), "{text}");
}

#[tokio::test]
async fn invalid_versioned_secrets_are_refused_and_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("docket.db").display());
    let newer = "another test secret of some length: 4567";
    // Each after the current secret, so that nothing else is wrong with the list.
    let entries = [
        String::new(),
        newer.to_owned(),
        format!("0:{newer}"),
        format!("+2:{newer}"),
        format!("two:{newer}"),
        format!(":{newer}"),
        format!("99999999999:{newer}"),
        format!("1:{newer}"),
        format!("2:{SECRET}"),
        "2:short".to_owned(),
        "2:".to_owned(),
        format!("2:{}", "a".repeat(64)),
    ];
    let mut lists: Vec<String> = entries.iter().map(|entry| format!("1:{SECRET},{entry}")).collect();
    lists.push(format!("2:{newer}"));
    for list in lists {
        let flags = [
            "--database-url",
            &url,
            "--better-auth-secret",
            SECRET,
            "--better-auth-secrets",
            &list,
        ];
        let text = refusal(&flags).await;
        assert!(text.contains("BETTER_AUTH_SECRETS"), "{list}: {text}");
        assert!(!text.contains(newer) && !text.contains(SECRET), "{text}");
    }
}

#[tokio::test]
async fn a_signing_key_file_without_an_ed25519_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("docket.db").display());
    let empty = folder.path().join("empty.pem").display().to_string();
    std::fs::write(&empty, "").unwrap();
    let good = pem_file("ed25519.pem");
    let missing = folder.path().join("missing.pem").display().to_string();
    for bad in [missing, empty, pem_file("p256.pem"), pem_file("rsa.pem")] {
        let files = format!("{good},{bad}");
        let flags = [
            "--database-url",
            &url,
            "--better-auth-secret",
            SECRET,
            "--signing-key-files",
            &files,
        ];
        let text = refusal(&flags).await;
        assert!(text.contains("SIGNING_KEY_FILES") && text.contains(&bad), "{text}");
        assert!(!text.contains("PRIVATE KEY"), "{text}");
    }
}

#[tokio::test]
async fn listening_beyond_loopback_without_https_is_warned_about() {
    let database = Database::sqlite();
    for (flags, expected) in [
        (vec!["--bind", "0.0.0.0:0"], true),
        (
            vec!["--bind", "0.0.0.0:0", "--better-auth-url", "http://tasks.example"],
            true,
        ),
        (
            vec!["--bind", "0.0.0.0:0", "--better-auth-url", "https://tasks.example"],
            false,
        ),
        (vec!["--better-auth-url", "http://tasks.example"], false),
        (vec![], false),
    ] {
        let program = Program::start(&[&["--database-url", &database.url], flags.as_slice()].concat()).await;
        let log = program.stop().await;
        let warnings: Vec<&str> = log.lines().filter(|line| line.contains(" WARN ")).collect();
        assert_eq!(warnings.len(), usize::from(expected), "{flags:?}: {log}");
        assert!(
            warnings
                .iter()
                .all(|line| line.contains("BETTER_AUTH_URL") && line.contains("unencrypted")),
            "{log}"
        );
    }
}

#[tokio::test]
async fn an_incomplete_external_issuer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("docket.db").display());
    let issuer = ["--external-issuer", "https://issuer.example"];
    let audience = ["--external-audience", "docket-api"];
    let keys = |url| ["--external-jwks-url", url];
    let trust = ["--trust-external-tokens", "true"];
    let bad = [
        (issuer.to_vec(), "TRUST_EXTERNAL_TOKENS"),
        (vec!["--external-audience", "docket-api"], "TRUST_EXTERNAL_TOKENS"),
        (keys("https://issuer.example/jwks").to_vec(), "TRUST_EXTERNAL_TOKENS"),
        ([trust, keys("https://issuer.example/jwks")].concat(), "EXTERNAL_ISSUER"),
        (
            [trust, issuer, keys("https://issuer.example/jwks")].concat(),
            "EXTERNAL_AUDIENCE",
        ),
        ([trust, ["--external-issuer", "docket"]].concat(), "EXTERNAL_ISSUER"),
        (
            [trust, issuer, audience, keys("http://issuer.example/jwks")].concat(),
            "https://",
        ),
        (
            [trust, issuer, audience, keys("http://localhost.example/jwks")].concat(),
            "https://",
        ),
        (
            [trust, issuer, audience, keys("http://10.0.0.1/jwks")].concat(),
            "https://",
        ),
        (
            [trust, issuer, audience, keys("ftp://localhost/jwks")].concat(),
            "https://",
        ),
        (
            [trust, issuer, audience, keys("issuer.example/jwks")].concat(),
            "https://",
        ),
    ];
    for (flags, advice) in bad {
        let text = refusal(&[["--database-url", &url].as_slice(), &flags].concat()).await;
        assert!(text.contains("EXTERNAL_") && text.contains(advice), "{text}");
    }
    let addresses = [
        "https://issuer.example/jwks",
        "http://localhost:1/jwks",
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
    ];
    for address in addresses {
        let flags = [["--database-url", &url], trust, issuer, audience, keys(address)].concat();
        assert!(config(&flags).external().unwrap().is_some(), "{address}");
    }
}

#[tokio::test]
async fn an_unsupported_database_url_is_refused() {
    for url in ["mysql://localhost/docket", "docket.db", "", "sqlite::memory:"] {
        let text = refusal(&["--database-url", url, "--better-auth-secret", SECRET]).await;
        assert!(text.contains("DATABASE_URL"), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("missing/docket.db").display());
    let text = refusal(&["--database-url", &url, "--better-auth-secret", SECRET]).await;
    assert!(text.contains("DATABASE_URL"), "{text}");
}

#[tokio::test]
async fn an_unknown_log_level_is_refused() {
    let filters = [
        "inof",
        "",
        "info,",
        "docket",
        "docket=debgu",
        "docket=",
        "=info",
        "info,inof",
        "3",
    ];
    for filter in filters {
        let text = refusal_of_program(&[("LOG", filter)]).await;
        assert!(
            text.contains("--log") && text.contains("docket=debug"),
            "{filter}: {text}"
        );
    }
    for filter in ["off", "INFO", "warn,docket=debug", "docket::db=trace, sqlx=warn"] {
        assert!(support::config(["--log", filter]).is_ok(), "{filter}");
    }
}

#[tokio::test]
async fn a_log_file_has_no_colour_codes() {
    let database = Database::sqlite();
    let program = Program::start(&["--database-url", &database.url]).await;
    assert!(
        program.log.contains("INFO") && !program.log.contains('\u{1b}'),
        "{:?}",
        program.log
    );
}

#[tokio::test]
async fn bind_accepts_a_host_name() {
    let address = |bind| support::config(["--bind", bind]).map(|config| config.bind);
    assert_eq!(address("localhost:8123").unwrap(), "127.0.0.1:8123".parse().unwrap());
    assert_eq!(address("[::1]:8123").unwrap(), "[::1]:8123".parse().unwrap());
    for bind in [
        "localhost",
        "8000",
        ":8000",
        "127.0.0.1",
        "localhost:port",
        "localhost:70000",
        "no host:8000",
        "",
    ] {
        let text = refusal_of_program(&[("BIND", bind)]).await;
        assert!(
            text.contains("--bind") && text.contains("127.0.0.1:8000"),
            "{bind}: {text}"
        );
    }
}

#[test]
fn debug_output_of_the_configuration_has_no_secrets() {
    let config = config(&[
        "--database-url",
        "postgres://owner:hidden@localhost/docket",
        "--better-auth-secret",
        SECRET,
        "--better-auth-secrets",
        "1:another secret",
    ]);
    let printed = format!("{config:?}");
    assert!(
        !printed.contains("hidden") && !printed.contains("secret\"") && !printed.contains(SECRET),
        "{printed}"
    );
}

#[tokio::test]
async fn a_renamed_setting_is_refused_with_its_new_name() {
    let text = refusal_of_program(&[("ARGON2_PASSES", "4")]).await;
    assert!(text.contains("ARGON2_PASSES is now ARGON2_ITERATIONS"), "{text}");
}
