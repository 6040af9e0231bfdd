//! Two-factor: TOTP codes, recovery codes, and sign-ins that wait for a code.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use totp_rs::Totp;

use crate::support::{PASSWORD, Response, SECRET, Server, User, eventually, on_both_databases};

/// Another secret of the server.
const NEWER: &str = "another test secret of some length: 4567";
/// The operations that require a code while two-factor is on.
const DISABLE: &str = "two-factor/disable";
const REPLACE: &str = "two-factor/generate-backup-codes";
const DELETE: &str = "delete-user";
const LONG_AGO: &str = "'2001-01-01T00:00:00+00:00'";

/// An owner with two-factor on.
pub struct WithTwoFactor<'a> {
    pub user: User<'a>,
    pub app: Totp,
    recovery_codes: Vec<String>,
}

pub async fn with_two_factor(server: &Server) -> WithTwoFactor<'_> {
    let mut user = server.owner().await;
    let (app, recovery_codes) = set_up(server, &user.token).await;
    let on = turn_on(server, &user.token, &code(&app, 0)).await;
    on.expect(StatusCode::OK);
    user.token = on.body["token"].as_str().unwrap().to_owned();
    user.cookie = on.cookie();
    // So that the current code can be used again.
    server.database.execute("UPDATE users SET totp_last_step = 0").await;
    WithTwoFactor {
        user,
        app,
        recovery_codes,
    }
}

async fn with_password(server: &Server, operation: &str, token: &str, password: &str) -> Response {
    let path = format!("/api/auth/two-factor/{operation}");
    let request = server.post(&path, json!({ "password": password }));
    request.bearer(token).send().await
}

/// Sends the password and a code to an operation that needs both.
pub async fn with_code(server: &Server, operation: &str, token: &str, code: &str) -> Response {
    let request = server.post(
        &format!("/api/auth/{operation}"),
        json!({ "password": PASSWORD, "code": code }),
    );
    request.bearer(token).send().await
}

/// Begins the set-up. Returns the authenticator app and the recovery codes.
pub async fn set_up(server: &Server, token: &str) -> (Totp, Vec<String>) {
    let response = with_password(server, "enable", token, PASSWORD).await;
    response.expect(StatusCode::OK);
    let app = Totp::from_url(response.body["totpURI"].as_str().unwrap()).unwrap();
    (app, texts(&response.body["backupCodes"]))
}

/// The encrypted secret of the only app, in hexadecimal.
async fn sealed(server: &Server) -> String {
    let hex = if server.database.url.starts_with("sqlite:") {
        "hex(totp_sealed)"
    } else {
        "upper(encode(totp_sealed, 'hex'))"
    };
    let rows = server
        .database
        .rows(&format!("SELECT {hex} FROM users WHERE totp_sealed IS NOT NULL"))
        .await;
    rows[0][0].clone()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Stores the secret of the app in plain text, as a server of the version before.
async fn store_plain(server: &Server, app: &Totp) {
    let secret = hex(app.secret().as_bytes());
    let secret = if server.database.url.starts_with("sqlite:") {
        format!("X'{secret}'")
    } else {
        format!("'\\x{secret}'")
    };
    let sql = format!("UPDATE users SET totp_secret = {secret}, totp_last_step = 0");
    server.database.execute(&sql).await;
}

pub async fn turn_on(server: &Server, token: &str, code: &str) -> Response {
    let request = server.post("/api/auth/two-factor/verify-totp", json!({ "code": code }));
    request.bearer(token).send().await
}

async fn sign_in(server: &Server) -> Response {
    let credentials = json!({ "email": "owner@example.com", "password": PASSWORD });
    server.post("/api/auth/sign-in/email", credentials).send().await
}

/// Begins a sign-in that waits for a code. Returns `name=value` of its cookie.
async fn pending(server: &Server) -> String {
    let response = sign_in(server).await;
    response.expect(StatusCode::OK);
    response.cookie_of("docket_two_factor")
}

async fn finish(server: &Server, by: &str, cookie: &str, code: &str) -> Response {
    let request = server.post(&format!("/api/auth/two-factor/{by}"), json!({ "code": code }));
    request.header("cookie", cookie).send().await
}

pub async fn by_app(server: &Server, cookie: &str, code: &str) -> Response {
    finish(server, "verify-totp", cookie, code).await
}

async fn by_recovery_code(server: &Server, cookie: &str, code: &str) -> Response {
    finish(server, "verify-backup-code", cookie, code).await
}

/// Extends the delays of the rate limits, as if no time passed.
async fn stop_time(server: &Server) {
    let late = "'2999-01-01T00:00:00+00:00'";
    let sql = format!("UPDATE throttles SET retry_at = {late} WHERE retry_at > {LONG_AGO}");
    server.database.execute(&sql).await;
}

/// Tries five wrong codes on each device, each from a new address. Returns how many are not refused by the rate limit.
async fn admitted_attempts(server: &Server, app: &Totp, devices: &[String]) -> usize {
    let (waiting, wrong) = (pending(server).await, wrong_code(app));
    let mut admitted = 0;
    for (number, device) in devices.iter().enumerate() {
        for attempt in 0..5 {
            let body = json!({ "code": wrong });
            let request = server.post("/api/auth/two-factor/verify-totp", body);
            let request = request.header("cookie", &format!("{waiting}; {device}"));
            let request = request.header("x-forwarded-for", &format!("198.51.{number}.{attempt}"));
            admitted += usize::from(request.send().await.status == StatusCode::UNAUTHORIZED);
            stop_time(server).await;
        }
    }
    admitted
}

/// Whether the right password is accepted from that device while unknown devices have to wait.
async fn is_known(server: &Server, device: &str) -> bool {
    server.database.execute("DELETE FROM throttles").await;
    let credentials = |password: &str| json!({ "email": "owner@example.com", "password": password });
    let wrong = server.post("/api/auth/sign-in/email", credentials("a wrong password"));
    wrong.send().await.expect(StatusCode::UNAUTHORIZED);
    // Not the counts that known devices share with others, which expire within half an hour.
    let later = (Utc::now() + TimeDelta::minutes(30)).to_rfc3339();
    let wait = format!("UPDATE throttles SET retry_at = '2999-01-01T00:00:00+00:00' WHERE expires_at > '{later}'");
    server.database.execute(&wait).await;
    let right = server.post("/api/auth/sign-in/email", credentials(PASSWORD));
    let response = right.header("cookie", device).send().await;
    server.database.execute("DELETE FROM throttles").await;
    response.status == StatusCode::OK
}

fn step() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30
}

