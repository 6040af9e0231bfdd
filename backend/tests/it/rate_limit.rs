//! Rate limits of sign-in, sign-up and passwords. Tests simulate time by changing the stored counts in the database.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use crate::support::{Database, PASSWORD, Response, Server, eventually, on_both_databases, serve};

const ENABLED: [&str; 4] = ["--rate-limit", "on", "--trusted-proxies", "127.0.0.1"];
/// Two client addresses, as a proxy reports them.
const HERE: &str = "198.51.100.7";
const THERE: &str = "203.0.113.9";

/// Tries to sign in from `address`, as reported by the proxy.
async fn sign_in(server: &Server, address: &str, email: &str, password: &str, cookie: &str) -> Response {
    let credentials = json!({ "email": email, "password": password });
    let request = server.post("/api/auth/sign-in/email", credentials);
    request
        .header("x-forwarded-for", address)
        .header("cookie", cookie)
        .send()
        .await
}

async fn attempt(server: &Server, address: &str, email: &str) -> StatusCode {
    sign_in(server, address, email, "a wrong password", "").await.status
}

#[track_caller]
fn expect_too_many(response: &Response) {
    response.expect_problem(StatusCode::TOO_MANY_REQUESTS, "too_many_requests");
    assert_eq!(response.body["code"], "TOO_MANY_REQUESTS");
}

/// SQL for the counts that expire after about `time`: 10 minutes for an address, an hour for an account, a day for a delay.
fn lasting(time: TimeDelta) -> String {
    let around = |factor: f64| {
        let time = TimeDelta::milliseconds((time.num_milliseconds() as f64 * factor) as i64);
        (Utc::now() + time).to_rfc3339()
    };
    format!("expires_at BETWEEN '{}' AND '{}'", around(0.5), around(1.1))
}

fn of_an_address() -> String {
    lasting(TimeDelta::minutes(10))
}

fn of_an_account() -> String {
    lasting(TimeDelta::hours(1))
}

fn with_a_delay() -> String {
    lasting(TimeDelta::days(1))
}

/// Sets the number of attempts, with the delay after the last one over.
async fn set_hits(database: &Database, hits: u32, which: &str) {
    database
        .execute(&format!(
            "UPDATE throttles SET hits = {hits}, retry_at = '{}' WHERE {which}",
            DateTime::UNIX_EPOCH.to_rfc3339()
        ))
        .await;
}

/// Cheap password hashing, for tests with many sign-ins.
const CHEAP: [&str; 4] = ["--argon2-memory-kib", "7168", "--argon2-iterations", "1"];

/// Signs the owner in on `number` devices and returns their device cookies.
async fn devices(server: &Server, number: usize) -> Vec<String> {
    let mut devices = Vec::new();
    for _ in 0..number {
        let signed_in = sign_in(server, HERE, "owner@example.com", PASSWORD, "").await;
        signed_in.expect(StatusCode::OK);
        devices.push(signed_in.cookie_of("docket_device"));
    }
    devices
}

/// Resets all counts, and then delays every attempt that is not from a known device.
async fn lock_the_account(server: &Server) {
    server.database.execute("DELETE FROM throttles").await;
    // The second attempt is counted as that of a new network.
    for address in ["198.18.0.1", "198.18.0.2"] {
        attempt(server, address, "owner@example.com").await;
        let wait = "UPDATE throttles SET retry_at = '2999-01-01T00:00:00+00:00'";
        server.database.execute(wait).await;
    }
}

/// Tries five wrong passwords on each device, each from a new address. Returns how many are not refused by the rate limit.
async fn admitted_attempts(server: &Server, devices: &[String]) -> usize {
    let mut admitted = 0;
    for (number, device) in devices.iter().enumerate() {
        for attempt in 0..5 {
            let address = format!("192.0.{number}.{attempt}");
            let response = sign_in(server, &address, "owner@example.com", "a wrong password", device).await;
            admitted += usize::from(response.status == StatusCode::UNAUTHORIZED);
        }
    }
    admitted
}

/// Extends all current delays by centuries, as if no time passed.
async fn extend_delays(database: &Database) {
    database
        .execute(
            "UPDATE throttles SET retry_at = '2999-01-01T00:00:00+00:00' WHERE retry_at > '2000-01-01T00:00:00+00:00'",
        )
        .await;
}

