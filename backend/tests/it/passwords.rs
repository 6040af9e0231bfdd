//! Password rules, and the cost and the queue of hashing.

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Database, PASSWORD, Response, Server, config, on_both_databases};

async fn sign_up(server: &Server, password: &str) -> Response {
    let account = json!({ "name": "Owner", "email": "owner@example.com", "password": password });
    server.post("/api/auth/sign-up/email", account).send().await
}

async fn sign_in(server: &Server, password: &str) -> Response {
    let credentials = json!({ "email": "owner@example.com", "password": password });
    server.post("/api/auth/sign-in/email", credentials).send().await
}

/// Two client addresses, as a proxy reports them.
const HERE: &str = "198.51.100.7";
const THERE: &str = "203.0.113.9";

/// Signs in from `address`, as reported by the proxy.
async fn sign_in_from(server: &Server, address: &str, email: &str) -> Response {
    let credentials = json!({ "email": email, "password": PASSWORD });
    let request = server.post("/api/auth/sign-in/email", credentials);
    request.header("x-forwarded-for", address).send().await
}

/// Sign-ins of 300 accounts from `address`.
fn flood<'a>(server: &'a Server, address: &'a str) -> impl Iterator<Item = impl Future<Output = Response>> {
    (0..300).map(async move |number| {
        let email = format!("nobody-{number}@example.com");
        sign_in_from(server, address, &email).await
    })
}

/// The first response that says that the queue is full.
async fn first_busy(waiting: &mut FuturesUnordered<impl Future<Output = Response>>) -> Response {
    loop {
        let response = waiting.next().await.expect("the queue is never full");
        if response.status == StatusCode::SERVICE_UNAVAILABLE {
            return response;
        }
    }
}

