//! Sign-up, sign-in, sign-out, and the renewal of sessions.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{PASSWORD, Response, Server, on_both_databases};

async fn sign_in(server: &Server, email: &str, password: &str) -> Response {
    server
        .post(
            "/api/auth/sign-in/email",
            json!({ "email": email, "password": password }),
        )
        .send()
        .await
}

async fn refresh(server: &Server, cookie: &str) -> Response {
    server
        .post("/api/auth/refresh", json!({}))
        .header("cookie", cookie)
        .send()
        .await
}

/// Moves the times of every session into the past, as if that many days had passed.
async fn let_days_pass(server: &Server, days: u32) {
    let sqlite = server.database.url.starts_with("sqlite:");
    let columns = [
        "created_at",
        "updated_at",
        "rotated_at",
        "expires_at",
        "authenticated_at",
    ]
    .map(|column| {
        if sqlite {
            format!("{column} = strftime('%Y-%m-%dT%H:%M:%f000+00:00', {column}, '-{days} days')")
        } else {
            format!("{column} = {column} - interval '{days} days'")
        }
    });
    let sql = format!("UPDATE sessions SET {}", columns.join(", "));
    server.database.execute(&sql).await;
}

async fn session_of(server: &Server, token: &str) -> Response {
    server.get("/api/auth/get-session").bearer(token).send().await
}

