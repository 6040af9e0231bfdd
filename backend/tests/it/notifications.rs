//! Mails about security events, and their settings.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use totp_rs::Totp;

use crate::smtp::{Mail, Sink, mailing, sending_to};
use crate::spec::tables;
use crate::support::{PASSWORD, Response, Server, eventually, on_both_databases};

const SETTINGS: &str = "/api/auth/notifications";
const OWNER: &str = "owner@example.com";
const OTHER: &str = "other@example.com";
const NEW_PASSWORD: &str = "battery horse correct";
const WRONG_PASSWORD: &str = "wrong horse battery";
/// A browser whose `User-Agent` contains what must not be in a mail.
const BROWSER: &str =
    "Mozilla/5.0 (Windows NT 10.0) Firefox/130.0 Not you? Call +1 555 0100 or open https://evil.example/reset";

const PASSWORD_CHANGED: &str = "Your password was changed";
const EMAIL_CHANGED: &str = "Your e-mail address was changed";
const TWO_FACTOR_ON: &str = "Two-factor was turned on";
const TWO_FACTOR_OFF: &str = "Two-factor was turned off";
const CODES_REPLACED: &str = "Your recovery codes were replaced";
const CODE_USED: &str = "A recovery code was used";
const NEW_DEVICE: &str = "Sign-in on a new device";
const FAILED: &str = "Failed sign-ins to your account";
const PASSWORD_KNOWN: &str = "Somebody knows your password";
const DELETED: &str = "Your account was deleted";

async fn settings(server: &Server, token: &str) -> Value {
    let response = server.get(SETTINGS).bearer(token).send().await;
    response.expect(StatusCode::OK);
    response.body
}

async fn change(server: &Server, token: &str, change: Value) -> Response {
    server.post(SETTINGS, change).bearer(token).send().await
}

/// Signs up, without mail, with a verified address. Returns the access token.
async fn verified(server: &Server, email: &str) -> String {
    let token = server.user(email).await.token;
    let verify = format!("UPDATE users SET email_verified = TRUE WHERE email = '{email}'");
    server.database.execute(&verify).await;
    token
}

async fn post(server: &Server, token: &str, path: &str, body: Value) -> Response {
    let request = server.post(&format!("/api/auth/{path}"), body).bearer(token);
    let response = request.header("user-agent", BROWSER).send().await;
    response.expect(StatusCode::OK);
    response
}

/// The token in a response.
fn token(response: &Response) -> String {
    response.body["token"].as_str().unwrap().to_owned()
}

/// Signs in with that password and the cookies of `cookies`.
async fn sign_in(server: &Server, email: &str, password: &str, cookies: &str) -> Response {
    let credentials = json!({ "email": email, "password": password });
    let request = server.post("/api/auth/sign-in/email", credentials);
    request
        .header("cookie", cookies)
        .header("user-agent", BROWSER)
        .send()
        .await
}

/// Turns two-factor on. Returns the new access token and the recovery codes.
async fn turn_two_factor_on(server: &Server, owner: &str, password: &str) -> (String, Vec<String>) {
    let setup = post(server, owner, "two-factor/enable", json!({ "password": password })).await;
    let app = Totp::from_url(setup.body["totpURI"].as_str().unwrap()).unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let code = app.generate(now.as_secs()).to_string();
    let on = post(server, owner, "two-factor/verify-totp", json!({ "code": code })).await;
    let codes = setup.body["backupCodes"].as_array().unwrap().iter();
    (
        token(&on),
        codes.map(|code| code.as_str().unwrap().to_owned()).collect(),
    )
}

/// Begins a sign-in that waits for a code, and enters a recovery code.
async fn enter_recovery_code(server: &Server, password: &str, code: &str) -> Response {
    let pending = sign_in(server, OWNER, password, "")
        .await
        .cookie_of("docket_two_factor");
    let request = server.post("/api/auth/two-factor/verify-backup-code", json!({ "code": code }));
    request.header("cookie", &pending).send().await
}

