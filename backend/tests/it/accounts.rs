//! Signing up, in, out, and staying signed in.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, PASSWORD, Server, on_both_databases};

async fn sign_in(server: &Server, email: &str, password: &str) -> Answer {
    server
        .post(
            "/api/auth/sign-in/email",
            json!({ "email": email, "password": password }),
        )
        .send()
        .await
}

async fn refresh(server: &Server, cookie: &str) -> Answer {
    server
        .post("/api/auth/refresh", json!({}))
        .header("cookie", cookie)
        .send()
        .await
}

async fn session_of(server: &Server, token: &str) -> Answer {
    server.get("/api/auth/get-session").bearer(token).send().await
}

on_both_databases! {
    async fn signing_up_makes_an_account_and_signs_in(server) {
        let account = json!({ "name": " Owner ", "email": " Owner@Example.COM ", "password": PASSWORD });
        let answer = server.post("/api/auth/sign-up/email", account).send().await;
        answer.expect(StatusCode::OK);
        let user = &answer.body["user"];
        assert_eq!(user["name"], "Owner");
        assert_eq!(user["email"], "owner@example.com");
        assert_eq!(user["emailVerified"], false);
        assert_eq!(user["image"], Value::Null);
        assert!(!answer.text.contains("assword"), "{}", answer.text);

        let token = answer.body["token"].as_str().unwrap();
        let current = session_of(&server, token).await;
        current.expect(StatusCode::OK);
        assert_eq!(current.body["user"], *user);
        assert_eq!(current.body["session"]["userId"], user["id"]);
        assert_eq!(current.body["session"]["ipAddress"], "127.0.0.1");

        assert_eq!(answer.header("cache-control"), "no-store");
        let cookie = answer.set_cookie("docket_refresh");
        for part in ["HttpOnly", "SameSite=Strict", "Path=/api/auth", "Max-Age=604800"] {
            assert!(cookie.contains(part), "{cookie}");
        }
    }

    async fn signing_in_works_in_any_letter_case_and_form(server) {
        server.user("owner@example.com").await;
        for email in ["owner@example.com", "  OWNER@Example.com ", "ｏｗｎｅｒ@example.com"] {
            let answer = sign_in(&server, email, PASSWORD).await;
            answer.expect(StatusCode::OK);
            assert_eq!(answer.body["redirect"], false);
            assert_eq!(answer.body["user"]["email"], "owner@example.com");
            session_of(&server, answer.body["token"].as_str().unwrap()).await.expect(StatusCode::OK);
        }
    }

    async fn a_wrong_password_and_an_unknown_address_get_the_same_answer(server) {
        server.user("owner@example.com").await;
        let wrong = sign_in(&server, "owner@example.com", "wrong horse battery").await;
        let unknown = sign_in(&server, "nobody@example.com", PASSWORD).await;
        wrong.expect_problem(StatusCode::UNAUTHORIZED, "invalid_credentials");
        assert_eq!(wrong.body, unknown.body);
        assert_eq!(wrong.header("set-cookie"), "");
    }

    async fn an_address_has_one_account(server) {
        server.user("owner@example.com").await;
        let again = json!({ "name": "Other", "email": "OWNER@example.com", "password": "another password" });
        let answer = server.post("/api/auth/sign-up/email", again).send().await;
        answer.expect_problem(StatusCode::UNPROCESSABLE_ENTITY, "email_taken");
        assert_eq!(answer.body["errors"][0]["pointer"], "/email");
        sign_in(&server, "owner@example.com", PASSWORD).await.expect(StatusCode::OK);
    }

    async fn signing_out_ends_the_session_at_once(server) {
        let owner = server.owner().await;
        let other = sign_in(&server, "owner@example.com", PASSWORD).await;
        let answer = server.post("/api/auth/sign-out", json!({})).bearer(&owner.token).send().await;
        answer.expect(StatusCode::OK);
        assert_eq!(answer.body, json!({ "success": true }));
        assert!(answer.header("set-cookie").contains("Max-Age=0"));
        owner.get("").send().await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        refresh(&server, &owner.cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        assert_eq!(session_of(&server, &owner.token).await.text, "null");
        // The other device stays signed in, and signing out again is fine.
        assert_ne!(session_of(&server, other.body["token"].as_str().unwrap()).await.text, "null");
        server.post("/api/auth/sign-out", json!({})).bearer(&owner.token).send().await.expect(StatusCode::OK);
    }

    async fn the_cookie_alone_signs_out_too(server) {
        let owner = server.owner().await;
        server.post("/api/auth/sign-out", json!({})).header("cookie", &owner.cookie).send().await.expect(StatusCode::OK);
        owner.get("").send().await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
    }

    async fn another_web_site_signs_nobody_out(server) {
        let owner = server.owner().await;
        let sign_out = server.post("/api/auth/sign-out", json!({})).header("cookie", &owner.cookie);
        let answer = sign_out.header("origin", "http://evil.example").send().await;
        answer.expect(StatusCode::OK);
        assert_eq!(answer.header("set-cookie"), "");
        refresh(&server, &owner.cookie).await.expect(StatusCode::OK);
    }

    async fn a_made_up_cookie_signs_nobody_out(server) {
        let owner = server.owner().await;
        // The session's id is no secret: it stands in its access tokens.
        let session = owner.cookie.split('.').next().unwrap();
        let forged = format!("{session}.{}.{}", "A".repeat(22), "A".repeat(43));
        server.post("/api/auth/sign-out", json!({})).header("cookie", &forged).send().await.expect(StatusCode::OK);
        refresh(&server, &forged).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        owner.get("").send().await.expect(StatusCode::OK);
        refresh(&server, &owner.cookie).await.expect(StatusCode::OK);
    }

    async fn there_is_no_session_without_a_valid_token(server) {
        for request in [
            server.get("/api/auth/get-session"),
            server.get("/api/auth/get-session").bearer("nonsense"),
            server.get("/api/auth/get-session").header("authorization", "Basic abc"),
        ] {
            let answer = request.send().await;
            answer.expect(StatusCode::OK);
            assert_eq!(answer.text, "null");
        }
    }

    async fn a_session_renews_with_a_new_cookie_each_time(server) {
        let owner = server.owner().await;
        let mut cookie = owner.cookie.clone();
        for _ in 0..3 {
            let answer = refresh(&server, &cookie).await;
            answer.expect(StatusCode::OK);
            assert_eq!(answer.body["user"]["id"], owner.id);
            let token = answer.body["token"].as_str().unwrap();
            server.get(&owner.path("")).bearer(token).send().await.expect(StatusCode::OK);
            assert_ne!(answer.cookie(), cookie);
            cookie = answer.cookie();
        }
    }

    async fn an_old_cookie_ends_the_whole_session(server) {
        let owner = server.owner().await;
        let first = refresh(&server, &owner.cookie).await;
        let second = refresh(&server, &first.cookie()).await;
        second.expect(StatusCode::OK);
        let token = second.body["token"].as_str().unwrap();
        server.get(&owner.path("")).bearer(token).send().await.expect(StatusCode::OK);

        refresh(&server, &owner.cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        refresh(&server, &second.cookie()).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        server.get(&owner.path("")).bearer(token).send().await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        let events = server.database.rows("SELECT event FROM audit_events ORDER BY id DESC").await;
        assert_eq!(events[0][0], "refresh_reused");
    }

    async fn an_answer_that_was_lost_can_be_asked_for_again(server) {
        let owner = server.owner().await;
        let lost = refresh(&server, &owner.cookie).await;
        let again = refresh(&server, &owner.cookie).await;
        again.expect(StatusCode::OK);
        assert_eq!(again.cookie(), lost.cookie());
        refresh(&server, &again.cookie()).await.expect(StatusCode::OK);
    }

    async fn a_stored_successor_that_does_not_decrypt_is_never_given_out(server) {
        let owner = server.owner().await;
        let current = refresh(&server, &owner.cookie).await.cookie();
        let is_sqlite = server.database.url.starts_with("sqlite:");
        let (hex, blob) = if is_sqlite {
            ("lower(hex(sealed_successor))", ("X'", "'"))
        } else {
            ("encode(sealed_successor, 'hex')", ("'\\x", "'"))
        };
        let stored = server.database.rows(&format!("SELECT {hex} FROM sessions")).await[0][0].clone();
        let last = if stored.ends_with('0') { "1" } else { "0" };
        let altered = format!("{}{last}", &stored[..stored.len() - 1]);
        // The second is as long as the successors of earlier versions, the third is cut off within the nonce.
        for wrong in [altered, "5a".repeat(32), "5a".repeat(5), String::new()] {
            let value = format!("{}{wrong}{}", blob.0, blob.1);
            server.database.execute(&format!("UPDATE sessions SET sealed_successor = {value}")).await;
            refresh(&server, &owner.cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        }
        server.database.execute("UPDATE sessions SET sealed_successor = NULL").await;
        refresh(&server, &owner.cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        refresh(&server, &current).await.expect(StatusCode::OK);
    }

    async fn who_is_not_to_be_remembered_has_a_cookie_until_the_browser_closes(server) {
        let owner = server.owner().await;
        assert!(owner.cookie.starts_with("docket_refresh="));
        let body = json!({ "email": "owner@example.com", "password": PASSWORD, "rememberMe": false });
        let answer = server.post("/api/auth/sign-in/email", body).send().await;
        assert!(!answer.set_cookie("docket_refresh").contains("Max-Age"), "{}", answer.set_cookie("docket_refresh"));
        let renewed = refresh(&server, &answer.cookie()).await;
        renewed.expect(StatusCode::OK);
        assert!(!renewed.set_cookie("docket_refresh").contains("Max-Age"), "{}", renewed.set_cookie("docket_refresh"));
    }

    async fn problems_are_also_in_the_words_of_better_auth(server) {
        server.owner().await;
        let answer = sign_in(&server, "owner@example.com", "wrong horse battery").await;
        assert_eq!(answer.body["code"], "INVALID_EMAIL_OR_PASSWORD");
        assert_eq!(answer.body["message"], answer.body["detail"]);
        let answer = server.get("/api/auth/list-sessions").send().await;
        assert_eq!(answer.body["code"], "UNAUTHORIZED");
        let answer = server.post("/api/auth/sign-up/email", json!({})).send().await;
        assert_eq!(answer.body["code"], "VALIDATION_ERROR");
        let answer = server.get("/api/auth/nonsense").send().await;
        assert_eq!(answer.body["code"], "NOT_FOUND");
        let answer = server.get("/api/nonsense").send().await;
        assert_eq!(answer.body["code"], "not_found");
        assert_eq!(answer.body["message"], Value::Null);
    }

    async fn renewing_twice_at_once_gives_the_same_cookie(server) {
        let owner = server.owner().await;
        let (one, two) = tokio::join!(refresh(&server, &owner.cookie), refresh(&server, &owner.cookie));
        one.expect(StatusCode::OK);
        two.expect(StatusCode::OK);
        assert_eq!(one.cookie(), two.cookie());
        refresh(&server, &one.cookie()).await.expect(StatusCode::OK);
    }

    async fn a_replaced_cookie_works_only_for_a_moment(server) {
        let owner = server.owner().await;
        refresh(&server, &owner.cookie).await.expect(StatusCode::OK);
        let old = "'2001-01-01T00:00:00+00:00'";
        server.database.execute(&format!("UPDATE sessions SET rotated_at = {old}")).await;
        refresh(&server, &owner.cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }

    async fn an_expired_session_neither_renews_nor_serves(server) {
        let owner = server.owner().await;
        let old = "'2001-01-01T00:00:00+00:00'";
        server.database.execute(&format!("UPDATE sessions SET expires_at = {old}")).await;
        refresh(&server, &owner.cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        owner.get("").send().await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        // The next sign-in sweeps it away.
        sign_in(&server, "owner@example.com", PASSWORD).await.expect(StatusCode::OK);
        assert_eq!(server.database.count("sessions").await, 1);
    }

    async fn renewing_needs_a_cookie_json_and_an_allowed_page(server) {
        let owner = server.owner().await;
        let renew = || server.post("/api/auth/refresh", json!({})).header("cookie", &owner.cookie);
        for cookie in ["", "docket_refresh=", "docket_refresh=a.b", "other=1"] {
            refresh(&server, cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        }
        let form = server.request(reqwest::Method::POST, "/api/auth/refresh").header("cookie", &owner.cookie);
        form.send().await.expect_problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
        let foreign = renew().header("origin", "http://evil.example").send().await;
        foreign.expect_problem(StatusCode::FORBIDDEN, "forbidden_origin");
        renew().header("origin", "http://localhost:8080").send().await.expect(StatusCode::OK);
        renew().header("origin", &server.base).send().await.expect(StatusCode::OK);
    }

    async fn a_device_cookie_is_kept_as_a_hash(server) {
        server.owner().await;
        let answer = sign_in(&server, "owner@example.com", PASSWORD).await;
        let device = answer.cookie_of("docket_device").split_once('=').unwrap().1.to_owned();
        let hash = Sha256::digest(BASE64_URL_SAFE_NO_PAD.decode(&device).unwrap());
        let hex = if server.database.url.starts_with("sqlite:") { "hex(hash)" } else { "encode(hash, 'hex')" };
        assert_eq!(server.database.count(&format!("known_devices WHERE lower({hex}) = '{hash:x}'")).await, 1);
    }

    async fn passwords_and_refresh_tokens_are_kept_as_hashes(server) {
        let owner = server.owner().await;
        let hash = &server.database.rows("SELECT password_hash FROM users").await[0][0];
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let column = if server.database.url.starts_with("sqlite:") { "hex(refresh_hash)" } else { "encode(refresh_hash, 'hex')" };
        let kept = &server.database.rows(&format!("SELECT lower({column}) FROM sessions")).await[0][0];
        assert_eq!(kept.len(), 64);
        assert!(!owner.cookie.contains(kept.as_str()));

        let renewed = refresh(&server, &owner.cookie).await.cookie();
        let secret = BASE64_URL_SAFE_NO_PAD.decode(renewed.rsplit('.').next().unwrap()).unwrap();
        let hex = column.replace("refresh_hash", "sealed_successor");
        let sealed = &server.database.rows(&format!("SELECT lower({hex}) FROM sessions")).await[0][0];
        assert_eq!(sealed.len(), 2 * (12 + secret.len() + 16));
        assert!(!sealed.contains(&secret.iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
    }
}

on_both_databases! {
    async fn over_https_cookies_are_secure_and_of_this_host_alone(server, "--better-auth-url", "https://tasks.example") {
        let owner = server.owner().await;
        assert!(owner.cookie.starts_with("__Host-docket_refresh="), "{}", owner.cookie);
        let answer = refresh(&server, &owner.cookie).await;
        answer.expect(StatusCode::OK);
        let cookie = answer.set_cookie("docket_refresh");
        for part in ["__Host-", "Secure", "HttpOnly", "SameSite=Strict", "Path=/;"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        // The other form is of another server.
        let plain = owner.cookie.replace("__Host-", "");
        refresh(&server, &plain).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }
    // What nginx hands on as `$host` has lost the port.
    async fn pages_of_the_public_address_are_our_own(server, "--better-auth-url", "https://Tasks.example:8443") {
        let owner = server.owner().await;
        let renew = |origin: &'static str| {
            let request = server.post("/api/auth/refresh", json!({})).header("cookie", &owner.cookie);
            request.header("host", "tasks.example").header("origin", origin).send()
        };
        renew("https://tasks.example:8443").await.expect(StatusCode::OK);
        for foreign in ["http://tasks.example:8443", "https://tasks.example:9443", "https://evil.example"] {
            renew(foreign).await.expect_problem(StatusCode::FORBIDDEN, "forbidden_origin");
        }
        let sign_out = server.post("/api/auth/sign-out", json!({})).header("cookie", &owner.cookie);
        let answer = sign_out.header("host", "tasks.example").header("origin", "https://tasks.example:8443").send().await;
        answer.expect(StatusCode::OK);
        assert!(answer.set_cookie("docket_refresh").contains("Max-Age=0"));
    }
}