/// A transaction that prevents others from writing to the counters until it is dropped.
async fn write_lock(database: &Database) -> Box<dyn Send> {
    if database.url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
        Box::new(connection)
    } else {
        let mut connection = database.connect_postgres().await;
        let lock = "BEGIN; LOCK TABLE throttles IN EXCLUSIVE MODE";
        sqlx::raw_sql(lock).execute(&mut connection).await.unwrap();
        Box::new(connection)
    }
}

on_both_databases! {
    async fn five_attempts_are_free_and_the_next_is_429(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        server.owner().await;
        for _ in 0..4 {
            assert_eq!(attempt(&server, HERE, "owner@example.com").await, StatusCode::UNAUTHORIZED);
        }
        extend_delays(&server.database).await;
        assert_eq!(attempt(&server, HERE, "owner@example.com").await, StatusCode::UNAUTHORIZED);
        extend_delays(&server.database).await;
        // The right password too, or the response would reveal which password is right.
        expect_too_many(&sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await);
        assert_eq!(attempt(&server, HERE, "owner@example.com").await, StatusCode::TOO_MANY_REQUESTS);
        // Another account from this address, and this account from another address.
        assert_eq!(attempt(&server, HERE, "other@example.com").await, StatusCode::UNAUTHORIZED);
        sign_in(&server, THERE, "owner@example.com", PASSWORD, "").await.expect(StatusCode::OK);
    }

    async fn the_delay_doubles_up_to_15_minutes(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        server.owner().await;
        attempt(&server, HERE, "owner@example.com").await;
        for (hits, delay) in [(12, 256), (13, 512), (14, 900), (5000, 900)] {
            set_hits(&server.database, hits, &with_a_delay()).await;
            assert_eq!(attempt(&server, HERE, "owner@example.com").await, StatusCode::UNAUTHORIZED);
            let refused = sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await;
            expect_too_many(&refused);
            let seconds: i64 = refused.header("retry-after").parse().unwrap();
            assert!((delay / 2..=delay).contains(&seconds), "{seconds} after {hits}");
            assert_eq!(refused.header("ratelimit-policy"), "\"account-at-address\";q=5;w=86400");
            assert_eq!(refused.header("ratelimit"), format!("\"account-at-address\";r=0;t={seconds}"));
        }
    }

    async fn concurrent_attempts_are_all_counted(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        server.owner().await;
        attempt(&server, HERE, "owner@example.com").await;
        set_hits(&server.database, 12, &with_a_delay()).await;
        let attempts = (0..20).map(|_| attempt(&server, HERE, "owner@example.com"));
        let statuses = futures_util::future::join_all(attempts).await;
        let admitted = statuses.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count();
        let refused = statuses.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count();
        assert_eq!((admitted, refused), (1, 19));
    }

    async fn a_success_is_not_counted(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        server.owner().await;
        for _ in 0..3 {
            for _ in 0..4 {
                assert_eq!(attempt(&server, HERE, "owner@example.com").await, StatusCode::UNAUTHORIZED);
            }
            sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await.expect(StatusCode::OK);
        }
        // Failures stay counted for the address and for the account, successes do not.
        assert_eq!(server.database.count(&format!("throttles WHERE {}", with_a_delay())).await, 0);
        assert_eq!(server.database.count(&format!("throttles WHERE hits = 12 AND {}", of_an_address())).await, 1);
        assert_eq!(server.database.count(&format!("throttles WHERE hits = 12 AND {}", of_an_account())).await, 1);
    }

    async fn an_address_has_60_attempts_in_10_minutes(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        for (near, same, other) in [
            (HERE, HERE, THERE),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
        ] {
            attempt(&server, near, "owner@example.com").await;
            set_hits(&server.database, 59, &format!("hits = 1 AND {}", of_an_address())).await;
            assert_eq!(attempt(&server, near, "other@example.com").await, StatusCode::UNAUTHORIZED);
            let refused = sign_in(&server, same, "third@example.com", "a wrong password", "").await;
            expect_too_many(&refused);
            assert_eq!(refused.header("ratelimit-policy"), "\"address\";q=60;w=600");
            assert_eq!(attempt(&server, other, "third@example.com").await, StatusCode::UNAUTHORIZED);
            server.database.execute("DELETE FROM throttles").await;
        }
    }

    async fn attempts_of_others_cannot_lock_out_a_known_device(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        server.owner().await;
        let signed_in = sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await;
        let device = signed_in.cookie_of("docket_device");
        server.user("other@example.com").await;
        let foreign = sign_in(&server, HERE, "other@example.com", PASSWORD, "").await.cookie_of("docket_device");

        attempt(&server, THERE, "owner@example.com").await;
        set_hits(&server.database, 39, &of_an_account()).await;
        assert_eq!(attempt(&server, THERE, "owner@example.com").await, StatusCode::UNAUTHORIZED);
        // An unknown device in a network that has failed three times has to wait, with the right password too.
        set_hits(&server.database, 3, &with_a_delay()).await;
        let refused = sign_in(&server, THERE, "owner@example.com", PASSWORD, "").await;
        expect_too_many(&refused);
        assert_eq!(refused.header("ratelimit-policy"), "\"account\";q=40;w=3600");
        let made_up = format!("docket_device={}", "A".repeat(device.len() - "docket_device=".len()));
        let longer = format!("{device}AAAA");
        for cookie in [&foreign, &made_up, &longer] {
            expect_too_many(&sign_in(&server, THERE, "owner@example.com", PASSWORD, cookie).await);
        }
        // The known device signs in, even from an address that is used up.
        set_hits(&server.database, 60, &of_an_address()).await;
        extend_delays(&server.database).await;
        sign_in(&server, THERE, "owner@example.com", PASSWORD, &device).await.expect(StatusCode::OK);
    }

    async fn a_known_device_has_its_own_delay(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        server.owner().await;
        let signed_in = sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await;
        let device = signed_in.cookie_of("docket_device");
        for _ in 0..5 {
            sign_in(&server, HERE, "owner@example.com", "a wrong password", &device).await.expect(StatusCode::UNAUTHORIZED);
        }
        extend_delays(&server.database).await;
        expect_too_many(&sign_in(&server, THERE, "owner@example.com", PASSWORD, &device).await);
        sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await.expect(StatusCode::OK);
    }

    async fn known_devices_share_one_limit_on_passwords(
        server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3], CHEAP[0], CHEAP[1], CHEAP[2], CHEAP[3]
    ) {
        let owner = server.owner().await;
        let collected = devices(&server, 30).await;
        lock_the_account(&server).await;
        assert_eq!(admitted_attempts(&server, &collected).await, 20);

        let change = json!({ "currentPassword": PASSWORD, "newPassword": "staple battery horse" });
        let changed = server.post("/api/auth/change-password", change).bearer(&owner.token).send().await;
        changed.expect(StatusCode::OK);
        lock_the_account(&server).await;
        assert_eq!(admitted_attempts(&server, &collected).await, 0);
        // The device on which the password was changed is known.
        let here = changed.cookie_of("docket_device");
        let signed_in = sign_in(&server, THERE, "owner@example.com", "staple battery horse", &here).await;
        signed_in.expect(StatusCode::OK);
    }

    async fn the_last_ten_devices_are_known(
        server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3], CHEAP[0], CHEAP[1], CHEAP[2], CHEAP[3]
    ) {
        server.owner().await;
        let devices = devices(&server, 11).await;
        lock_the_account(&server).await;
        let mut known = Vec::new();
        for device in &devices {
            let response = sign_in(&server, HERE, "owner@example.com", PASSWORD, device).await;
            known.push(response.status == StatusCode::OK);
        }
        assert_eq!(known, [vec![false], vec![true; 10]].concat());
        assert_eq!(server.database.count("known_devices").await, 10);
    }

    async fn a_known_device_expires(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        server.owner().await;
        let device = &devices(&server, 1).await[0];
        server.database.execute("UPDATE known_devices SET expires_at = '2001-01-01T00:00:00+00:00'").await;
        lock_the_account(&server).await;
        expect_too_many(&sign_in(&server, HERE, "owner@example.com", PASSWORD, device).await);
    }

    async fn the_device_cookie_is_http_only_and_no_credential(server) {
        let owner = server.owner().await;
        let signed_in = sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await;
        let line = signed_in.set_cookie("docket_device");
        for part in ["HttpOnly", "SameSite=Strict", "Max-Age=31536000"] {
            assert!(line.contains(part), "{line}");
        }
        let device = signed_in.cookie_of("docket_device");
        let value = device.split_once('=').unwrap().1;
        assert!(!value.contains(&owner.id), "{value}");
        let refresh = server.post("/api/auth/refresh", json!({})).header("cookie", &format!("docket_refresh={value}"));
        refresh.send().await.expect(StatusCode::UNAUTHORIZED);
        server.get(&owner.path("")).bearer(value).send().await.expect(StatusCode::UNAUTHORIZED);
        // The device keeps its cookie.
        let again = sign_in(&server, HERE, "owner@example.com", PASSWORD, &device).await;
        assert_eq!(again.cookie_of("docket_device"), device);
    }

    async fn unknown_emails_are_throttled_like_known_ones(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        server.owner().await;
        for email in ["owner@example.com", "nobody@example.com"] {
            for _ in 0..5 {
                assert_eq!(attempt(&server, HERE, email).await, StatusCode::UNAUTHORIZED);
            }
        }
        extend_delays(&server.database).await;
        let known = sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await;
        let unknown = sign_in(&server, HERE, " NOBODY@example.com", PASSWORD, "").await;
        expect_too_many(&known);
        assert_eq!(known.body, unknown.body);
    }

    async fn servers_on_one_database_share_the_counts(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        server.owner().await;
        let base = serve(&server.database.url, &ENABLED).await;
        let credentials = json!({ "email": "owner@example.com", "password": "a wrong password" });
        let at_the_other = || async {
            let client = reqwest::Client::new();
            let request = client.post(format!("{base}/api/auth/sign-in/email")).json(&credentials);
            request.header("x-forwarded-for", HERE).send().await.unwrap().status()
        };
        for _ in 0..2 {
            assert_eq!(attempt(&server, HERE, "owner@example.com").await, StatusCode::UNAUTHORIZED);
            assert_eq!(at_the_other().await, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(attempt(&server, HERE, "owner@example.com").await, StatusCode::UNAUTHORIZED);
        extend_delays(&server.database).await;
        assert_eq!(at_the_other().await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(attempt(&server, HERE, "owner@example.com").await, StatusCode::TOO_MANY_REQUESTS);
    }

    async fn verify_password_has_five_free_attempts_per_session(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        let owner = server.owner().await;
        let verify = |password: &'static str| {
            server.post("/api/auth/verify-password", json!({ "password": password })).bearer(&owner.token).send()
        };
        for _ in 0..5 {
            verify("a wrong password").await.expect(StatusCode::BAD_REQUEST);
        }
        extend_delays(&server.database).await;
        expect_too_many(&verify(PASSWORD).await);
        let change = json!({ "currentPassword": PASSWORD, "newPassword": "staple battery horse" });
        expect_too_many(&server.post("/api/auth/change-password", change).bearer(&owner.token).send().await);
        // Sign-in has its own counts.
        sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await.expect(StatusCode::OK);
        server.database.execute("DELETE FROM throttles").await;
        verify(PASSWORD).await.expect(StatusCode::OK);
        assert_eq!(server.database.count(&format!("throttles WHERE {}", with_a_delay())).await, 0);
    }

    async fn an_address_has_30_sign_ups_an_hour(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        server.owner().await;
        set_hits(&server.database, 29, &of_an_account()).await;
        server.user("other@example.com").await;
        let account = json!({ "name": "Third", "email": "third@example.com", "password": PASSWORD });
        let refused = server.post("/api/auth/sign-up/email", account.clone()).send().await;
        expect_too_many(&refused);
        assert_eq!(refused.header("ratelimit-policy"), "\"sign-up\";q=30;w=3600");
        let elsewhere = server.post("/api/auth/sign-up/email", account).header("x-forwarded-for", THERE);
        elsewhere.send().await.expect(StatusCode::OK);
    }

    /// A flood of attempts that are refused does not delay the writes of others.
    async fn refused_attempts_write_nothing(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        for _ in 0..5 {
            assert_eq!(attempt(&server, HERE, "nobody@example.com").await, StatusCode::UNAUTHORIZED);
        }
        extend_delays(&server.database).await;
        let lock = write_lock(&server.database).await;
        // It would wait for the lock.
        expect_too_many(&sign_in(&server, HERE, "nobody@example.com", PASSWORD, "").await);
        drop(lock);
    }

    async fn rate_limit_off_counts_nothing(server, "--rate-limit", "off") {
        server.owner().await;
        for _ in 0..10 {
            assert_eq!(attempt(&server, HERE, "owner@example.com").await, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(server.database.count("throttles").await, 0);
    }

    async fn a_failed_sign_in_is_recorded_in_the_activity(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        let owner = server.owner().await;
        attempt(&server, THERE, "owner@example.com").await;
        // It is recorded after the response, whose time must not depend on whether there is an account.
        let recorded = eventually("sign_in_failed is recorded", async || {
            let response = server.get("/api/auth/activity").bearer(&owner.token).send().await;
            response.expect(StatusCode::OK);
            response.body.as_array().unwrap().iter().find(|event| event["event"] == "sign_in_failed").cloned()
        });
        assert_eq!(recorded.await["ipAddress"], THERE);
    }

    async fn x_forwarded_for_is_used_from_trusted_proxies_only(
        server,
        "--trusted-proxies", "127.0.0.0/8, 10.0.0.1,2001:db8:ffff::/48"
    ) {
        let untrusting = Server::start(Database::at(server.database.url.clone()), &[]).await;
        server.owner().await;
        for (forwarded, trusting, plain) in [
            ("203.0.113.9", "203.0.113.9", "127.0.0.1"),
            // Only the last part was added by a trusted proxy.
            ("198.51.100.7, 203.0.113.9", "203.0.113.9", "127.0.0.1"),
            ("198.51.100.7, 203.0.113.9, 10.0.0.1", "203.0.113.9", "127.0.0.1"),
            ("203.0.113.9, 10.0.0.2", "10.0.0.2", "127.0.0.1"),
            ("2001:db8::9,2001:db8:ffff::1", "2001:db8::9", "127.0.0.1"),
            ("::ffff:203.0.113.9", "203.0.113.9", "127.0.0.1"),
            ("203.0.113.9:4711", "203.0.113.9", "127.0.0.1"),
            ("[2001:db8::9]:4711", "2001:db8::9", "127.0.0.1"),
            ("203.0.113.9, unknown", "127.0.0.1", "127.0.0.1"),
            ("10.0.0.1, 10.0.0.1", "10.0.0.1", "127.0.0.1"),
            ("", "127.0.0.1", "127.0.0.1"),
        ] {
            for (server, expected) in [(&server, trusting), (&untrusting, plain)] {
                let signed_in = sign_in(server, forwarded, "owner@example.com", PASSWORD, "").await;
                let token = signed_in.body["token"].as_str().unwrap();
                let current = server.get("/api/auth/get-session").bearer(token).send().await;
                assert_eq!(current.body["session"]["ipAddress"], expected, "{forwarded}");
            }
        }
    }

    async fn x_forwarded_for_is_parsed_entry_by_entry_from_the_right(server, "--trusted-proxies", "127.0.0.1,10.0.0.1") {
        let owner = server.owner().await;
        for (lines, expected) in [
            (&[&b"caf\xe9, 203.0.113.9"[..]][..], "203.0.113.9"),
            (&[b"\xff\xfe,198.51.100.7, 203.0.113.9"], "203.0.113.9"),
            // Several lines are one list.
            (&[b"198.51.100.7", b"203.0.113.9"], "203.0.113.9"),
            (&[b"203.0.113.9", b"10.0.0.1"], "203.0.113.9"),
            (&[b"\xe9", b"203.0.113.9", b"10.0.0.1"], "203.0.113.9"),
            // What a trusted proxy added is not an address.
            (&[b"203.0.113.9, caf\xe9"], "127.0.0.1"),
            (&[b"203.0.113.9", b"\xe9"], "127.0.0.1"),
        ] {
            let mut request = server.post("/api/auth/sign-in/email", json!({ "email": "owner@example.com", "password": PASSWORD }));
            for line in lines {
                request = request.header_bytes("x-forwarded-for", line);
            }
            let signed_in = request.send().await;
            signed_in.expect(StatusCode::OK);
            let session = server.get("/api/auth/get-session").bearer(signed_in.body["token"].as_str().unwrap()).send().await;
            assert_eq!(session.body["session"]["ipAddress"], expected, "{lines:?}");
        }
        drop(owner);
    }

    async fn larger_ipv6_networks_have_larger_quotas(server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3]) {
        for (hits, policy, first, other_networks) in [
            // Another /64 of the same /56, then another /56.
            (239, "\"address-56\";q=240;w=600", "2001:db8:1:2::1", ["2001:db8:1:3::1", "2001:db8:1:102::1"]),
            // Another /56 of the same /48, then another /48.
            (959, "\"address-48\";q=960;w=600", "2001:db8:1:2::1", ["2001:db8:1:102::1", "2001:db8:2:2::1"]),
        ] {
            server.database.execute("DELETE FROM throttles").await;
            attempt(&server, first, "owner@example.com").await;
            set_hits(&server.database, hits, &of_an_address()).await;
            assert_eq!(attempt(&server, first, "other@example.com").await, StatusCode::UNAUTHORIZED);
            let [inside, outside] = other_networks;
            let refused = sign_in(&server, inside, "third@example.com", "a wrong password", "").await;
            expect_too_many(&refused);
            assert_eq!(refused.header("ratelimit-policy"), policy);
            assert_eq!(attempt(&server, outside, "third@example.com").await, StatusCode::UNAUTHORIZED);
        }
    }

    async fn larger_ipv6_networks_have_larger_quotas_for_an_account(
        server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3], CHEAP[0], CHEAP[1], CHEAP[2], CHEAP[3]
    ) {
        let mut admitted = [0; 2];
        for (number, admitted) in admitted.iter_mut().enumerate() {
            for network in 0..30 {
                // Networks of one /56, then of one /48.
                let third = if number == 0 { format!("{network:x}") } else { format!("{network:x}00") };
                let status = attempt(&server, &format!("2001:db8:{number}:{third}::1"), "owner@example.com").await;
                *admitted += usize::from(status == StatusCode::UNAUTHORIZED);
                extend_delays(&server.database).await;
            }
        }
        assert_eq!(admitted, [10, 20]);
    }

    async fn guesses_from_20_networks_do_not_lock_out_a_new_device(
        server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3], CHEAP[0], CHEAP[1], CHEAP[2], CHEAP[3]
    ) {
        server.owner().await;
        let guess = async || {
            let mut admitted = 0;
            for network in 0..20 {
                let status = attempt(&server, &format!("192.0.2.{network}"), "owner@example.com").await;
                admitted += usize::from(status == StatusCode::UNAUTHORIZED);
            }
            extend_delays(&server.database).await;
            admitted
        };
        let mut admitted = Vec::new();
        for _ in 0..5 {
            admitted.push(guess().await);
        }
        assert_eq!(admitted, [20, 20, 20, 0, 0]);
        // The owner, on a new device in a new network, after two typing errors.
        for _ in 0..2 {
            assert_eq!(attempt(&server, HERE, "owner@example.com").await, StatusCode::UNAUTHORIZED);
        }
        sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await.expect(StatusCode::OK);
    }

    async fn guesses_from_many_new_networks_are_slow_but_delay_a_new_device_by_a_minute_only(
        server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3], CHEAP[0], CHEAP[1], CHEAP[2], CHEAP[3]
    ) {
        server.owner().await;
        let mut admitted = 0;
        // One guess from each network, without time passing.
        let refused = loop {
            let address = format!("192.0.{}.{}", admitted / 250, admitted % 250);
            let response = sign_in(&server, &address, "owner@example.com", "a wrong password", "").await;
            if response.status != StatusCode::UNAUTHORIZED {
                break response;
            }
            admitted += 1;
            extend_delays(&server.database).await;
        };
        assert_eq!(admitted, 100);
        expect_too_many(&refused);
        assert_eq!(refused.header("ratelimit-policy"), "\"new-networks\";q=60;w=86400");
        // The delay after many more guesses.
        let many = "hits = 60 AND retry_at > '2000-01-01T00:00:00+00:00'";
        set_hits(&server.database, 5000, many).await;
        assert_eq!(attempt(&server, THERE, "owner@example.com").await, StatusCode::UNAUTHORIZED);
        let refused = sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await;
        expect_too_many(&refused);
        let seconds: i64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        // Then the owner signs in, which leaves the guesses of others counted.
        set_hits(&server.database, 5001, "hits = 5001").await;
        sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await.expect(StatusCode::OK);
        assert_eq!(server.database.count("throttles WHERE hits = 5001").await, 1);
    }

    async fn successes_are_limited_by_account_and_network(
        server, ENABLED[0], ENABLED[1], ENABLED[2], ENABLED[3], CHEAP[0], CHEAP[1], CHEAP[2], CHEAP[3]
    ) {
        server.owner().await;
        server.user("other@example.com").await;
        for _ in 0..3 {
            sign_in(&server, HERE, "owner@example.com", PASSWORD, "").await.expect(StatusCode::OK);
        }
        let device = devices(&server, 1).await.remove(0);
        set_hits(&server.database, 199, "hits = 4").await;
        sign_in(&server, HERE, "owner@example.com", PASSWORD, &device).await.expect(StatusCode::OK);
        for cookie in ["", &device] {
            let refused = sign_in(&server, HERE, "owner@example.com", PASSWORD, cookie).await;
            expect_too_many(&refused);
            assert_eq!(refused.header("ratelimit-policy"), "\"sign-ins\";q=200;w=1200");
        }
        // The account in another network, and another account in this network.
        sign_in(&server, THERE, "owner@example.com", PASSWORD, "").await.expect(StatusCode::OK);
        sign_in(&server, HERE, "other@example.com", PASSWORD, "").await.expect(StatusCode::OK);
    }

    async fn expired_rows_are_deleted_and_counts_are_bounded(server) {
        const MAX: usize = 100_000;
        let owner = server.owner().await;
        server.database.execute("UPDATE sessions SET expires_at = '2001-01-01T00:00:00+00:00'").await;
        let token = "INSERT INTO one_time_tokens (hash, user_id, purpose, expires_at, created_at) VALUES";
        let sqlite = server.database.url.starts_with("sqlite:");
        let (hash, key, expires_at) = if sqlite {
            ("x'00'", "randomblob(32)", "strftime('%Y-%m-%dT%H:%M:%S+00:00', '2990-01-01', i || ' seconds')")
        } else {
            ("'\\x00'", "decode(md5(i::text), 'hex')", "timestamptz '2990-01-01 00:00:00+00' + i * interval '1 second'")
        };
        let time = "'2001-01-01T00:00:00+00:00'";
        server.database.execute(&format!("{token} ({hash}, '{}', 'reset_password', {time}, {time})", owner.id)).await;
        server.database.execute(&format!("INSERT INTO throttles VALUES ({hash}, 1, {time}, {time})")).await;
        server.database.execute(&format!("UPDATE known_devices SET expires_at = {time}")).await;
        server
            .database
            .execute(&format!(
                "INSERT INTO throttles WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
                 SELECT {key}, CASE i WHEN 1 THEN 2 ELSE 1 END, {time}, {expires_at} FROM n",
                MAX + 500
            ))
            .await;

        // A server deletes expired rows when it starts.
        serve(&server.database.url, &[]).await;
        let rest = "(SELECT user_id FROM sessions UNION ALL SELECT user_id FROM one_time_tokens \
             UNION ALL SELECT user_id FROM known_devices) AS rest";
        eventually("expired rows are deleted", async || {
            let is_done = server.database.count("throttles").await <= MAX && server.database.count(rest).await == 0;
            is_done.then_some(())
        })
        .await;
        assert_eq!(server.database.count("throttles").await, MAX);
        // The rows that expire first are deleted, but for one with more attempts.
        let early = "throttles WHERE expires_at < '2990-01-01T00:08:20+00:00'";
        assert_eq!(server.database.count(early).await, 1);
    }
}