#[track_caller]
fn expect_refused(response: &Response, pointer: &str, advice: &str) {
    response.expect(StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(response.body["code"], "VALIDATION_ERROR");
    assert_eq!(response.body["errors"][0]["pointer"], pointer);
    let message = response.body["message"].as_str().unwrap();
    assert!(message.contains(advice), "{message}");
}

/// The stored hash of the only account.
async fn stored(server: &Server) -> String {
    server.database.rows("SELECT password_hash FROM users").await[0][0].clone()
}

on_both_databases! {
    async fn passwords_that_are_easy_to_guess_are_refused(server) {
        for password in [
            "password", "12345678", "qwertyuiop", "iloveyou", "PassWord1", "TRUSTNO1", "sunshine1", "greyhoun",
            "Passw0rd!", "password1234", "letmein123", "Welcome123!", "P@ssw0rd2026", "Summer2025!", "qwertyuiop[]",
            "abcdefgh12345678", "aaaaaaaaaaaaaaaa", "hunter2hunter2",
        ] {
            expect_refused(&sign_up(&server, password).await, "/password", "unrelated words");
        }
        sign_up(&server, "password with three more words").await.expect(StatusCode::OK);
    }

    async fn eight_random_characters_are_accepted(server) {
        sign_up(&server, "k7#mQ2xL").await.expect(StatusCode::OK);
    }

    async fn the_name_the_address_and_the_product_are_easy_to_guess(server) {
        let account = |password: &str| json!({
            "name": "Jurgita Kazlauskienė", "email": "vidmantas.petrauskas@brauerei.example", "password": password,
        });
        for password in [
            "docket123", "D0cket!2026", "docketdocket", "tekcod2026", "Jurgita1987", "kazlauskien\u{117}!", "petrauskas77",
            "vidmantasbrauerei", "Br4uere1!",
        ] {
            let response = server.post("/api/auth/sign-up/email", account(password)).send().await;
            expect_refused(&response, "/password", "unrelated words");
        }
        let strong = "petrauskas yellow bicycle docket";
        server.post("/api/auth/sign-up/email", account(strong)).send().await.expect(StatusCode::OK);
    }

    async fn breached_passwords_are_refused(server) {
        // They look random, but are on the list, the last in another case.
        for password in ["L8cJy83u3B", "kecO0GU558", "w7dy287ktshn"] {
            expect_refused(&sign_up(&server, password).await, "/password", "breached");
        }
        sign_up(&server, "L8cJy83u3C").await.expect(StatusCode::OK);
    }

    async fn the_longest_password_is_estimated_by_its_first_32_characters(server) {
        let owner = server.owner().await;
        let change = |password: String| {
            let change = json!({ "currentPassword": PASSWORD, "newPassword": password });
            server.post("/api/auth/change-password", change).bearer(&owner.token).send()
        };
        let common = "password".repeat(4);
        expect_refused(&change(format!("{common}{}", "k7#mQ2xL".repeat(12))).await, "/newPassword", "unrelated words");
        change(format!("k7#mQ2xL{}", "password".repeat(15))).await.expect(StatusCode::OK);
    }

    async fn change_password_applies_the_same_rules(server) {
        let owner = server.owner().await;
        let change = |password: &'static str| {
            let change = json!({ "currentPassword": PASSWORD, "newPassword": password });
            server.post("/api/auth/change-password", change).bearer(&owner.token).send()
        };
        expect_refused(&change("football").await, "/newPassword", "unrelated words");
        expect_refused(&change("OWNER@example.com").await, "/newPassword", "your e-mail");
        sign_in(&server, PASSWORD).await.expect(StatusCode::OK);
        change("staple battery horse").await.expect(StatusCode::OK);
    }

    async fn the_minimum_password_length_is_configurable(server, "--password-min-length", "15") {
        expect_refused(&sign_up(&server, "fourteen words").await, "/password", "15 characters");
        sign_up(&server, "fifteen letters").await.expect(StatusCode::OK);
        // Existing shorter passwords still work for sign-in.
        sign_in(&server, "short").await.expect(StatusCode::UNAUTHORIZED);
    }

    async fn sign_in_rehashes_a_password_with_another_cost(
        server,
        "--argon2-memory-kib", "7168", "--argon2-iterations", "3"
    ) {
        server.owner().await;
        let before = stored(&server).await;
        assert!(before.starts_with("$argon2id$v=19$m=7168,t=3,p=1$"), "{before}");
        sign_in(&server, PASSWORD).await.expect(StatusCode::OK);
        assert_eq!(stored(&server).await, before);

        let other = Server::start(Database::at(server.database.url.clone()), &["--argon2-lanes", "2"]).await;
        sign_in(&other, "a wrong password").await.expect(StatusCode::UNAUTHORIZED);
        assert_eq!(stored(&other).await, before);
        sign_in(&other, PASSWORD).await.expect(StatusCode::OK);
        let after = stored(&other).await;
        assert!(after.starts_with("$argon2id$v=19$m=19456,t=2,p=2$"), "{after}");
        sign_in(&other, PASSWORD).await.expect(StatusCode::OK);
        assert_eq!(stored(&other).await, after);
    }

    async fn a_full_hashing_queue_is_503_and_other_requests_are_served(server, "--argon2-iterations", "16") {
        let owner = server.owner().await;
        owner.task("Water the plants").await;
        let mut waiting: FuturesUnordered<_> = flood(&server, HERE).collect();
        let busy = first_busy(&mut waiting).await;
        assert_eq!(busy.body["code"], "BUSY");
        assert_eq!(busy.header("retry-after"), "1");
        assert_eq!(owner.titles("").await, ["Water the plants"]);
        assert!(waiting.len() > 200, "the queue is no longer full");
    }

    async fn a_client_that_fills_the_hashing_queue_does_not_delay_another_network(
        server, "--argon2-iterations", "16", "--trusted-proxies", "127.0.0.1"
    ) {
        server.owner().await;
        let mut waiting: FuturesUnordered<_> = flood(&server, HERE).collect();
        first_busy(&mut waiting).await;
        sign_in_from(&server, THERE, "owner@example.com").await.expect(StatusCode::OK);
        while waiting.next().now_or_never().is_some() {}
        assert!(waiting.len() > 200, "the sign-in waited for those of the other network");
    }

    async fn an_account_that_signs_in_everywhere_does_not_fill_the_hashing_queue(
        server, "--argon2-iterations", "16", "--trusted-proxies", "127.0.0.1"
    ) {
        server.owner().await;
        server.user("other@example.com").await;
        let server = &server;
        let flood = (0..300).map(|number| async move {
            let address = format!("192.0.{}.{}", number / 200, number % 200);
            sign_in_from(server, &address, "owner@example.com").await
        });
        let mut waiting: FuturesUnordered<_> = flood.collect();
        first_busy(&mut waiting).await;
        // Elsewhere, and in a network of the flood.
        sign_in_from(server, THERE, "other@example.com").await.expect(StatusCode::OK);
        sign_in_from(server, "192.0.0.0", "other@example.com").await.expect(StatusCode::OK);
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    for (flag, values) in [
        ("--password-min-length", ["7", "129"]),
        ("--argon2-memory-kib", ["7167", "1048577"]),
        ("--argon2-iterations", ["0", "17"]),
        ("--argon2-lanes", ["0", "17"]),
        ("--rate-limit", ["maybe", ""]),
        ("--trusted-proxies", ["everyone", "10.0.0.0/33"]),
    ] {
        for value in values {
            let error = config([flag, value]).unwrap_err();
            assert!(error.to_string().contains(flag), "{error}");
        }
    }
}