/// The two mails that arrive next, sorted by subject.
async fn next_two(mails: &mut Sink) -> [Mail; 2] {
    let mut two = [mails.next().await, mails.next().await];
    two.sort_by_key(|mail| mail.text.split_once("\nSubject: ").unwrap().1.to_owned());
    two
}

/// Asserts that the mail says when, on which device and from where it happened, and nothing that the client made up.
#[track_caller]
fn expect_details(mail: &Mail) {
    let text = &mail.text;
    for part in [
        " UTC\n",
        "Device: Firefox on Windows",
        "Network address: 127.0.0.1\n",
        "If it was not you",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for part in ["evil", "555", "Mozilla", "token="] {
        assert!(!text.contains(part), "{part}: {text}");
    }
}

/// The events that the specification lists in the log.
fn logged_events() -> BTreeSet<String> {
    let tables = tables("operations/logging.md", "Security events");
    let rows = tables["Event | Level | In the history | When"].iter();
    rows.map(|row| row[0].clone()).collect()
}

#[test]
fn each_event_has_a_mail_or_is_declared_silent() {
    let tables = tables("api/rest-endpoints.md", "Identity");
    let rows = &tables["Event | Mail | Setting"];
    let names = |cell: &str| {
        cell.split(", ")
            .map(|name| name.trim_matches('`').to_owned())
            .collect::<Vec<_>>()
    };
    let told: BTreeSet<String> = rows.iter().flat_map(|row| names(&row[0])).collect();
    let page = std::fs::read_to_string(crate::spec::spec("api/rest-endpoints.md")).unwrap();
    let (_, silent) = page
        .split_once("All other events send no mail about themselves:")
        .unwrap();
    let silent = silent.split_once("\n\n").unwrap().0.split('`').skip(1).step_by(2);
    let silent: BTreeSet<String> = silent.map(str::to_owned).collect();
    assert!(told.is_disjoint(&silent), "{told:?} {silent:?}");
    assert_eq!(told.union(&silent).cloned().collect::<BTreeSet<_>>(), logged_events());

    // Each of these mails is received by a test below.
    let mails: BTreeSet<&str> = rows.iter().map(|row| row[1].as_str()).collect();
    let tested = [
        PASSWORD_CHANGED,
        EMAIL_CHANGED,
        TWO_FACTOR_ON,
        TWO_FACTOR_OFF,
        CODES_REPLACED,
        CODE_USED,
        NEW_DEVICE,
        FAILED,
        PASSWORD_KNOWN,
        DELETED,
    ];
    assert_eq!(mails, BTreeSet::from(tested));
}

on_both_databases! {
    async fn each_setting_can_be_changed_alone(server) {
        let owner = server.owner().await;
        let other = server.user("other@example.com").await;
        let all = json!({ "newDevice": true, "failedSignIns": true, "recoveryCodeUsed": true, "accountDeleted": true });
        assert_eq!(settings(&server, &owner.token).await, all);
        let mut expected = all.clone();
        for (kind, _) in all.as_object().unwrap() {
            expected[kind] = json!(false);
            let changed = change(&server, &owner.token, json!({ kind: false })).await;
            changed.expect(StatusCode::OK);
            assert_eq!(changed.body, expected);
            assert_eq!(settings(&server, &owner.token).await, expected);
        }
        change(&server, &owner.token, json!({ "newDevice": true })).await.expect(StatusCode::OK);
        expected["newDevice"] = json!(true);
        assert_eq!(change(&server, &owner.token, json!({})).await.body, expected);
        assert_eq!(settings(&server, &other.token).await, all);

        for refused in [json!({ "passwordChanged": false }), json!({ "newDevice": null }), json!({ "newDevice": "no" })] {
            change(&server, &owner.token, refused).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
        }
        assert_eq!(settings(&server, &owner.token).await, expected);
        let export = server.get("/api/auth/export").bearer(&owner.token).send().await;
        assert_eq!(export.body["notifications"], expected);
    }

    async fn a_change_of_the_settings_requires_recent_authentication_and_is_recorded(server) {
        let owner = server.owner().await;
        change(&server, &owner.token, json!({ "newDevice": false })).await.expect(StatusCode::OK);
        let activity = server.get("/api/auth/activity").bearer(&owner.token).send().await;
        assert_eq!(activity.body[0]["event"], "notifications_changed");

        server.database.execute("UPDATE sessions SET authenticated_at = '2001-01-01T00:00:00+00:00'").await;
        let refused = change(&server, &owner.token, json!({ "accountDeleted": false })).await;
        refused.expect_problem(StatusCode::FORBIDDEN, "session_not_fresh");
        assert_eq!(settings(&server, &owner.token).await["accountDeleted"], true);
        for token in ["nonsense", ""] {
            let read = server.get(SETTINGS).bearer(token).send().await;
            read.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
            change(&server, token, json!({})).await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        }
    }

    async fn security_events_are_mailed_to_the_owner(server) {
        verified(&server, OWNER).await;
        let (server, mut mails) = mailing(&server.database).await;
        let signed_in = sign_in(&server, OWNER, PASSWORD, "").await;
        signed_in.expect(StatusCode::OK);
        let mail = mails.next().await;
        mail.expect(OWNER, NEW_DEVICE);
        expect_details(&mail);
        assert!(mail.text.contains("/settings"), "{}", mail.text);

        let change = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
        let owner = token(&post(&server, &token(&signed_in), "change-password", change).await);
        let mail = mails.next().await;
        mail.expect(OWNER, PASSWORD_CHANGED);
        expect_details(&mail);

        let (owner, codes) = turn_two_factor_on(&server, &owner, NEW_PASSWORD).await;
        let mail = mails.next().await;
        mail.expect(OWNER, TWO_FACTOR_ON);
        expect_details(&mail);

        enter_recovery_code(&server, NEW_PASSWORD, &codes[0]).await.expect(StatusCode::OK);
        let [mail, other] = next_two(&mut mails).await;
        mail.expect(OWNER, CODE_USED);
        other.expect(OWNER, NEW_DEVICE);

        let with_code = |code: &Value| json!({ "password": NEW_PASSWORD, "code": code });
        let replaced = post(&server, &owner, "two-factor/generate-backup-codes", with_code(&json!(codes[1]))).await;
        let mail = mails.next().await;
        mail.expect(OWNER, CODES_REPLACED);
        expect_details(&mail);
        post(&server, &owner, "two-factor/disable", with_code(&replaced.body["backupCodes"][0])).await;
        let mail = mails.next().await;
        mail.expect(OWNER, TWO_FACTOR_OFF);
        expect_details(&mail);
        post(&server, &owner, "delete-user", json!({ "password": NEW_PASSWORD })).await;
        let mail = mails.next().await;
        mail.expect(OWNER, DELETED);
        expect_details(&mail);
        mails.expect_no_more();
    }

    async fn a_reset_and_a_new_address_are_mailed_to_the_address_before(server) {
        verified(&server, OWNER).await;
        let (server, mut mails) = mailing(&server.database).await;
        let request = server.post("/api/auth/request-password-reset", json!({ "email": OWNER }));
        request.send().await.expect(StatusCode::OK);
        let link = mails.next().await.token("reset-password");
        let reset = server.post("/api/auth/reset-password", json!({ "token": link, "newPassword": NEW_PASSWORD }));
        let reset = reset.send().await;
        reset.expect(StatusCode::OK);
        mails.next().await.expect(OWNER, PASSWORD_CHANGED);

        // The browser of the reset is known.
        let device = reset.cookie_of("docket_device");
        let owner = token(&sign_in(&server, OWNER, NEW_PASSWORD, &device).await);
        post(&server, &owner, "change-email", json!({ "newEmail": OTHER })).await;
        let (link, _) = mails.next_two(OTHER).await;
        let confirm = json!({ "token": link.token("confirm-email-change") });
        server.post("/api/auth/confirm-email-change", confirm).send().await.expect(StatusCode::OK);
        let mail = mails.next().await;
        mail.expect(OWNER, EMAIL_CHANGED);
        assert!(!mail.text.contains(OTHER), "{}", mail.text);
        mails.expect_no_more();
    }

    async fn mails_that_are_switched_off_are_not_sent(server) {
        let owner = verified(&server, OWNER).await;
        let off = json!({ "newDevice": false, "failedSignIns": false, "recoveryCodeUsed": false, "accountDeleted": false });
        change(&server, &owner, off).await.expect(StatusCode::OK);
        let (server, mut mails) = mailing(&server.database).await;
        sign_in(&server, OWNER, PASSWORD, "").await.expect(StatusCode::OK);
        for _ in 0..10 {
            sign_in(&server, OWNER, WRONG_PASSWORD, "").await.expect(StatusCode::UNAUTHORIZED);
        }
        wait_for_failures(&server, 10).await;
        let (owner, codes) = turn_two_factor_on(&server, &owner, PASSWORD).await;
        mails.next().await.expect(OWNER, TWO_FACTOR_ON);
        enter_recovery_code(&server, PASSWORD, &codes[0]).await.expect(StatusCode::OK);
        post(&server, &owner, "two-factor/disable", json!({ "password": PASSWORD, "code": codes[1] })).await;
        mails.next().await.expect(OWNER, TWO_FACTOR_OFF);
        post(&server, &owner, "delete-user", json!({ "password": PASSWORD })).await;

        // Mails of another account, which arrive after those that must not have been sent.
        let other = server.another(&[]).await;
        let other = verified(&other, OTHER).await;
        post(&server, &other, "delete-user", json!({ "password": PASSWORD })).await;
        mails.next().await.expect(OTHER, DELETED);
        mails.expect_no_more();
    }

    async fn a_sign_in_on_a_known_device_and_the_first_one_are_not_mailed(server) {
        let (server, mut mails) = mailing(&server.database).await;
        let account = json!({ "name": "Owner", "email": OWNER, "password": PASSWORD });
        server.post("/api/auth/sign-up/email", account).send().await.expect(StatusCode::OK);
        let confirm = json!({ "token": mails.next().await.token("verify-email"), "password": PASSWORD });
        server.post("/api/auth/verify-email", confirm).send().await.expect(StatusCode::OK);
        let first = sign_in(&server, OWNER, PASSWORD, "").await;
        first.expect(StatusCode::OK);
        sign_in(&server, OWNER, PASSWORD, &first.cookie_of("docket_device")).await.expect(StatusCode::OK);
        // A device of another account is new.
        let other = server.another(&[]).await;
        verified(&other, OTHER).await;
        let foreign = sign_in(&other, OTHER, PASSWORD, "").await.cookie_of("docket_device");
        sign_in(&server, OWNER, PASSWORD, &foreign).await.expect(StatusCode::OK);
        mails.next().await.expect(OWNER, NEW_DEVICE);
        mails.expect_no_more();

        // All devices are forgotten, and the account is no longer new.
        server.database.execute("DELETE FROM known_devices; UPDATE users SET created_at = '2001-01-01T00:00:00+00:00'").await;
        sign_in(&server, OWNER, PASSWORD, "").await.expect(StatusCode::OK);
        mails.next().await.expect(OWNER, NEW_DEVICE);
        mails.expect_no_more();
    }

    async fn many_failed_sign_ins_are_mailed_once_a_day(server) {
        verified(&server, OWNER).await;
        let (server, mut mails) = mailing(&server.database).await;
        for day in 0..2 {
            for failures in 1..=25 {
                sign_in(&server, OWNER, WRONG_PASSWORD, "").await.expect(StatusCode::UNAUTHORIZED);
                wait_for_failures(&server, day * 25 + failures).await;
                if failures == 9 {
                    mails.expect_no_more();
                }
            }
            let mail = mails.next().await;
            mail.expect(OWNER, FAILED);
            expect_details(&mail);
            mails.expect_no_more();
            server.database.execute("DELETE FROM throttles").await;
        }
    }

    async fn many_wrong_codes_tell_that_somebody_knows_the_password(server) {
        let owner = verified(&server, OWNER).await;
        let (owner, _) = turn_two_factor_on(&server, &owner, PASSWORD).await;
        server.database.execute("UPDATE users SET notify_failed_sign_ins = FALSE").await;
        let (server, mut mails) = mailing(&server.database).await;
        // At sign-ins and for changes of the account.
        for _ in 0..6 {
            enter_recovery_code(&server, PASSWORD, "wrong").await.expect(StatusCode::UNAUTHORIZED);
            let disable = server.post("/api/auth/two-factor/disable", json!({ "password": PASSWORD, "code": "wrong" }));
            disable.bearer(&owner).send().await.expect(StatusCode::UNAUTHORIZED);
        }
        let mail = mails.next().await;
        mail.expect(OWNER, PASSWORD_KNOWN);
        assert!(mail.text.contains("/forgot-password"), "{}", mail.text);
        mails.expect_no_more();
    }

    async fn an_unverified_address_gets_no_mails_about_events(server) {
        let unverified = server.owner().await.token;
        let verified = verified(&server, OTHER).await;
        let (server, mut mails) = mailing(&server.database).await;
        for owner in [unverified, verified] {
            let change = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
            post(&server, &owner, "change-password", change).await;
        }
        mails.next().await.expect(OTHER, PASSWORD_CHANGED);
        mails.expect_no_more();
    }

    async fn a_kind_of_event_is_mailed_at_most_ten_times_a_day(server) {
        let owner = verified(&server, OWNER).await;
        let (server, mut mails) = mailing(&server.database).await;
        for _ in 0..12 {
            sign_in(&server, OWNER, PASSWORD, "").await.expect(StatusCode::OK);
        }
        for _ in 0..10 {
            mails.next().await.expect(OWNER, NEW_DEVICE);
        }
        // Other kinds have a count of their own.
        let change = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
        post(&server, &owner, "change-password", change).await;
        mails.next().await.expect(OWNER, PASSWORD_CHANGED);
        mails.expect_no_more();
    }

    async fn an_event_whose_commit_fails_is_not_mailed(server) {
        let owner = verified(&server, OWNER).await;
        let (server, mut mails) = mailing(&server.database).await;
        let at_the_commit = if server.database.url.starts_with("sqlite:") {
            "CREATE TABLE checked (id TEXT REFERENCES users DEFERRABLE INITIALLY DEFERRED); \
             CREATE TRIGGER refuse AFTER INSERT ON audit_events WHEN NEW.event = 'signed_in' \
             BEGIN INSERT INTO checked VALUES ('nobody'); END"
        } else {
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$; \
             CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON audit_events DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW WHEN (NEW.event = 'signed_in') EXECUTE FUNCTION refuse()"
        };
        server.database.execute(at_the_commit).await;
        let failed = sign_in(&server, OWNER, PASSWORD, "").await;
        assert!(failed.status.is_server_error(), "{}", failed.text);
        let change = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
        post(&server, &owner, "change-password", change).await;
        mails.next().await.expect(OWNER, PASSWORD_CHANGED);
        mails.expect_no_more();
    }

    async fn requested_mails_cannot_displace_mails_about_events(server) {
        verified(&server, OWNER).await;
        // It accepts no mail yet.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = sending_to(&server.database, &listener.local_addr().unwrap().to_string(), &[]).await;
        let mut requested = 0;
        let full = loop {
            let request = server.post("/api/auth/request-password-reset", json!({ "email": OWNER }));
            let response = request.send().await;
            if response.status != StatusCode::OK {
                break response;
            }
            requested += 1;
        };
        full.expect_problem(StatusCode::SERVICE_UNAVAILABLE, "busy");
        sign_in(&server, OWNER, PASSWORD, "").await.expect(StatusCode::OK);
        let mut mails = Sink::on(listener);
        let mut about_events = 0;
        for _ in 0..=requested {
            about_events += usize::from(mails.next().await.text.contains(NEW_DEVICE));
        }
        assert_eq!((requested, about_events), (256, 1));
    }
}

/// Waits until that many failed sign-ins are recorded, which happens after their responses.
async fn wait_for_failures(server: &Server, count: usize) {
    eventually("the failed sign-ins are recorded", async || {
        let recorded = server
            .database
            .count("audit_events WHERE event = 'sign_in_failed'")
            .await;
        (recorded >= count).then_some(())
    })
    .await;
}
