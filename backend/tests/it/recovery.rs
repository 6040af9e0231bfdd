//! Password reset, e-mail verification and change of the e-mail, with mail and without, and `docket reset-password`.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::program::{Output, docket, run};
use crate::smtp::{Sink, mailing, mailing_with, sending_to};
use crate::support::{Database, PASSWORD, Response, Server, config, on_both_databases};
use crate::two_factor::{by_app, code, set_up, turn_on, with_two_factor};

const OWNER: &str = "owner@example.com";
const OTHER: &str = "other@example.com";
const NEW_PASSWORD: &str = "battery horse correct";

const CONFIRM: &str = "Confirm your e-mail address";
const IN_USE: &str = "You have an account already";
const RESET: &str = "Choose a new password";
const WAS_RESET: &str = "Your password was changed";
const NEW_DEVICE: &str = "Sign-in on a new device";
const CONFIRM_NEW: &str = "Confirm your new e-mail address";
const WILL_CHANGE: &str = "Your e-mail address is about to change";
const CHANGED: &str = "Your e-mail address was changed";

async fn sign_up(server: &Server, email: &str) -> Response {
    let account = json!({ "name": "Owner", "email": email, "password": PASSWORD });
    server.post("/api/auth/sign-up/email", account).send().await
}

async fn sign_in(server: &Server, email: &str, password: &str) -> Response {
    let account = json!({ "email": email, "password": password });
    server.post("/api/auth/sign-in/email", account).send().await
}

async fn request_reset(server: &Server, email: &str) -> Response {
    let body = json!({ "email": email });
    server.post("/api/auth/request-password-reset", body).send().await
}

async fn reset(server: &Server, token: &str) -> Response {
    let body = json!({ "token": token, "newPassword": NEW_PASSWORD });
    server.post("/api/auth/reset-password", body).send().await
}

/// Confirms the address with the password of the sign-up.
async fn verify(server: &Server, token: &str) -> Response {
    let body = json!({ "token": token, "password": PASSWORD });
    server.post("/api/auth/verify-email", body).send().await
}

/// Confirms the address and sets a new password.
async fn verify_anew(server: &Server, token: &str) -> Response {
    let body = json!({ "token": token, "newPassword": NEW_PASSWORD });
    server.post("/api/auth/verify-email", body).send().await
}

async fn confirm_change(server: &Server, token: &str) -> Response {
    let body = json!({ "token": token });
    server.post("/api/auth/confirm-email-change", body).send().await
}

async fn undo(server: &Server, token: &str) -> Response {
    let body = json!({ "token": token, "newPassword": NEW_PASSWORD });
    server.post("/api/auth/undo-email-change", body).send().await
}

async fn change_email(server: &Server, token: &str, email: &str) -> Response {
    let body = json!({ "newEmail": email });
    server.post("/api/auth/change-email", body).bearer(token).send().await
}

/// The events of all accounts, oldest first, but for failed sign-ins: these are recorded after the response, in no fixed order.
async fn events(database: &Database) -> Vec<String> {
    let rows = database
        .rows("SELECT event FROM audit_events WHERE event <> 'sign_in_failed' ORDER BY id")
        .await;
    rows.into_iter().flatten().collect()
}

async fn expire_tokens(database: &Database) {
    for table in ["one_time_tokens", "email_links", "pending_sign_ups"] {
        let sql = format!("UPDATE {table} SET expires_at = '2001-01-01T00:00:00+00:00'");
        database.execute(&sql).await;
    }
}

#[track_caller]
fn expect_invalid_token(response: &Response) {
    response.expect(StatusCode::BAD_REQUEST);
    assert_eq!(response.body["code"], "INVALID_TOKEN");
}

/// The response of a sign-up without the members that differ between accounts.
fn shape(mut response: Value) -> Value {
    for member in ["id", "email", "createdAt", "updatedAt"] {
        assert!(response["user"][member].take().is_string());
    }
    response
}

