//! Credentials that are changed after a request has read them and before it acts: the request is refused, and changes nothing.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Database, PASSWORD, Response, Server, on_both_databases};
use crate::two_factor::{code, set_up, turn_on, with_two_factor};

/// Counting an attempt, which happens while the password or the code is being verified, also changes the token version of all
/// users from now on, as a password reset at this moment would.
async fn change_credentials_during_verification(database: &Database) {
    const CHANGE: &str = "UPDATE users SET token_version = token_version + 1;";
    let sql = if database.url.starts_with("sqlite:") {
        format!("CREATE TRIGGER change AFTER INSERT ON throttles BEGIN {CHANGE} END")
    } else {
        format!(
            "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {CHANGE} RETURN NULL; END $$;
             CREATE TRIGGER change AFTER INSERT ON throttles FOR EACH ROW EXECUTE FUNCTION change()"
        )
    };
    database.execute(&sql).await;
}

/// What the operations could change.
async fn account(database: &Database) -> Vec<Vec<String>> {
    let sqlite = database.url.starts_with("sqlite:");
    let hash = if sqlite { "hex(hash)" } else { "encode(hash, 'hex')" };
    let mut account = Vec::new();
    for sql in [
        "SELECT password_hash || CAST(two_factor_enabled AS TEXT) || CAST(totp_secret IS NULL AS TEXT) FROM users",
        &format!("SELECT {hash} FROM recovery_codes ORDER BY hash"),
        "SELECT CAST(authenticated_at AS TEXT) FROM sessions",
        "SELECT CAST(count(*) AS TEXT) FROM one_time_tokens",
    ] {
        account.extend(database.rows(sql).await);
    }
    account
}

/// Sends a request to `/api/auth/` whose password is verified while the credentials change.
async fn send(server: &Server, token: &str, operation: &str, body: Value) -> Response {
    let request = server.post(&format!("/api/auth/{operation}"), body);
    request.bearer(token).send().await
}

/// Sets the token version that the access tokens of the test have.
async fn restore(server: &Server, version: i64) {
    let sql = format!("DELETE FROM throttles; UPDATE users SET token_version = {version}");
    server.database.execute(&sql).await;
}

on_both_databases! {
    async fn a_verified_password_does_not_outlive_a_change_of_the_credentials(server, "--rate-limit", "on") {
        let owner = server.owner().await;
        server.database.execute("UPDATE sessions SET authenticated_at = '2001-01-01T00:00:00+00:00'").await;
        let before = account(&server.database).await;
        change_credentials_during_verification(&server.database).await;
        for (operation, body) in [
            ("verify-password", json!({ "password": PASSWORD })),
            ("change-password", json!({ "currentPassword": PASSWORD, "newPassword": "battery horse correct" })),
            ("two-factor/enable", json!({ "password": PASSWORD })),
            ("delete-user", json!({ "password": PASSWORD })),
        ] {
            restore(&server, 0).await;
            send(&server, &owner.token, operation, body).await.expect(StatusCode::UNAUTHORIZED);
            assert_eq!(account(&server.database).await, before, "{operation}");
        }
    }

    async fn a_verified_password_does_not_outlive_a_change_while_two_factor_is_on(server, "--rate-limit", "on") {
        let owner = with_two_factor(&server).await;
        let before = account(&server.database).await;
        let version = server.database.rows("SELECT CAST(token_version AS TEXT) FROM users").await[0][0].parse().unwrap();
        change_credentials_during_verification(&server.database).await;
        for operation in ["two-factor/disable", "two-factor/generate-backup-codes", "delete-user"] {
            restore(&server, version).await;
            let body = json!({ "password": PASSWORD, "code": code(&owner.app, 0) });
            send(&server, &owner.user.token, operation, body).await.expect(StatusCode::UNAUTHORIZED);
            assert_eq!(account(&server.database).await, before, "{operation}");
        }
        // A sign-in that would have to wait for a code.
        let credentials = json!({ "email": "owner@example.com", "password": PASSWORD });
        let response = send(&server, "", "sign-in/email", credentials).await;
        response.expect(StatusCode::UNAUTHORIZED);
        assert_eq!(response.header("set-cookie"), "");
        assert_eq!(account(&server.database).await, before);
    }

    async fn a_verified_code_does_not_outlive_a_change_of_the_credentials(server, "--rate-limit", "on") {
        let owner = server.owner().await;
        let (app, _) = set_up(&server, &owner.token).await;
        let before = account(&server.database).await;
        change_credentials_during_verification(&server.database).await;
        restore(&server, 0).await;
        turn_on(&server, &owner.token, &code(&app, 0)).await.expect(StatusCode::UNAUTHORIZED);
        assert_eq!(account(&server.database).await, before);
    }
}