on_both_databases! {
    async fn sign_up_creates_an_account_and_a_session(server) {
        let account = json!({ "name": " Owner ", "email": " Owner@Example.COM ", "password": PASSWORD });
        let response = server.post("/api/auth/sign-up/email", account).send().await;
        response.expect(StatusCode::OK);
        let user = &response.body["user"];
        assert_eq!(user["name"], "Owner");
        assert_eq!(user["email"], "owner@example.com");
        assert_eq!(user["emailVerified"], false);
        assert_eq!(user["image"], Value::Null);
        assert!(!response.text.contains("assword"), "{}", response.text);

        let token = response.body["token"].as_str().unwrap();
        let current = session_of(&server, token).await;
        current.expect(StatusCode::OK);
        assert_eq!(current.body["user"], *user);
        assert_eq!(current.body["session"]["userId"], user["id"]);
        assert_eq!(current.body["session"]["ipAddress"], "127.0.0.1");

        assert_eq!(response.header("cache-control"), "no-store");
        let cookie = response.set_cookie("docket_refresh");
        for part in ["HttpOnly", "SameSite=Strict", "Path=/api/auth", "Max-Age=604800"] {
            assert!(cookie.contains(part), "{cookie}");
        }
    }

    async fn sign_in_normalizes_the_email(server) {
        server.user("owner@example.com").await;
        for email in ["owner@example.com", "  OWNER@Example.com ", "ｏｗｎｅｒ@example.com"] {
            let response = sign_in(&server, email, PASSWORD).await;
            response.expect(StatusCode::OK);
            assert_eq!(response.body["redirect"], false);
            assert_eq!(response.body["user"]["email"], "owner@example.com");
            session_of(&server, response.body["token"].as_str().unwrap()).await.expect(StatusCode::OK);
        }
    }

    async fn a_wrong_password_and_an_unknown_email_get_the_same_response(server) {
        server.user("owner@example.com").await;
        let wrong = sign_in(&server, "owner@example.com", "wrong horse battery").await;
        let unknown = sign_in(&server, "nobody@example.com", PASSWORD).await;
        wrong.expect_problem(StatusCode::UNAUTHORIZED, "invalid_credentials");
        assert_eq!(wrong.body, unknown.body);
        assert_eq!(wrong.header("set-cookie"), "");
    }

    async fn an_email_belongs_to_one_account(server) {
        server.user("owner@example.com").await;
        let again = json!({ "name": "Other", "email": "OWNER@example.com", "password": "another password" });
        let response = server.post("/api/auth/sign-up/email", again).send().await;
        response.expect_problem(StatusCode::UNPROCESSABLE_ENTITY, "email_taken");
        assert_eq!(response.body["errors"][0]["pointer"], "/email");
        sign_in(&server, "owner@example.com", PASSWORD).await.expect(StatusCode::OK);
    }

    async fn sign_out_revokes_the_session_immediately(server) {
        let owner = server.owner().await;
        let other = sign_in(&server, "owner@example.com", PASSWORD).await;
        let response = server.post("/api/auth/sign-out", json!({})).bearer(&owner.token).send().await;
        response.expect(StatusCode::OK);
        assert_eq!(response.body, json!({ "success": true }));
        assert!(response.header("set-cookie").contains("Max-Age=0"));
        owner.get("").send().await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        refresh(&server, &owner.cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        assert_eq!(session_of(&server, &owner.token).await.text, "null");
        // The other session is unaffected, and a second sign-out succeeds.
        assert_ne!(session_of(&server, other.body["token"].as_str().unwrap()).await.text, "null");
        server.post("/api/auth/sign-out", json!({})).bearer(&owner.token).send().await.expect(StatusCode::OK);
    }

    async fn sign_out_works_with_the_cookie_alone(server) {
        let owner = server.owner().await;
        server.post("/api/auth/sign-out", json!({})).header("cookie", &owner.cookie).send().await.expect(StatusCode::OK);
        owner.get("").send().await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
    }

    async fn a_cross_site_request_cannot_sign_out(server) {
        let owner = server.owner().await;
        let sign_out = server.post("/api/auth/sign-out", json!({})).header("cookie", &owner.cookie);
        let response = sign_out.header("origin", "http://evil.example").send().await;
        response.expect(StatusCode::OK);
        assert_eq!(response.header("set-cookie"), "");
        refresh(&server, &owner.cookie).await.expect(StatusCode::OK);
    }

    async fn a_forged_cookie_cannot_sign_out(server) {
        let owner = server.owner().await;
        // The session id is no secret: it is the `sid` of the access tokens.
        let session = owner.cookie.split('.').next().unwrap();
        let forged = format!("{session}.{}.{}", "A".repeat(22), "A".repeat(43));
        server.post("/api/auth/sign-out", json!({})).header("cookie", &forged).send().await.expect(StatusCode::OK);
        refresh(&server, &forged).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        owner.get("").send().await.expect(StatusCode::OK);
        refresh(&server, &owner.cookie).await.expect(StatusCode::OK);
    }

    async fn get_session_is_null_without_a_valid_token(server) {
        for request in [
            server.get("/api/auth/get-session"),
            server.get("/api/auth/get-session").bearer("nonsense"),
            server.get("/api/auth/get-session").header("authorization", "Basic abc"),
        ] {
            let response = request.send().await;
            response.expect(StatusCode::OK);
            assert_eq!(response.text, "null");
        }
    }

    async fn each_renewal_rotates_the_refresh_token(server) {
        let owner = server.owner().await;
        let mut cookie = owner.cookie.clone();
        for _ in 0..3 {
            let response = refresh(&server, &cookie).await;
            response.expect(StatusCode::OK);
            assert_eq!(response.body["user"]["id"], owner.id);
            let token = response.body["token"].as_str().unwrap();
            server.get(&owner.path("")).bearer(token).send().await.expect(StatusCode::OK);
            assert_ne!(response.cookie(), cookie);
            cookie = response.cookie();
        }
    }

    async fn reuse_of_an_old_refresh_token_revokes_the_session(server) {
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

    async fn a_renewal_can_be_repeated_after_a_lost_response(server) {
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

    async fn without_remember_me_the_refresh_token_is_in_a_session_cookie(server) {
        let owner = server.owner().await;
        assert!(owner.cookie.starts_with("docket_refresh="));
        let body = json!({ "email": "owner@example.com", "password": PASSWORD, "rememberMe": false });
        let response = server.post("/api/auth/sign-in/email", body).send().await;
        assert!(!response.set_cookie("docket_refresh").contains("Max-Age"), "{}", response.set_cookie("docket_refresh"));
        let renewed = refresh(&server, &response.cookie()).await;
        renewed.expect(StatusCode::OK);
        assert!(!renewed.set_cookie("docket_refresh").contains("Max-Age"), "{}", renewed.set_cookie("docket_refresh"));
    }

    async fn problems_below_api_auth_have_better_auth_codes(server) {
        server.owner().await;
        let response = sign_in(&server, "owner@example.com", "wrong horse battery").await;
        assert_eq!(response.body["code"], "INVALID_EMAIL_OR_PASSWORD");
        assert_eq!(response.body["message"], response.body["detail"]);
        let response = server.get("/api/auth/list-sessions").send().await;
        assert_eq!(response.body["code"], "UNAUTHORIZED");
        let response = server.post("/api/auth/sign-up/email", json!({})).send().await;
        assert_eq!(response.body["code"], "VALIDATION_ERROR");
        let response = server.get("/api/auth/nonsense").send().await;
        assert_eq!(response.body["code"], "NOT_FOUND");
        let response = server.get("/api/nonsense").send().await;
        assert_eq!(response.body["code"], "not_found");
        assert_eq!(response.body["message"], Value::Null);
    }

    async fn concurrent_renewals_get_the_same_refresh_token(server) {
        let owner = server.owner().await;
        let (one, two) = tokio::join!(refresh(&server, &owner.cookie), refresh(&server, &owner.cookie));
        one.expect(StatusCode::OK);
        two.expect(StatusCode::OK);
        assert_eq!(one.cookie(), two.cookie());
        refresh(&server, &one.cookie()).await.expect(StatusCode::OK);
    }

    async fn a_rotated_refresh_token_is_accepted_for_10_seconds(server) {
        let owner = server.owner().await;
        refresh(&server, &owner.cookie).await.expect(StatusCode::OK);
        let old = (Utc::now() - TimeDelta::seconds(10)).to_rfc3339();
        server.database.execute(&format!("UPDATE sessions SET rotated_at = '{old}'")).await;
        refresh(&server, &owner.cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }

    async fn a_replaced_refresh_token_from_elsewhere_ends_the_session(server, "--trusted-proxies", "127.0.0.1") {
        // The second renewal with the same token: its address and its user agent, and whether it succeeds.
        for (address, agent, same) in [
            ("198.51.100.7", "Firefox", true),
            ("198.51.100.8", "Firefox", false),
            ("198.51.100.7", "curl", false),
            ("2001:db8::1", "Firefox", false),
        ] {
            server.database.execute("DELETE FROM users").await;
            let owner = server.owner().await;
            let renew = |cookie: &str, address: &str, agent: &str| {
                let request = server.post("/api/auth/refresh", json!({})).header("cookie", cookie);
                request.header("x-forwarded-for", address).header("user-agent", agent).send()
            };
            let first = renew(&owner.cookie, "198.51.100.7", "Firefox").await;
            first.expect(StatusCode::OK);
            let again = renew(&owner.cookie, address, agent).await;
            let next = renew(&first.cookie(), "198.51.100.7", "Firefox").await;
            let expected = if same { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            assert_eq!((again.status, next.status), (expected, expected), "{address} {agent}");
            let recorded = server.database.count("audit_events WHERE event = 'refresh_reused'").await;
            assert_eq!(recorded, usize::from(!same), "{address} {agent}");
        }
    }

    async fn an_expired_session_is_refused(server) {
        let owner = server.owner().await;
        let old = "'2001-01-01T00:00:00+00:00'";
        server.database.execute(&format!("UPDATE sessions SET expires_at = {old}")).await;
        refresh(&server, &owner.cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        owner.get("").send().await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        // The next sign-in deletes it.
        sign_in(&server, "owner@example.com", PASSWORD).await.expect(StatusCode::OK);
        assert_eq!(server.database.count("sessions").await, 1);
    }

    async fn a_session_expires_30_days_after_it_began_even_when_renewed(server) {
        let owner = server.owner().await;
        let mut cookie = owner.cookie.clone();
        let mut token = owner.token.clone();
        // On days 6, 12, 18, 24 and 29, so the session is never idle for 7 days.
        for days in [6, 6, 6, 6, 5] {
            let_days_pass(&server, days).await;
            let renewed = refresh(&server, &cookie).await;
            renewed.expect(StatusCode::OK);
            cookie = renewed.cookie();
            token = renewed.body["token"].as_str().unwrap().to_owned();
        }
        let session = session_of(&server, &token).await.body["session"].clone();
        let time = |name: &str| session[name].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
        assert_eq!(time("expiresAt") - time("createdAt"), TimeDelta::days(30));
        server.get(&owner.path("")).bearer(&token).send().await.expect(StatusCode::OK);

        let_days_pass(&server, 1).await;
        refresh(&server, &cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        let refused = server.get(&owner.path("")).bearer(&token).send().await;
        refused.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
    }

    async fn a_session_expires_7_days_after_the_last_renewal(server) {
        let owner = server.owner().await;
        let_days_pass(&server, 6).await;
        owner.get("").send().await.expect(StatusCode::OK);
        let_days_pass(&server, 1).await;
        owner.get("").send().await.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        refresh(&server, &owner.cookie).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }

    async fn renewal_requires_a_cookie_json_and_an_allowed_origin(server) {
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

    async fn device_cookies_are_stored_as_hashes(server) {
        server.owner().await;
        let response = sign_in(&server, "owner@example.com", PASSWORD).await;
        let device = response.cookie_of("docket_device").split_once('=').unwrap().1.to_owned();
        let hash = Sha256::digest(BASE64_URL_SAFE_NO_PAD.decode(&device).unwrap());
        let hex = if server.database.url.starts_with("sqlite:") { "hex(hash)" } else { "encode(hash, 'hex')" };
        assert_eq!(server.database.count(&format!("known_devices WHERE lower({hex}) = '{hash:x}'")).await, 1);
    }

    async fn passwords_and_refresh_tokens_are_stored_as_hashes(server) {
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
    async fn over_https_cookies_are_secure_with_the_host_prefix(server, "--better-auth-url", "https://tasks.example") {
        let owner = server.owner().await;
        assert!(owner.cookie.starts_with("__Host-docket_refresh="), "{}", owner.cookie);
        let response = refresh(&server, &owner.cookie).await;
        response.expect(StatusCode::OK);
        let cookie = response.set_cookie("docket_refresh");
        for part in ["__Host-", "Secure", "HttpOnly", "SameSite=Strict", "Path=/;"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        // Without the prefix it is another cookie.
        let plain = owner.cookie.replace("__Host-", "");
        refresh(&server, &plain).await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
    }
    // nginx passes on `$host`, which has no port.
    async fn the_origin_of_the_public_url_is_allowed(server, "--better-auth-url", "https://Tasks.example:8443") {
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
        let response = sign_out.header("host", "tasks.example").header("origin", "https://tasks.example:8443").send().await;
        response.expect(StatusCode::OK);
        assert!(response.set_cookie("docket_refresh").contains("Max-Age=0"));
    }
}