on_both_databases! {
    async fn a_reset_link_works_once(server) {
        let owner = server.owner().await;
        let (server, mut mails) = mailing(&server.database).await;
        request_reset(&server, " OWNER@example.com ").await.expect(StatusCode::OK);
        let mail = mails.next().await;
        mail.expect(OWNER, RESET);
        assert!(mail.text.contains("1 hour") && mail.text.contains("From: Docket <docket@example.com>\n"), "{}", mail.text);

        let token = mail.token("reset-password");
        let response = reset(&server, &token).await;
        response.expect(StatusCode::OK);
        assert_eq!(response.body, json!({ "status": true }));
        mails.next().await.expect(OWNER, WAS_RESET);
        sign_in(&server, OWNER, PASSWORD).await.expect(StatusCode::UNAUTHORIZED);
        let signed_in = sign_in(&server, OWNER, NEW_PASSWORD).await;
        signed_in.expect(StatusCode::OK);
        // Opening a link from a mail verifies the address.
        assert_eq!(signed_in.body["user"]["emailVerified"], true);
        assert_eq!(signed_in.body["user"]["id"], owner.id);
        mails.next().await.expect(OWNER, NEW_DEVICE);

        expect_invalid_token(&reset(&server, &token).await);
        assert_eq!(events(&server.database).await, ["signed_up", "password_reset_requested", "password_reset", "signed_in"]);
        mails.expect_no_more();
    }

    async fn a_reset_revokes_all_sessions(server) {
        let owner = server.owner().await;
        let (mailing, mut mails) = mailing(&server.database).await;
        request_reset(&mailing, OWNER).await.expect(StatusCode::OK);
        owner.get("").send().await.expect(StatusCode::OK);
        reset(&mailing, &mails.next().await.token("reset-password")).await.expect(StatusCode::OK);
        // On both servers.
        for server in [&server, &mailing] {
            let list = server.get(&owner.path("")).bearer(&owner.token).send().await;
            list.expect(StatusCode::UNAUTHORIZED);
            let renewal = server.post("/api/auth/refresh", json!({})).header("cookie", &owner.cookie).send().await;
            renewal.expect(StatusCode::UNAUTHORIZED);
        }
        assert_eq!(server.database.count("sessions").await, 0);
        assert_eq!(server.database.rows("SELECT CAST(token_version AS TEXT) FROM users").await[0][0], "1");
    }

    async fn a_refused_new_password_does_not_use_up_the_link(server) {
        server.owner().await;
        let (server, mut mails) = mailing(&server.database).await;
        request_reset(&server, OWNER).await.expect(StatusCode::OK);
        let token = mails.next().await.token("reset-password");
        for password in ["short", OWNER] {
            let body = json!({ "token": token, "newPassword": password });
            let response = server.post("/api/auth/reset-password", body).send().await;
            response.expect(StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(response.body["errors"][0]["pointer"], "/newPassword");
        }
        reset(&server, &token).await.expect(StatusCode::OK);
    }

    async fn superseded_and_expired_links_are_invalid(server) {
        let owner = server.owner().await;
        let (server, mut mails) = mailing(&server.database).await;
        let mut tokens = Vec::new();
        for _ in 0..2 {
            request_reset(&server, OWNER).await.expect(StatusCode::OK);
            tokens.push(mails.next().await.token("reset-password"));
        }
        expect_invalid_token(&reset(&server, &tokens[0]).await);
        expire_tokens(&server.database).await;
        expect_invalid_token(&reset(&server, &tokens[1]).await);

        request_reset(&server, OWNER).await.expect(StatusCode::OK);
        let token = mails.next().await.token("reset-password");
        let change = json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" });
        server.post("/api/auth/change-password", change).bearer(&owner.token).send().await.expect(StatusCode::OK);
        expect_invalid_token(&reset(&server, &token).await);
        assert_eq!(server.database.count("email_links").await, 0);
    }

    async fn requests_for_links_do_not_reveal_accounts(server) {
        server.owner().await;
        let (mailing, mut mails) = mailing(&server.database).await;
        // With mail and without, for an address with an account and one without.
        let mut responses = Vec::new();
        for server in [&server, &mailing] {
            for email in [OTHER, OWNER] {
                responses.push(request_reset(server, email).await);
            }
        }
        for response in &responses {
            response.expect(StatusCode::OK);
            assert_eq!(response.text, responses[0].text);
            assert_eq!(response.header("set-cookie"), "");
        }
        mails.next().await.expect(OWNER, RESET);
        for server in [&server, &mailing] {
            for email in [OTHER, OWNER] {
                let response = server.post("/api/auth/send-verification-email", json!({ "email": email })).send().await;
                response.expect(StatusCode::OK);
                assert_eq!(response.text, r#"{"status":true}"#);
            }
        }
        mails.next().await.expect(OWNER, CONFIRM);
        mails.expect_no_more();
        for path in ["request-password-reset", "send-verification-email"] {
            let response = server.post(&format!("/api/auth/{path}"), json!({ "email": "nobody" })).send().await;
            response.expect(StatusCode::UNPROCESSABLE_ENTITY);
        }
    }

    async fn sign_up_does_not_reveal_accounts(server) {
        let owner = server.owner().await;
        let (server, mut mails) = mailing(&server.database).await;
        let taken = sign_up(&server, OWNER).await;
        mails.next().await.expect(OWNER, IN_USE);
        let free = sign_up(&server, OTHER).await;
        let mail = mails.next().await;
        mail.expect(OTHER, CONFIRM);
        for response in [&taken, &free] {
            response.expect(StatusCode::OK);
            assert_eq!(response.body["token"], Value::Null);
            assert_eq!(response.header("set-cookie"), "");
        }
        assert_ne!(taken.body["user"]["id"], owner.id);
        assert_eq!(taken.body["user"]["id"].as_str().unwrap().len(), owner.id.len());
        assert_eq!(shape(taken.body), shape(free.body.clone()));
        // The existing account is unchanged.
        server.get(&owner.path("")).bearer(&owner.token).send().await.expect(StatusCode::OK);
        assert_eq!(server.database.count("users").await, 1);

        let verified = verify(&server, &mail.token("verify-email")).await;
        verified.expect(StatusCode::OK);
        assert_eq!(verified.body["user"]["id"], free.body["user"]["id"]);
        assert_eq!(verified.body["user"]["emailVerified"], true);
        sign_in(&server, OTHER, PASSWORD).await.expect(StatusCode::OK);
    }

    async fn a_sign_up_has_no_account_until_its_link_is_used(server) {
        let (server, mut mails) = mailing(&server.database).await;
        sign_up(&server, OWNER).await.expect(StatusCode::OK);
        let mail = mails.next().await;
        mail.expect(OWNER, CONFIRM);
        assert!(mail.text.contains("24 hours"), "{}", mail.text);
        let token = mail.token("verify-email");
        // The right and a wrong password are refused alike, as for an address that nobody signed up with.
        let mut refusals = Vec::new();
        for (email, password) in [(OWNER, PASSWORD), (OWNER, "wrong horse battery"), (OTHER, PASSWORD)] {
            let refused = sign_in(&server, email, password).await;
            refused.expect(StatusCode::UNAUTHORIZED);
            refusals.push(refused.text);
        }
        assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");

        let response = verify(&server, &token).await;
        response.expect(StatusCode::OK);
        assert_eq!(response.body["status"], true);
        assert_eq!(response.header("set-cookie"), "");
        expect_invalid_token(&verify(&server, &token).await);
        sign_in(&server, OWNER, PASSWORD).await.expect(StatusCode::OK);
        assert_eq!(events(&server.database).await, ["signed_up", "signed_in"]);

        // No more mails to a verified address.
        server.post("/api/auth/send-verification-email", json!({ "email": OWNER })).send().await.expect(StatusCode::OK);
        request_reset(&server, OWNER).await.expect(StatusCode::OK);
        mails.next().await.expect(OWNER, RESET);
        mails.expect_no_more();
    }

    async fn a_link_confirms_only_with_the_password_of_its_sign_up_or_a_new_one(server) {
        let (server, mut mails) = mailing(&server.database).await;
        // A stranger signs up with the address first; its owner does, later.
        let stranger = json!({ "name": "Stranger", "email": OWNER, "password": "strange horse battery" });
        server.post("/api/auth/sign-up/email", stranger).send().await.expect(StatusCode::OK);
        let strangers = mails.next().await.token("verify-email");
        sign_up(&server, OWNER).await.expect(StatusCode::OK);
        let owners = mails.next().await.token("verify-email");

        for body in [json!({ "token": strangers }), json!({ "token": strangers, "password": "" })] {
            let response = server.post("/api/auth/verify-email", body).send().await;
            response.expect(StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(response.body["errors"][0]["pointer"], "/password");
        }
        let wrong = verify(&server, &strangers).await;
        wrong.expect_invalid("/password");
        assert_eq!(server.database.count("users").await, 0);
        // Neither did opening the link use it up, nor a wrong password.
        verify(&server, &owners).await.expect(StatusCode::OK);
        expect_invalid_token(&verify_anew(&server, &strangers).await);
        sign_in(&server, OWNER, "strange horse battery").await.expect(StatusCode::UNAUTHORIZED);
        let signed_in = sign_in(&server, OWNER, PASSWORD).await;
        signed_in.expect(StatusCode::OK);
        assert_eq!(signed_in.body["user"]["name"], "Owner");
        assert_eq!(server.database.count("pending_sign_ups").await, 0);
    }

    async fn the_link_of_a_strangers_sign_up_accepts_a_new_password(server) {
        let (server, mut mails) = mailing(&server.database).await;
        sign_up(&server, OWNER).await.expect(StatusCode::OK);
        let token = mails.next().await.token("verify-email");
        verify_anew(&server, &token).await.expect(StatusCode::OK);
        sign_in(&server, OWNER, PASSWORD).await.expect(StatusCode::UNAUTHORIZED);
        sign_in(&server, OWNER, NEW_PASSWORD).await.expect(StatusCode::OK);
    }

    async fn a_reset_confirms_a_pending_sign_up_with_a_new_password(server) {
        let (server, mut mails) = mailing(&server.database).await;
        sign_up(&server, OWNER).await.expect(StatusCode::OK);
        let strangers = mails.next().await.token("verify-email");
        request_reset(&server, OWNER).await.expect(StatusCode::OK);
        reset(&server, &mails.next().await.token("reset-password")).await.expect(StatusCode::OK);
        expect_invalid_token(&verify(&server, &strangers).await);
        let signed_in = sign_in(&server, OWNER, NEW_PASSWORD).await;
        signed_in.expect(StatusCode::OK);
        assert_eq!(signed_in.body["user"]["emailVerified"], true);
    }

    async fn a_verification_mail_is_sent_again(server) {
        let (server, mut mails) = mailing(&server.database).await;
        sign_up(&server, OWNER).await.expect(StatusCode::OK);
        mails.next().await;
        server.post("/api/auth/send-verification-email", json!({ "email": OWNER })).send().await.expect(StatusCode::OK);
        let again = mails.next().await;
        again.expect(OWNER, CONFIRM);
        verify(&server, &again.token("verify-email")).await.expect(StatusCode::OK);
        sign_in(&server, OWNER, PASSWORD).await.expect(StatusCode::OK);
    }

    async fn an_account_from_before_mail_verifies_its_email_at_the_next_sign_in(server) {
        let owner = server.owner().await;
        let (server, mut mails) = mailing(&server.database).await;
        let early = sign_in(&server, OWNER, PASSWORD).await;
        early.expect(StatusCode::FORBIDDEN);
        assert_eq!(early.body["code"], "EMAIL_NOT_VERIFIED");
        assert_eq!(early.header("set-cookie"), "");
        let token = mails.next().await.token("verify-email");
        verify(&server, &token).await.expect(StatusCode::OK);
        sign_in(&server, OWNER, PASSWORD).await.expect(StatusCode::OK);
        // Its sessions go on.
        owner.get("").send().await.expect(StatusCode::OK);
        assert_eq!(events(&server.database).await, ["signed_up", "email_verified", "signed_in"]);
    }

    async fn a_reset_of_a_never_verified_account_removes_what_a_stranger_set_up(server) {
        // Before the server sent mail, a stranger created the account and enabled two-factor authentication.
        let stranger = with_two_factor(&server).await;
        let (server, mut mails) = mailing(&server.database).await;
        request_reset(&server, OWNER).await.expect(StatusCode::OK);
        reset(&server, &mails.next().await.token("reset-password")).await.expect(StatusCode::OK);
        server.get(&stranger.user.path("")).bearer(&stranger.user.token).send().await.expect(StatusCode::UNAUTHORIZED);
        let signed_in = sign_in(&server, OWNER, NEW_PASSWORD).await;
        signed_in.expect(StatusCode::OK);
        assert_eq!(signed_in.body["user"]["twoFactorEnabled"], false);
        assert_eq!(server.database.count("recovery_codes").await, 0);
    }

    async fn a_verification_link_expires(server) {
        let (server, mut mails) = mailing(&server.database).await;
        sign_up(&server, OWNER).await.expect(StatusCode::OK);
        let token = mails.next().await.token("verify-email");
        expire_tokens(&server.database).await;
        expect_invalid_token(&verify(&server, &token).await);
    }

    async fn one_time_tokens_are_bound_to_their_purpose(server) {
        let owner = server.owner().await;
        let (server, mut mails) = mailing(&server.database).await;
        request_reset(&server, OWNER).await.expect(StatusCode::OK);
        let for_reset = mails.next().await.token("reset-password");
        server.post("/api/auth/send-verification-email", json!({ "email": OWNER })).send().await.expect(StatusCode::OK);
        let to_verify = mails.next().await.token("verify-email");
        change_email(&server, &owner.token, OTHER).await.expect(StatusCode::OK);
        let (mail, _) = mails.next_two(OTHER).await;
        let to_change = mail.token("confirm-email-change");

        for token in [&for_reset, &to_change] {
            expect_invalid_token(&verify(&server, token).await);
        }
        for token in [&for_reset, &to_verify] {
            expect_invalid_token(&confirm_change(&server, token).await);
        }
        for token in [&for_reset, &to_verify, &to_change] {
            expect_invalid_token(&undo(&server, token).await);
        }
        let session = owner.cookie.split(['=', '.']).nth(1).unwrap();
        for token in [&for_reset, &to_verify, &to_change] {
            let list = server.get(&owner.path("")).bearer(token).send().await;
            list.expect(StatusCode::UNAUTHORIZED);
            for cookie in [format!("docket_refresh={token}"), format!("docket_refresh={session}.{token}")] {
                let renewal = server.post("/api/auth/refresh", json!({})).header("cookie", &cookie).send().await;
                renewal.expect(StatusCode::UNAUTHORIZED);
            }
        }
        for token in [&to_verify, &to_change, &owner.token, &"".to_owned()] {
            expect_invalid_token(&reset(&server, token).await);
        }
        expect_invalid_token(&verify(&server, &owner.token).await);
        // The refused attempts did not use the tokens up.
        assert_eq!((server.database.count("one_time_tokens").await, server.database.count("email_links").await), (1, 2));
        confirm_change(&server, &to_change).await.expect(StatusCode::OK);
        // These were sent to the previous address.
        expect_invalid_token(&verify(&server, &to_verify).await);
        expect_invalid_token(&reset(&server, &for_reset).await);
    }

    async fn one_time_tokens_are_stored_as_hashes(server) {
        server.owner().await;
        let (server, mut mails) = mailing(&server.database).await;
        request_reset(&server, OWNER).await.expect(StatusCode::OK);
        let token = mails.next().await.token("reset-password");
        assert_eq!(token.len(), 43);
        let sqlite = server.database.url.starts_with("sqlite:");
        let column = if sqlite { "hex(hash)" } else { "encode(hash, 'hex')" };
        let kept = &server.database.rows(&format!("SELECT lower({column}) FROM email_links")).await[0][0];
        let text: String = token.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(kept.len(), 64);
        assert_ne!(*kept, text[..64]);
    }

    async fn a_new_email_takes_effect_when_its_link_is_opened(server) {
        let owner = server.owner().await;
        let (server, mut mails) = mailing(&server.database).await;
        change_email(&server, &owner.token, " Other@Example.com").await.expect(StatusCode::OK);
        let (new, old) = mails.next_two(OTHER).await;
        new.expect(OTHER, CONFIRM_NEW);
        assert!(new.text.contains("24 hours"), "{}", new.text);
        old.expect(OWNER, WILL_CHANGE);
        assert!(old.text.contains(OTHER) && !old.text.contains("token="), "{}", old.text);
        let rows = server.database.rows("SELECT email FROM users").await;
        assert_eq!(rows, [[OWNER]]);

        // The change makes links to the old address invalid.
        request_reset(&server, OWNER).await.expect(StatusCode::OK);
        let stale = mails.next().await.token("reset-password");
        let token = new.token("confirm-email-change");
        let response = confirm_change(&server, &token).await;
        response.expect(StatusCode::OK);
        assert_eq!(response.body["user"]["email"], OTHER);
        assert_eq!(response.body["user"]["emailVerified"], true);
        expect_invalid_token(&confirm_change(&server, &token).await);
        expect_invalid_token(&reset(&server, &stale).await);
        sign_in(&server, OWNER, PASSWORD).await.expect(StatusCode::UNAUTHORIZED);
        sign_in(&server, OTHER, PASSWORD).await.expect(StatusCode::OK);
        let expected = ["signed_up", "email_change_requested", "password_reset_requested", "email_changed", "signed_in"];
        assert_eq!(events(&server.database).await, expected);
    }

    async fn a_change_of_email_does_not_reveal_accounts(server) {
        let owner = server.owner().await;
        let (mailing, mut mails) = mailing(&server.database).await;
        let free = change_email(&mailing, &owner.token, OTHER).await;
        let (mail, _) = mails.next_two(OTHER).await;
        let token = mail.token("confirm-email-change");
        server.user(OTHER).await;
        let late = confirm_change(&mailing, &token).await;
        late.expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(late.body["code"], "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
        let taken = change_email(&mailing, &owner.token, OTHER).await;
        let (notice, _) = mails.next_two(OTHER).await;
        notice.expect(OTHER, IN_USE);
        assert_eq!((free.status, free.text), (taken.status, taken.text));
        sign_in(&server, OWNER, PASSWORD).await.expect(StatusCode::OK);
    }

    async fn a_change_of_email_ends_with_the_session_that_asked(server) {
        for revocation in ["revoke-sessions", "revoke-session", "sign-out", "revoke-other-sessions", "change-password"] {
            let server = server.another(&[]).await;
            server.database.execute("DELETE FROM users").await;
            let owner = server.owner().await;
            let elsewhere = sign_in(&server, OWNER, PASSWORD).await;
            let elsewhere = elsewhere.body["token"].as_str().unwrap();
            let (server, mut mails) = mailing(&server.database).await;
            change_email(&server, &owner.token, OTHER).await.expect(StatusCode::OK);
            let (mail, _) = mails.next_two(OTHER).await;
            let session = owner.cookie.split(['=', '.']).nth(1).unwrap();
            let (by, body) = match revocation {
                "revoke-session" => (elsewhere, json!({ "token": session })),
                "change-password" => (elsewhere, json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD })),
                "sign-out" => (owner.token.as_str(), json!({})),
                _ => (elsewhere, json!({})),
            };
            server.post(&format!("/api/auth/{revocation}"), body).bearer(by).send().await.expect(StatusCode::OK);
            expect_invalid_token(&confirm_change(&server, &mail.token("confirm-email-change")).await);
        }
    }

    async fn signing_out_everywhere_voids_links_and_pending_sign_ins(server) {
        let owner = with_two_factor(&server).await;
        for revocation in ["revoke-other-sessions", "revoke-sessions"] {
            let (server, mut mails) = mailing(&server.database).await;
            server.database.execute("UPDATE users SET email_verified = TRUE").await;
            request_reset(&server, OWNER).await.expect(StatusCode::OK);
            let link = mails.next().await.token("reset-password");
            let pending = sign_in(&server, OWNER, PASSWORD).await.cookie_of("docket_two_factor");
            server.post(&format!("/api/auth/{revocation}"), json!({})).bearer(&owner.user.token).send().await.expect(StatusCode::OK);
            expect_invalid_token(&reset(&server, &link).await);
            by_app(&server, &pending, &code(&owner.app, 0)).await.expect(StatusCode::UNAUTHORIZED);
        }
    }

    async fn a_changed_address_is_restored_from_the_previous_one(server) {
        let owner = server.owner().await;
        let (server, mut mails) = mailing(&server.database).await;
        server.database.execute("UPDATE users SET email_verified = TRUE").await;
        // A thief of the session changes the address twice and the password, and enables two-factor authentication.
        change_email(&server, &owner.token, OTHER).await.expect(StatusCode::OK);
        let (mail, _) = mails.next_two(OTHER).await;
        confirm_change(&server, &mail.token("confirm-email-change")).await.expect(StatusCode::OK);
        let notice = mails.next().await;
        notice.expect(OWNER, CHANGED);
        assert!(notice.text.contains("7 days"), "{}", notice.text);
        let link = notice.token("undo-email-change");
        change_email(&server, &owner.token, "third@example.com").await.expect(StatusCode::OK);
        let (mail, _) = mails.next_two("third@example.com").await;
        confirm_change(&server, &mail.token("confirm-email-change")).await.expect(StatusCode::OK);
        let thiefs = mails.next().await.token("undo-email-change");
        let (app, _) = set_up(&server, &owner.token).await;
        let on = turn_on(&server, &owner.token, &code(&app, 0)).await;
        on.expect(StatusCode::OK);

        let weak = json!({ "token": link, "newPassword": "short" });
        server.post("/api/auth/undo-email-change", weak).send().await.expect(StatusCode::UNPROCESSABLE_ENTITY);
        let response = undo(&server, &link).await;
        response.expect(StatusCode::OK);
        server.get(&owner.path("")).bearer(on.body["token"].as_str().unwrap()).send().await.expect(StatusCode::UNAUTHORIZED);
        let signed_in = sign_in(&server, OWNER, NEW_PASSWORD).await;
        signed_in.expect(StatusCode::OK);
        assert_eq!(signed_in.body["user"]["id"], owner.id);
        assert_eq!(signed_in.body["user"]["twoFactorEnabled"], false);
        for token in [&link, &thiefs] {
            expect_invalid_token(&undo(&server, token).await);
        }
        assert_eq!(server.database.count("one_time_tokens").await, 0);
    }

    async fn undoing_a_second_change_leaves_the_link_of_the_first_address(server) {
        let owner = server.owner().await;
        let (server, mut mails) = mailing(&server.database).await;
        server.database.execute("UPDATE users SET email_verified = TRUE").await;
        let mut links = Vec::new();
        for address in [OTHER, "third@example.com"] {
            change_email(&server, &owner.token, address).await.expect(StatusCode::OK);
            let (mail, _) = mails.next_two(address).await;
            confirm_change(&server, &mail.token("confirm-email-change")).await.expect(StatusCode::OK);
            links.push(mails.next().await.token("undo-email-change"));
        }
        // The thief's own link must not revoke that of the owner.
        undo(&server, &links[1]).await.expect(StatusCode::OK);
        let own = json!({ "token": links[0], "newPassword": "owner@example.com" });
        server.post("/api/auth/undo-email-change", own).send().await.expect_invalid("/newPassword");
        undo(&server, &links[0]).await.expect(StatusCode::OK);
        let signed_in = sign_in(&server, OWNER, NEW_PASSWORD).await;
        signed_in.expect(StatusCode::OK);
        assert_eq!(signed_in.body["user"]["id"], owner.id);
    }

    async fn a_new_password_and_signing_out_everywhere_cancel_an_incomplete_two_factor_setup(server) {
        let owner = server.owner().await;
        let (mailing, mut mails) = mailing(&server.database).await;
        let mut token = owner.token.clone();
        for by_reset in [true, false] {
            // Somebody who knows the old password keeps the secret, and later steals an access token.
            let (app, _) = set_up(&server, &token).await;
            if by_reset {
                request_reset(&mailing, OWNER).await.expect(StatusCode::OK);
                let link = mails.next().await.token("reset-password");
                let body = json!({ "token": link, "newPassword": PASSWORD });
                mailing.post("/api/auth/reset-password", body).send().await.expect(StatusCode::OK);
                mails.next().await.expect(OWNER, WAS_RESET);
            } else {
                server.post("/api/auth/revoke-sessions", json!({})).bearer(&token).send().await.expect(StatusCode::OK);
            }
            token = sign_in(&server, OWNER, PASSWORD).await.body["token"].as_str().unwrap().to_owned();
            let refused = turn_on(&server, &token, &code(&app, 0)).await;
            refused.expect_problem(StatusCode::BAD_REQUEST, "two_factor_off");
            assert_eq!(server.database.count("recovery_codes").await, 0);
        }
    }

    async fn a_link_that_undoes_a_change_outlives_a_new_password_and_expires(server) {
        let owner = server.owner().await;
        let (server, mut mails) = mailing(&server.database).await;
        server.database.execute("UPDATE users SET email_verified = TRUE").await;
        change_email(&server, &owner.token, OTHER).await.expect(StatusCode::OK);
        let (mail, _) = mails.next_two(OTHER).await;
        confirm_change(&server, &mail.token("confirm-email-change")).await.expect(StatusCode::OK);
        let link = mails.next().await.token("undo-email-change");
        let change = json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" });
        server.post("/api/auth/change-password", change).bearer(&owner.token).send().await.expect(StatusCode::OK);
        let expiry = server.database.rows("SELECT CAST(expires_at AS TEXT) FROM one_time_tokens").await;
        assert_eq!(expiry.len(), 1);
        // Whoever has the address by now keeps it.
        server.database.execute("UPDATE users SET email = 'moved@example.com'; INSERT INTO users (id, name, email, created_at, updated_at) SELECT 'other', '', 'owner@example.com', created_at, updated_at FROM users").await;
        let taken = undo(&server, &link).await;
        assert_eq!(taken.body["code"], "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
        server.database.execute("DELETE FROM users WHERE id = 'other'").await;
        expire_tokens(&server.database).await;
        expect_invalid_token(&undo(&server, &link).await);
    }

    async fn a_change_of_email_requires_a_fresh_session_and_a_different_email(server) {
        let owner = server.owner().await;
        change_email(&server, "nonsense", OTHER).await.expect(StatusCode::UNAUTHORIZED);
        let same = change_email(&server, &owner.token, "OWNER@example.com").await;
        same.expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(same.body["errors"][0]["pointer"], "/newEmail");
        server.database.execute("UPDATE sessions SET authenticated_at = '2001-01-01T00:00:00+00:00'").await;
        let old = change_email(&server, &owner.token, OTHER).await;
        old.expect(StatusCode::FORBIDDEN);
        assert_eq!(old.body["code"], "SESSION_NOT_FRESH");
    }

    async fn without_mail_a_change_of_email_takes_effect_immediately(server) {
        let owner = server.owner().await;
        server.user("third@example.com").await;
        let taken = change_email(&server, &owner.token, "third@example.com").await;
        taken.expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(taken.body["errors"][0]["pointer"], "/newEmail");
        change_email(&server, &owner.token, OTHER).await.expect(StatusCode::OK);
        let response = sign_in(&server, OTHER, PASSWORD).await;
        response.expect(StatusCode::OK);
        assert_eq!(response.body["user"]["emailVerified"], false);
        assert_eq!(events(&server.database).await, ["signed_up", "signed_up", "email_changed", "signed_in"]);
    }

    async fn capabilities_say_whether_the_server_sends_mail(server) {
        let (mailing, _mails) = mailing(&server.database).await;
        for (server, mail) in [(&server, false), (&mailing, true)] {
            let response = server.get("/api/auth/capabilities").send().await;
            response.expect(StatusCode::OK);
            assert_eq!(response.body, json!({ "mail": mail, "passwordMinLength": 8 }));
        }
    }

    async fn mail_is_rate_limited_by_recipient(server) {
        server.owner().await;
        let (server, mut mails) = mailing_with(&server.database, &["--rate-limit", "on"]).await;
        // With an account and without.
        for email in [OWNER, OTHER] {
            for _ in 0..5 {
                request_reset(&server, email).await.expect(StatusCode::OK);
            }
            let response = request_reset(&server, email).await;
            response.expect(StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(response.header("ratelimit-policy"), "\"mail-to-account\";q=5;w=3600");
        }
        for _ in 0..5 {
            mails.next().await.expect(OWNER, RESET);
        }
        mails.expect_no_more();
    }

    async fn an_unresponsive_mail_server_does_not_delay_requests(server) {
        server.owner().await;
        // It never accepts a connection.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = sending_to(&server.database, &silent.local_addr().unwrap().to_string(), &[]).await;
        let soon = Duration::from_secs(8);
        let response = tokio::time::timeout(soon, request_reset(&server, OWNER)).await;
        response.expect("the request waits for the mail server").expect(StatusCode::OK);
    }

    async fn smtp_credentials_are_sent(server) {
        server.owner().await;
        let mut mails = Sink::start().await;
        let server = sending_to(&server.database, &format!("docket:p%40ss@{}", mails.address), &[]).await;
        request_reset(&server, OWNER).await.expect(StatusCode::OK);
        assert_eq!(mails.next().await.credentials, BASE64_STANDARD.encode("\0docket\0p@ss"));
    }

    async fn mail_is_retried_when_the_mail_server_is_unreachable(server) {
        server.owner().await;
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let server = sending_to(&server.database, &address.to_string(), &[]).await;
        request_reset(&server, OWNER).await.expect(StatusCode::OK);
        let mut mails = Sink::at(address).await;
        request_reset(&server, OWNER).await.expect(StatusCode::OK);
        // The second mail arrives first, the first one when it is retried; only the latest link works.
        let mails = [mails.next().await, mails.next().await];
        let mut worked = 0;
        for mail in mails {
            mail.expect(OWNER, RESET);
            worked += usize::from(reset(&server, &mail.token("reset-password")).await.status == StatusCode::OK);
        }
        assert_eq!(worked, 1);
    }

    async fn reset_password_command_prints_a_link_that_works_once(server) {
        let owner = server.owner().await;
        let printed = reset_password_command(&server.database, "Owner@example.com").await;
        assert_eq!(printed.code, Some(0), "{printed:?}");
        let token = printed.stdout.strip_prefix("https://tasks.example.com/reset-password#token=").unwrap();
        let token = token.strip_suffix('\n').unwrap();
        reset(&server, token).await.expect(StatusCode::OK);
        expect_invalid_token(&reset(&server, token).await);
        owner.get("").send().await.expect(StatusCode::UNAUTHORIZED);
        let response = sign_in(&server, OWNER, NEW_PASSWORD).await;
        response.expect(StatusCode::OK);
        // A link from the command line does not verify the address.
        assert_eq!(response.body["user"]["emailVerified"], false);
        assert_eq!(events(&server.database).await, ["signed_up", "password_reset_requested", "password_reset", "signed_in"]);
    }

    async fn reset_password_command_explains_an_unknown_account(server) {
        for email in [OTHER, "nobody"] {
            let refused = reset_password_command(&server.database, email).await;
            assert_eq!(refused.code, Some(1));
            assert!(refused.stdout.is_empty());
            assert!(refused.stderr.contains("DATABASE_URL") || refused.stderr.contains("name@example.com"), "{refused:?}");
        }
    }
}

on_both_databases! {
    async fn reset_password_command_refuses_another_schema_version(server) {
        server.owner().await;
        let steps = server.database.count("_sqlx_migrations").await;
        server.database.add_migration(9999).await;
        let refused = reset_password_command(&server.database, OWNER).await;
        assert!(refused.code == Some(1) && refused.stderr.contains("database is newer"), "{refused:?}");

        let last = "version = (SELECT max(version) FROM _sqlx_migrations)";
        for _ in 0..2 {
            server.database.execute(&format!("DELETE FROM _sqlx_migrations WHERE {last}")).await;
        }
        let refused = reset_password_command(&server.database, OWNER).await;
        assert!(refused.code == Some(1) && refused.stderr.contains("database is older"), "{refused:?}");
        assert_eq!(server.database.count("_sqlx_migrations").await, steps - 1);
        assert_eq!(server.database.count("one_time_tokens").await, 0);

        server.database.execute("DROP TABLE _sqlx_migrations").await;
        let refused = reset_password_command(&server.database, OWNER).await;
        assert!(refused.code == Some(1) && refused.stderr.contains("no server has started"), "{refused:?}");
    }
}

/// Runs `docket reset-password`.
async fn reset_password_command(database: &Database, email: &str) -> Output {
    let mut command = docket();
    command
        .args(["reset-password", email])
        .env("DATABASE_URL", &database.url)
        .env("BETTER_AUTH_URL", "https://tasks.example.com");
    run(command).await
}

#[tokio::test]
async fn reset_password_command_creates_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("docket.db");
    let database = Database::at(format!("sqlite://{}", file.display()));
    let refused = reset_password_command(&database, OWNER).await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("docket.db") && refused.stderr.contains("DATABASE_URL"),
        "{refused:?}"
    );
    assert!(!file.exists());
}

#[tokio::test]
async fn invalid_mail_settings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("docket.db").display());
    let from = [
        "--mail-from",
        "docket@example.com",
        "--better-auth-url",
        "https://tasks.example",
    ];
    let cases: [(&str, &[&str], &str); 13] = [
        ("smtps://owner:hidden@mail.example.com", &[], "MAIL_FROM"),
        (
            "smtps://owner:hidden@mail.example.com",
            &["--mail-from", "nobody", "--better-auth-url", "https://tasks.example"],
            "MAIL_FROM",
        ),
        ("owner:hidden@mail.example.com", &from, "SMTP_URL must look like"),
        ("", &from, "SMTP_URL must look like"),
        ("smtp://owner:hidden@mail.example.com", &from, "unencrypted"),
        ("SMTP://owner:hidden@mail.example.com", &from, "unencrypted"),
        (
            "smtp://owner:hidden@mail.example.com?note=tls=required",
            &from,
            "unencrypted",
        ),
        // Mails contain links that are as good as a password, so they are encrypted even if the server needs no password.
        ("smtp://mail.example.com", &from, "unencrypted"),
        ("smtp://mail.example.com:587?tls=opportunistic", &from, "unencrypted"),
        ("smtp://10.0.0.1", &from, "unencrypted"),
        ("smtp://localhost.example.com", &from, "unencrypted"),
        (
            "smtps://owner:hidden@mail.example.com",
            &["--mail-from", "docket@example.com"],
            "BETTER_AUTH_URL",
        ),
        (
            "smtp://127.0.0.1:25",
            &["--mail-from", "docket@example.com"],
            "BETTER_AUTH_URL",
        ),
    ];
    for (url, flags, advice) in cases {
        let fixed = ["--database-url", &database, "--smtp-url", url];
        let config = config(fixed.iter().chain(flags).copied()).unwrap();
        let Err(error) = docket::app(&config, docket::serve::Draining::default()).await else {
            panic!("it started with {url}")
        };
        let text = error.to_string();
        assert!(text.contains(advice) && !text.contains("hidden"), "{text}");
        assert!(!format!("{config:?}").contains("hidden"));
    }
    for url in [
        "smtp://localhost",
        "smtp://127.0.0.1:2525",
        "smtp://127.0.0.2",
        "smtp://[::1]:25",
        "smtp://mail.example.com?tls=required",
    ] {
        let config = config(["--smtp-url", url].iter().chain(&from).copied()).unwrap();
        assert!(config.smtp().unwrap().is_some(), "{url}");
    }
}