/// The code of the app `steps` steps from now. The current code stays valid during the next step.
pub fn code(app: &Totp, steps: i64) -> String {
    app.generate(step().strict_add_signed(steps) * 30).to_string()
}

/// A code that is not valid at any time during the test.
fn wrong_code(app: &Totp) -> String {
    let shown: HashSet<String> = (-3..=30).map(|steps| code(app, steps)).collect();
    let mut codes = (0..).map(|number| format!("{number:06}"));
    codes.find(|code| !shown.contains(code)).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The events of `GET /api/auth/activity`, newest first.
async fn events(server: &Server, token: &str) -> Vec<String> {
    let response = server.get("/api/auth/activity").bearer(token).send().await;
    let events = response.body.as_array().unwrap().iter();
    events
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect()
}

on_both_databases! {
    async fn two_factor_stays_off_until_a_code_is_verified(server) {
        let owner = server.owner().await;
        let response = with_password(&server, "enable", &owner.token, PASSWORD).await;
        response.expect(StatusCode::OK);
        let first = Totp::from_url(response.body["totpURI"].as_str().unwrap()).unwrap();
        assert_eq!((first.issuer(), first.account_name()), (Some("Docket"), "owner@example.com"));
        assert_eq!(first.secret().as_bytes().len(), 20);
        assert!(response.body["qrCode"].as_str().unwrap().starts_with("data:image/svg+xml;base64,"));
        sign_in(&server).await.expect(StatusCode::OK);

        turn_on(&server, &owner.token, &wrong_code(&first)).await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        // After a second set-up only the new app is valid.
        let (second, _) = set_up(&server, &owner.token).await;
        turn_on(&server, &owner.token, &code(&first, 0)).await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        let response = sign_in(&server).await;
        assert_eq!(response.body["user"]["twoFactorEnabled"], false);
        assert!(response.body["token"].is_string());

        let on = turn_on(&server, &owner.token, &code(&second, 0)).await;
        on.expect(StatusCode::OK);
        assert_eq!(on.body["user"]["twoFactorEnabled"], true);
        let token = on.body["token"].as_str().unwrap();
        let current = server.get("/api/auth/get-session").bearer(token).send().await;
        assert_eq!(current.body["user"]["twoFactorEnabled"], true);
        assert!(sign_in(&server).await.body.get("token").is_none());
    }

    async fn turning_two_factor_on_revokes_all_sessions_and_begins_a_new_one(server) {
        let owner = server.owner().await;
        let elsewhere = sign_in(&server).await;
        let (app, _) = set_up(&server, &owner.token).await;
        server.database.execute(&format!("UPDATE sessions SET authenticated_at = {LONG_AGO}")).await;
        let on = turn_on(&server, &owner.token, &code(&app, 0)).await;
        on.expect(StatusCode::OK);
        let renew = |cookie: String| server.post("/api/auth/refresh", json!({})).header("cookie", &cookie).send();
        let before = [
            (owner.token.clone(), owner.cookie.clone()),
            (elsewhere.body["token"].as_str().unwrap().to_owned(), elsewhere.cookie()),
        ];
        for (token, cookie) in before {
            server.get(&owner.path("")).bearer(&token).send().await.expect(StatusCode::UNAUTHORIZED);
            renew(cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        }
        let token = on.body["token"].as_str().unwrap();
        server.get(&owner.path("")).bearer(token).send().await.expect(StatusCode::OK);
        // A code does not authenticate again: the new session is as fresh as the old one.
        let export = server.get("/api/auth/export").bearer(token).send().await;
        export.expect_problem(StatusCode::FORBIDDEN, "session_not_fresh");
        renew(on.cookie()).await.expect(StatusCode::OK);
        assert_eq!(server.database.count("sessions").await, 1);
    }

    async fn enable_is_refused_while_two_factor_is_on(server) {
        let owner = with_two_factor(&server).await;
        let token = &owner.user.token;
        with_password(&server, "enable", token, PASSWORD).await.expect_problem(StatusCode::BAD_REQUEST, "two_factor_on");
        turn_on(&server, token, &code(&owner.app, 1)).await.expect_problem(StatusCode::BAD_REQUEST, "two_factor_on");
        by_app(&server, &pending(&server).await, &code(&owner.app, 0)).await.expect(StatusCode::OK);
    }

    async fn each_change_requires_a_token_and_the_password(server) {
        let owner = with_two_factor(&server).await;
        for operation in ["enable", "disable", "generate-backup-codes"] {
            let path = format!("/api/auth/two-factor/{operation}");
            let nobody = server.post(&path, json!({ "password": PASSWORD })).send().await;
            nobody.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
            let wrong = with_password(&server, operation, &owner.user.token, "wrong horse battery").await;
            wrong.expect_problem(StatusCode::BAD_REQUEST, "wrong_password");
            assert_eq!(wrong.body["errors"][0]["pointer"], "/password");
        }
        by_recovery_code(&server, &pending(&server).await, &owner.recovery_codes[0]).await.expect(StatusCode::OK);
    }

    async fn verify_replace_and_disable_are_refused_while_two_factor_is_off(server) {
        let owner = server.owner().await;
        turn_on(&server, &owner.token, "000000").await.expect_problem(StatusCode::BAD_REQUEST, "two_factor_off");
        for operation in ["disable", "generate-backup-codes"] {
            let refused = with_password(&server, operation, &owner.token, PASSWORD).await;
            refused.expect_problem(StatusCode::BAD_REQUEST, "two_factor_off");
        }
    }

    async fn sign_in_requires_the_password_and_a_code(server) {
        let owner = with_two_factor(&server).await;
        let response = sign_in(&server).await;
        response.expect(StatusCode::OK);
        assert_eq!(response.body, json!({ "twoFactorRedirect": true, "twoFactorMethods": ["totp"] }));
        assert_eq!(response.set_cookie("docket_refresh"), "");
        let cookie = response.set_cookie("docket_two_factor");
        for part in ["HttpOnly", "SameSite=Strict", "Max-Age=600", "Path=/api/auth"] {
            assert!(cookie.contains(part), "{cookie}");
        }

        let cookie = response.cookie_of("docket_two_factor");
        let done = by_app(&server, &cookie, &code(&owner.app, 0)).await;
        done.expect(StatusCode::OK);
        assert_eq!(done.body["user"]["id"], owner.user.id);
        assert!(done.set_cookie("docket_two_factor").contains("Max-Age=0"));
        let token = done.body["token"].as_str().unwrap();
        server.get(&owner.user.path("")).bearer(token).send().await.expect(StatusCode::OK);
        let refresh = done.cookie_of("docket_refresh");
        let renewed = server.post("/api/auth/refresh", json!({})).header("cookie", &refresh).send().await;
        renewed.expect(StatusCode::OK);

        by_app(&server, &cookie, &code(&owner.app, 1)).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }

    async fn a_totp_code_works_once_within_its_window(server) {
        let owner = with_two_factor(&server).await;
        let used = code(&owner.app, 0);
        by_app(&server, &pending(&server).await, &used).await.expect(StatusCode::OK);
        let cookie = pending(&server).await;
        for refused in [wrong_code(&owner.app), code(&owner.app, -3), code(&owner.app, 30), used] {
            by_app(&server, &cookie, &refused).await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        }
        // A wrong code does not end the pending sign-in.
        by_app(&server, &cookie, &code(&owner.app, 1)).await.expect(StatusCode::OK);
    }

    async fn the_code_that_turned_two_factor_on_is_used_up(server) {
        let owner = server.owner().await;
        let (app, _) = set_up(&server, &owner.token).await;
        let used = code(&app, 0);
        turn_on(&server, &owner.token, &used).await.expect(StatusCode::OK);
        by_app(&server, &pending(&server).await, &used).await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
    }

    async fn of_two_concurrent_uses_of_a_code_one_succeeds(server) {
        let owner = with_two_factor(&server).await;
        let (one, two) = (pending(&server).await, pending(&server).await);
        let app_code = code(&owner.app, 0);
        let recovery_code = &owner.recovery_codes[0];
        let responses = tokio::join!(by_app(&server, &one, &app_code), by_app(&server, &two, &app_code));
        let refused_cookie = one_succeeds(responses, [one, two], "invalid_code");
        // The refused sign-in can continue with an unused code.
        let other = pending(&server).await;
        let responses = tokio::join!(
            by_recovery_code(&server, &refused_cookie, recovery_code),
            by_recovery_code(&server, &other, recovery_code),
        );
        let refused_cookie = one_succeeds(responses, [refused_cookie, other], "invalid_code");
        by_recovery_code(&server, &refused_cookie, &owner.recovery_codes[1]).await.expect(StatusCode::OK);
        assert_eq!(server.database.count("recovery_codes").await, 8);
    }

    async fn of_two_concurrent_codes_for_one_sign_in_one_is_used_up(server) {
        let owner = with_two_factor(&server).await;
        let cookie = pending(&server).await;
        let [one, two] = [&owner.recovery_codes[0], &owner.recovery_codes[1]];
        let responses = tokio::join!(by_recovery_code(&server, &cookie, one), by_recovery_code(&server, &cookie, two));
        one_succeeds(responses, [cookie.clone(), cookie], "no_session");
        assert_eq!(server.database.count("recovery_codes").await, 9);
    }

    async fn each_recovery_code_works_once(server) {
        let owner = with_two_factor(&server).await;
        let codes = &owner.recovery_codes;
        assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 10);
        for code in codes {
            let groups: Vec<&str> = code.split('-').collect();
            let base32 = |group: &&str| group.len() == 4 && group.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'));
            assert!(groups.len() == 4 && groups.iter().all(base32), "{code}");
        }
        for typed in [codes[0].clone(), codes[1].to_lowercase(), codes[2].replace('-', " "), codes[3].replace('-', "")] {
            by_recovery_code(&server, &pending(&server).await, &typed).await.expect(StatusCode::OK);
        }
        let cookie = pending(&server).await;
        for refused in [codes[0].as_str(), "AAAA-AAAA-AAAA-AAAA", "-", &code(&owner.app, 0)] {
            let response = by_recovery_code(&server, &cookie, refused).await;
            response.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        }
        by_app(&server, &cookie, &codes[4]).await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        assert_eq!(server.database.count("recovery_codes").await, 6);
    }

    async fn new_recovery_codes_replace_the_old_ones(server) {
        let owner = with_two_factor(&server).await;
        let response = with_code(&server, REPLACE, &owner.user.token, &owner.recovery_codes[1]).await;
        response.expect(StatusCode::OK);
        assert_eq!(response.body["status"], true);
        let codes = texts(&response.body["backupCodes"]);
        assert_eq!(codes.len(), 10);
        let cookie = pending(&server).await;
        let old = by_recovery_code(&server, &cookie, &owner.recovery_codes[0]).await;
        old.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        by_recovery_code(&server, &cookie, &codes[9]).await.expect(StatusCode::OK);
    }

    async fn concurrent_replacements_leave_ten_recovery_codes(server) {
        let owner = with_two_factor(&server).await;
        let code = code(&owner.app, 0);
        let replace = || with_code(&server, REPLACE, &owner.user.token, &code);
        one_succeeds(tokio::join!(replace(), replace()), Default::default(), "invalid_code");
        assert_eq!(server.database.count("recovery_codes").await, 10);
    }

    async fn disable_deletes_the_secret_and_the_codes(server) {
        let owner = with_two_factor(&server).await;
        let pending_cookie = pending(&server).await;
        with_code(&server, DISABLE, &owner.user.token, &owner.recovery_codes[0]).await.expect(StatusCode::OK);
        let response = sign_in(&server).await;
        assert_eq!(response.body["redirect"], false);
        assert_eq!(response.body["user"]["twoFactorEnabled"], false);
        by_app(&server, &pending_cookie, &code(&owner.app, 0)).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        assert_eq!(server.database.count("recovery_codes").await, 0);
        assert_eq!(server.database.count("users WHERE totp_secret IS NOT NULL OR totp_sealed IS NOT NULL").await, 0);
    }

    async fn a_pending_sign_in_expires(server) {
        let owner = with_two_factor(&server).await;
        let cookie = pending(&server).await;
        server.database.execute(&format!("UPDATE one_time_tokens SET expires_at = {LONG_AGO}")).await;
        by_app(&server, &cookie, &code(&owner.app, 0)).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        let late = by_recovery_code(&server, &cookie, &owner.recovery_codes[0]).await;
        late.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        assert_eq!(server.database.count("recovery_codes").await, 10);
    }

    async fn the_two_factor_cookie_is_no_other_credential(server) {
        let owner = with_two_factor(&server).await;
        let cookie = pending(&server).await;
        let value = cookie.strip_prefix("docket_two_factor=").unwrap();
        let token = value.split('.').next().unwrap();
        for bearer in [value, token] {
            let tasks = server.get(&owner.user.path("")).bearer(bearer).send().await;
            tasks.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
            let session = server.get("/api/auth/get-session").bearer(bearer).send().await;
            assert_eq!(session.text, "null");
        }
        let session = owner.user.cookie.strip_prefix("docket_refresh=").unwrap().split('.').next().unwrap();
        for refresh in [value, token, &format!("{session}.{token}")] {
            let cookie = format!("docket_refresh={refresh}");
            let renewed = server.post("/api/auth/refresh", json!({})).header("cookie", &cookie).send().await;
            renewed.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        }
        by_app(&server, &cookie, &code(&owner.app, 0)).await.expect(StatusCode::OK);
    }

    async fn no_other_credential_replaces_the_two_factor_cookie(server) {
        let owner = with_two_factor(&server).await;
        let refresh = owner.user.cookie.strip_prefix("docket_refresh=").unwrap();
        let secret = refresh.split('.').next_back().unwrap();
        let made_up = ["", "x", ".", refresh, secret, &owner.user.token];
        for cookie in made_up.map(|value| format!("docket_two_factor={value}")) {
            let refused = by_app(&server, &cookie, &code(&owner.app, 0)).await;
            refused.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        }
        // A token of another purpose.
        let cookie = pending(&server).await;
        server.database.execute("UPDATE one_time_tokens SET purpose = 'reset_password'").await;
        by_app(&server, &cookie, &code(&owner.app, 0)).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }

    async fn a_cross_site_request_cannot_complete_a_sign_in(server) {
        let owner = with_two_factor(&server).await;
        let cookie = pending(&server).await;
        for by in ["verify-totp", "verify-backup-code"] {
            let request = server.post(&format!("/api/auth/two-factor/{by}"), json!({ "code": code(&owner.app, 0) }));
            let response = request.header("cookie", &cookie).header("origin", "http://evil.example").send().await;
            response.expect_problem(StatusCode::FORBIDDEN, "forbidden_origin");
        }
    }

    async fn remember_me_is_kept_across_the_code(server) {
        let owner = with_two_factor(&server).await;
        for (remember, step) in [(false, 0), (true, 1)] {
            let credentials = json!({ "email": "owner@example.com", "password": PASSWORD, "rememberMe": remember });
            let response = server.post("/api/auth/sign-in/email", credentials).send().await;
            let cookie = response.cookie_of("docket_two_factor");
            let done = by_app(&server, &cookie, &code(&owner.app, step)).await;
            done.expect(StatusCode::OK);
            assert_eq!(done.set_cookie("docket_refresh").contains("Max-Age"), remember);
        }
    }

    async fn change_password_keeps_two_factor_and_ends_pending_sign_ins(server) {
        let owner = with_two_factor(&server).await;
        let pending_cookie = pending(&server).await;
        let change = json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" });
        let response = server.post("/api/auth/change-password", change).bearer(&owner.user.token).send().await;
        response.expect(StatusCode::OK);
        assert_eq!(response.body["user"]["twoFactorEnabled"], true);
        by_app(&server, &pending_cookie, &code(&owner.app, 0)).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }

    async fn two_factor_changes_are_recorded_in_the_activity(server) {
        let owner = with_two_factor(&server).await;
        let token = &owner.user.token;
        let cookie = pending(&server).await;
        by_app(&server, &cookie, &wrong_code(&owner.app)).await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        by_recovery_code(&server, &cookie, &owner.recovery_codes[0]).await.expect(StatusCode::OK);
        with_code(&server, REPLACE, token, "wrong").await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        with_code(&server, REPLACE, token, &owner.recovery_codes[1]).await.expect(StatusCode::OK);
        with_code(&server, DISABLE, token, &code(&owner.app, 0)).await.expect(StatusCode::OK);
        let told = events(&server, token).await;
        let expected = [
            "two_factor_disabled",
            "recovery_codes_replaced",
            "code_refused",
            "signed_in",
            "recovery_code_used",
            "sign_in_failed",
            "two_factor_enabled",
            "signed_up",
        ];
        assert_eq!(told, expected);
    }

    async fn the_secret_of_the_app_is_stored_encrypted(server) {
        let owner = server.owner().await;
        let (app, _) = set_up(&server, &owner.token).await;
        // Before and after it is enabled.
        for _ in 0..2 {
            assert_eq!(server.database.count("users WHERE totp_secret IS NULL").await, 1);
            let stored = sealed(&server).await;
            assert_eq!(stored.len(), 2 * (8 + 12 + 20 + 16));
            assert!(!stored.contains(&hex(app.secret().as_bytes())));
            turn_on(&server, &owner.token, &code(&app, 0)).await;
        }
    }

    async fn an_encrypted_secret_is_valid_for_its_user_only(server) {
        let owner = with_two_factor(&server).await;
        let cookie = pending(&server).await;
        let other = server.user("other@example.com").await;
        let (app, _) = set_up(&server, &other.token).await;
        let copy = "UPDATE users SET totp_sealed = (SELECT totp_sealed FROM users WHERE email = 'other@example.com')";
        server.database.execute(copy).await;
        for app in [&app, &owner.app] {
            let refused = by_app(&server, &cookie, &code(app, 0)).await;
            refused.expect_problem(StatusCode::CONFLICT, "app_code_unavailable");
        }
        turn_on(&server, &other.token, &code(&app, 0)).await.expect(StatusCode::OK);
    }

    async fn secrets_in_plain_text_are_encrypted(server) {
        let owner = with_two_factor(&server).await;
        let is_encrypted = "users WHERE totp_secret IS NULL AND totp_sealed IS NOT NULL";
        // A server of the version before stores a new secret in plain text, and leaves the encrypted one.
        store_plain(&server, &owner.app).await;
        by_app(&server, &pending(&server).await, &code(&owner.app, 0)).await.expect(StatusCode::OK);
        assert_eq!(server.database.count(is_encrypted).await, 1);

        store_plain(&server, &owner.app).await;
        let restarted = server.another(&[]).await;
        eventually("the secret is encrypted", async || (server.database.count(is_encrypted).await == 1).then_some(())).await;
        by_app(&restarted, &pending(&server).await, &code(&owner.app, 0)).await.expect(StatusCode::OK);
    }

    async fn a_rotated_secret_encrypts_the_secrets_of_apps(server) {
        let owner = with_two_factor(&server).await;
        let before = sealed(&server).await;
        let both = server.another(&["--better-auth-secrets", &format!("2:{NEWER},1:{SECRET}")]).await;
        let after = eventually("the secret is encrypted with the new key", async || {
            let after = sealed(&server).await;
            // The id of the key.
            (after[..16] != before[..16]).then_some(after)
        }).await;
        by_app(&both, &pending(&both).await, &code(&owner.app, 0)).await.expect(StatusCode::OK);
        assert_eq!(sealed(&server).await, after);
        let newer = server.another(&["--better-auth-secret", NEWER]).await;
        server.database.execute("UPDATE users SET totp_last_step = 0").await;
        by_app(&newer, &pending(&newer).await, &code(&owner.app, 0)).await.expect(StatusCode::OK);
    }

    async fn without_the_key_codes_are_refused_and_recovery_codes_work(server) {
        let owner = with_two_factor(&server).await;
        let other = server.another(&["--better-auth-secret", NEWER]).await;
        let cookie = pending(&other).await;
        for code in [code(&owner.app, 0), wrong_code(&owner.app)] {
            let refused = by_app(&other, &cookie, &code).await;
            refused.expect_problem(StatusCode::CONFLICT, "app_code_unavailable");
        }
        // What cannot be decrypted is kept: the secret of the server may come back.
        by_app(&server, &pending(&server).await, &code(&owner.app, 0)).await.expect(StatusCode::OK);

        let signed_in = by_recovery_code(&other, &cookie, &owner.recovery_codes[0]).await;
        signed_in.expect(StatusCode::OK);
        let token = signed_in.body["token"].as_str().unwrap();
        let proof = json!({ "password": PASSWORD, "code": owner.recovery_codes[1] });
        let disabled = other.post("/api/auth/two-factor/disable", proof).bearer(token).send().await;
        disabled.expect(StatusCode::OK);
        let (app, _) = set_up(&other, token).await;
        turn_on(&other, token, &code(&app, 0)).await.expect(StatusCode::OK);
        server.database.execute("UPDATE users SET totp_last_step = 0").await;
        by_app(&other, &pending(&other).await, &code(&app, 0)).await.expect(StatusCode::OK);
    }

    async fn codes_are_rate_limited(server, "--rate-limit", "on") {
        let owner = with_two_factor(&server).await;
        let first = by_recovery_code(&server, &pending(&server).await, &owner.recovery_codes[9]).await;
        let device = first.cookie_of("docket_device");
        let cookie = pending(&server).await;
        let wrong = wrong_code(&owner.app);
        for _ in 0..4 {
            by_app(&server, &cookie, &wrong).await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        }
        by_recovery_code(&server, &cookie, "wrong").await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        stop_time(&server).await;
        // The right password gives no new attempts, and the right code gets the same response.
        for cookie in [cookie, pending(&server).await] {
            let refused = by_app(&server, &cookie, &code(&owner.app, 0)).await;
            refused.expect_problem(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
            let refused = by_recovery_code(&server, &cookie, &owner.recovery_codes[0]).await;
            refused.expect_problem(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
        }
        // Attempts of others do not affect a known device.
        let known = format!("{}; {device}", pending(&server).await);
        by_app(&server, &known, &code(&owner.app, 0)).await.expect(StatusCode::OK);
    }

    async fn the_delay_of_codes_grows_per_account_from_all_addresses(
        server,
        "--rate-limit", "on", "--trusted-proxies", "127.0.0.1"
    ) {
        let owner = with_two_factor(&server).await;
        let device = by_recovery_code(&server, &pending(&server).await, &owner.recovery_codes[0]).await.cookie_of("docket_device");
        let waiting = pending(&server).await;
        let from = async |number: usize, cookies: &str, code: &str| {
            let request = server.post("/api/auth/two-factor/verify-backup-code", json!({ "code": code }));
            request.header("cookie", cookies).header("x-forwarded-for", &format!("198.51.100.{number}")).send().await
        };
        for number in 0..10 {
            from(number, &waiting, "wrong").await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        }
        stop_time(&server).await;
        let refused = from(10, &waiting, &owner.recovery_codes[1]).await;
        refused.expect_problem(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
        assert_eq!(refused.header("ratelimit-policy"), "\"account-codes\";q=10;w=86400");
        // A known device is not delayed by attempts elsewhere, and its success does not shorten their delay.
        from(11, &format!("{}; {device}", pending(&server).await), &owner.recovery_codes[1]).await.expect(StatusCode::OK);
        from(12, &waiting, "wrong").await.expect(StatusCode::TOO_MANY_REQUESTS);
        // Nor does a success on an unknown device: it uncounts itself only.
        server.database.execute(&format!("UPDATE throttles SET retry_at = {LONG_AGO}")).await;
        from(13, &pending(&server).await, &owner.recovery_codes[2]).await.expect(StatusCode::OK);
        from(14, &waiting, "wrong").await.expect(StatusCode::UNAUTHORIZED);
        stop_time(&server).await;
        from(15, &waiting, "wrong").await.expect(StatusCode::TOO_MANY_REQUESTS);
    }

    async fn changes_require_a_code_while_two_factor_is_on(server) {
        let owner = with_two_factor(&server).await;
        let token = &owner.user.token;
        let codes = &owner.recovery_codes;
        for (operation, right) in [(REPLACE, code(&owner.app, 0)), (DISABLE, String::new()), (DELETE, String::new())] {
            let path = format!("/api/auth/{operation}");
            let without = server.post(&path, json!({ "password": PASSWORD })).bearer(token).send().await;
            without.expect_problem(StatusCode::BAD_REQUEST, "two_factor_code_required");
            assert_eq!((&without.body["code"], &without.body["errors"][0]["pointer"]),
                (&json!("TWO_FACTOR_CODE_REQUIRED"), &json!("/code")));
            for wrong in [wrong_code(&owner.app), "AAAA-AAAA-AAAA-AAAA".to_owned()] {
                with_code(&server, operation, token, &wrong).await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
            }
            with_code(&server, operation, token, " ").await.expect_invalid("/code");
            // Without the password the code is not even used up.
            let body = json!({ "password": "wrong horse battery", "code": codes[0] });
            let refused = server.post(&path, body).bearer(token).send().await;
            refused.expect_problem(StatusCode::BAD_REQUEST, "wrong_password");
            assert_eq!(server.database.count("recovery_codes").await, 10);
            assert_eq!(server.database.count("users WHERE two_factor_enabled").await, 1);
            if !right.is_empty() {
                // A code of the app works once, also for different operations.
                with_code(&server, operation, token, &right).await.expect(StatusCode::OK);
                with_code(&server, DISABLE, token, &right).await.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
                by_app(&server, &pending(&server).await, &right).await.expect(StatusCode::UNAUTHORIZED);
            }
        }
        with_code(&server, DELETE, token, &code(&owner.app, 1)).await.expect(StatusCode::OK);
        assert_eq!(server.database.count("users").await, 0);
    }

    async fn a_change_needs_no_code_while_two_factor_is_off(server) {
        let owner = server.owner().await;
        with_code(&server, DELETE, &owner.token, "123456").await.expect(StatusCode::OK);
    }

    async fn codes_of_changes_count_like_those_of_sign_ins(server, "--rate-limit", "on") {
        let owner = with_two_factor(&server).await;
        for operation in [REPLACE, DISABLE, DELETE, REPLACE, DISABLE] {
            let wrong = with_code(&server, operation, &owner.user.token, "wrong").await;
            wrong.expect_problem(StatusCode::UNAUTHORIZED, "invalid_code");
        }
        stop_time(&server).await;
        let code = &owner.recovery_codes[0];
        for operation in [REPLACE, DISABLE, DELETE] {
            let refused = with_code(&server, operation, &owner.user.token, code).await;
            refused.expect_problem(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
        }
        by_recovery_code(&server, &pending(&server).await, code).await.expect(StatusCode::TOO_MANY_REQUESTS);
        // The attempt without a code is none.
        server.database.execute("DELETE FROM throttles").await;
        for _ in 0..7 {
            with_password(&server, "disable", &owner.user.token, PASSWORD).await.expect(StatusCode::BAD_REQUEST);
        }
        with_code(&server, DISABLE, &owner.user.token, code).await.expect(StatusCode::OK);
    }

    async fn known_devices_share_one_limit_on_codes(
        server,
        "--rate-limit", "on", "--trusted-proxies", "127.0.0.1", "--argon2-memory-kib", "7168", "--argon2-iterations", "1"
    ) {
        let owner = server.owner().await;
        let mut collected = Vec::new();
        for _ in 0..30 {
            collected.push(sign_in(&server).await.cookie_of("docket_device"));
        }
        let (app, recovery_codes) = set_up(&server, &owner.token).await;
        turn_on(&server, &owner.token, &code(&app, 0)).await.expect(StatusCode::OK);
        // Turning two-factor on makes the devices unknown.
        server.database.execute("DELETE FROM throttles").await;
        assert_eq!(admitted_attempts(&server, &app, &collected).await, 10);

        // Known devices share twenty attempts, apart from the ten of unknown devices.
        server.database.execute("DELETE FROM throttles").await;
        let mut collected = Vec::new();
        for code in &recovery_codes[..9] {
            let done = by_recovery_code(&server, &pending(&server).await, code).await;
            done.expect(StatusCode::OK);
            collected.push(done.cookie_of("docket_device"));
        }
        assert_eq!(admitted_attempts(&server, &app, &vec![String::new(); 30]).await, 10);
        assert_eq!(admitted_attempts(&server, &app, &collected).await, 20);
    }

    async fn two_factor_changes_and_new_passwords_forget_known_devices(server, "--rate-limit", "on") {
        let owner = server.owner().await;
        let first = sign_in(&server).await.cookie_of("docket_device");
        assert!(is_known(&server, &first).await);
        let (app, recovery_codes) = set_up(&server, &owner.token).await;
        let on = turn_on(&server, &owner.token, &code(&app, 0)).await;
        on.expect(StatusCode::OK);
        let token = on.body["token"].as_str().unwrap();
        let second = on.cookie_of("docket_device");
        assert!(!is_known(&server, &first).await);
        assert!(is_known(&server, &second).await);
        let off = with_code(&server, DISABLE, token, &recovery_codes[0]).await;
        off.expect(StatusCode::OK);
        let third = off.cookie_of("docket_device");
        assert!(!is_known(&server, &second).await);
        assert!(is_known(&server, &third).await);
        let change = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
        let changed = server.post("/api/auth/change-password", change).bearer(token).send().await;
        changed.expect(StatusCode::OK);
        assert!(!is_known(&server, &third).await);
        assert!(is_known(&server, &changed.cookie_of("docket_device")).await);
    }

    async fn recovery_codes_and_pending_sign_ins_are_stored_as_hashes(server) {
        let owner = with_two_factor(&server).await;
        let cookie = pending(&server).await;
        let token = cookie.split(['=', '.']).nth(1).unwrap();
        let code = owner.recovery_codes[0].replace('-', "");
        let kept = [
            ("one_time_tokens", Sha256::digest(BASE64_URL_SAFE_NO_PAD.decode(token).unwrap())),
            ("recovery_codes", Sha256::digest(code)),
        ];
        let hex = if server.database.url.starts_with("sqlite:") { "hex(hash)" } else { "encode(hash, 'hex')" };
        for (table, hash) in kept {
            assert_eq!(server.database.count(&format!("{table} WHERE lower({hex}) = '{hash:x}'")).await, 1);
        }
    }
}

/// Asserts that one of two responses is a success and the other that problem. Returns the cookie of the other.
#[track_caller]
fn one_succeeds(responses: (Response, Response), cookies: [String; 2], problem: &str) -> String {
    let [first, second] = cookies;
    let (winner, refused_cookie, cookie) = match responses.0.status {
        StatusCode::OK => (responses.0, responses.1, second),
        _ => (responses.1, responses.0, first),
    };
    winner.expect(StatusCode::OK);
    refused_cookie.expect_problem(StatusCode::UNAUTHORIZED, problem);
    cookie
}
