//! Invalid requests: each is a 4xx problem, and nothing is written.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::support::{id, on_both_databases};

/// A valid value of that member, with a new e-mail each time. Passwords are wrong, so that no account is deleted.
fn sample(member: &str) -> Value {
    match member {
        "email" | "newEmail" => json!(format!("{}@example.com", Uuid::now_v7())),
        "name" => json!("Owner"),
        "rememberMe" | "revokeOtherSessions" | "trustDevice" => json!(true),
        "newDevice" | "failedSignIns" | "recoveryCodeUsed" | "accountDeleted" => json!(true),
        "code" => json!("000000"),
        _ => json!("some plain words"),
    }
}

on_both_databases! {
    async fn bodies_that_are_not_json_are_400(server) {
        let owner = server.owner().await;
        let deep = "[".repeat(20_000);
        let deep_value = format!("{{\"title\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
        for body in ["", "{", "{\"title\":\"a\"", "{\"title\":\"\\ud800\"}", "title=a", deep.as_str()] {
            let response = owner.request(Method::POST, "").text(body).send().await;
            response.expect_problem(StatusCode::BAD_REQUEST, "malformed");
        }
        let response = owner.request(Method::POST, "").text(deep_value).send().await;
        assert!(response.status.is_client_error(), "{}", response.text);
        assert_eq!(server.database.count("tasks").await, 0);
    }

    async fn bodies_that_break_the_schema_are_422(server) {
        let owner = server.owner().await;
        let long = "a".repeat(1001);
        let wrong = [
            (json!({}), ""),
            (json!([]), ""),
            (json!(["a", null, null]), ""),
            (json!(null), ""),
            (json!("a"), ""),
            (json!({ "title": null }), "/title"),
            (json!({ "title": 5 }), "/title"),
            (json!({ "title": ["a"] }), "/title"),
            (json!({ "title": "" }), "/title"),
            (json!({ "title": " \u{3000}\t\n" }), "/title"),
            (json!({ "title": "a".repeat(201) }), "/title"),
            (json!({ "title": "a\u{0}b" }), "/title"),
            (json!({ "title": "a", "description": long }), "/description"),
            (json!({ "title": "a", "description": "\u{0}" }), "/description"),
            (json!({ "title": "a", "description": 1 }), "/description"),
            (json!({ "title": "a", "due_date": "tomorrow" }), "/due_date"),
            (json!({ "title": "a", "due_date": "2030-02-30" }), "/due_date"),
            (json!({ "title": "a", "due_date": "2030-2-3" }), "/due_date"),
            (json!({ "title": "a", "due_date": "0000-02-03" }), "/due_date"),
            (json!({ "title": "a", "due_date": "+12030-02-20" }), "/due_date"),
            (json!({ "title": "a", "user_id": "somebody" }), "/user_id"),
            (json!({ "title": "a", "id": "01920000-0000-7000-8000-000000000001" }), "/id"),
            (json!({ "title": "a", "created_at": "2030-01-01T00:00:00Z" }), "/created_at"),
        ];
        for (body, pointer) in wrong {
            owner.post(body).send().await.expect_invalid(pointer);
        }
        assert_eq!(server.database.count("tasks").await, 0);
    }

    async fn null_is_refused_for_optional_members_of_accounts(server) {
        let owner = server.owner().await;
        // A pending two-factor sign-in.
        let hash = format!("{:x}", Sha256::digest([0; 32]));
        let hash = if server.database.url.starts_with("sqlite:") { format!("x'{hash}'") } else { format!("'\\x{hash}'") };
        let (time, columns) = ("'2999-01-01T00:00:00+00:00'", "hash, user_id, purpose, expires_at, created_at");
        let values = format!("{hash}, '{}', 'two_factor', {time}, {time}", owner.id);
        let wait = format!("INSERT INTO one_time_tokens ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING");
        let waiting = format!("docket_two_factor={}.true", "A".repeat(43));
        let document = server.get("/openapi.json").send().await.body;
        let mut seen = Vec::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            let schema = &operations["post"]["requestBody"]["content"]["application/json"]["schema"];
            let Some(name) = schema["$ref"].as_str().filter(|_| path.starts_with("/api/auth/")) else {
                continue;
            };
            // A change of the e-mail deletes it.
            server.database.execute(&wait).await;
            let schema = document.pointer(name.strip_prefix('#').unwrap()).unwrap();
            let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let whole = || Value::Object(required.iter().map(|member| ((*member).to_owned(), sample(member))).collect());
            let post = |body: Value| server.post(path, body).bearer(&owner.token).header("cookie", &waiting).send();
            for member in schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name) {
                if !required.contains(&member.as_str()) {
                    let mut body = whole();
                    body[member] = Value::Null;
                    post(body.clone()).await.expect_invalid(&format!("/{member}"));
                    body[member] = sample(member);
                    // The deletion of an account with a password requires it beside the code.
                    if path == "/api/auth/delete-user" {
                        body["password"] = sample("password");
                    }
                    assert_ne!(post(body).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{member} of {path}");
                    seen.push(member.as_str());
                }
            }
            if path == "/api/auth/delete-user" {
                // Optional for users of the external issuer only, who have no password.
                post(whole()).await.expect_invalid("/password");
            // One of the optional members of verify-email is required.
            } else if !schema["properties"].is_null() && path != "/api/auth/verify-email" {
                assert_ne!(post(whole()).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
            }
        }
        for member in ["rememberMe", "callbackURL", "redirectTo", "name", "revokeOtherSessions", "trustDevice"] {
            assert!(seen.contains(&member), "{member}");
        }
        // In tasks null clears a member.
        let task = json!({ "title": "a", "description": null, "due_date": null });
        let task = owner.post(task).send().await;
        task.expect(StatusCode::CREATED);
        let cleared = json!({ "description": null, "due_date": null });
        owner.put(id(&task.body), cleared).send().await.expect(StatusCode::OK);
    }

    async fn all_broken_rules_are_reported_together(server) {
        let owner = server.owner().await;
        let response = owner.post(json!({ "title": "", "description": "a".repeat(1001) })).send().await;
        response.expect_invalid("/title");
        response.expect_invalid("/description");
    }

    async fn a_refused_update_changes_nothing(server) {
        let owner = server.owner().await;
        let task = owner.task("a").await;
        for (body, pointer) in [
            (json!({ "title": null }), "/title"),
            (json!({ "title": "b", "description": "a".repeat(1001) }), "/description"),
            (json!({ "title": "b", "completed": true }), "/completed"),
            (json!({ "due_date": "never" }), "/due_date"),
            (json!(["b"]), ""),
        ] {
            owner.put(id(&task), body).send().await.expect_invalid(pointer);
        }
        owner.toggle(id(&task)).json(json!({ "completed": "yes" })).send().await.expect_invalid("/completed");
        owner.toggle(id(&task)).json(json!({})).send().await.expect_invalid("");
        owner.toggle(id(&task)).text("{").send().await.expect_problem(StatusCode::BAD_REQUEST, "malformed");
        assert_eq!(owner.get(&format!("/{}", id(&task))).send().await.body, task);
    }

    async fn bodies_that_are_too_large_are_413(server) {
        let owner = server.owner().await;
        let body = format!("{{\"title\":\"{}\"}}", "a".repeat(64 * 1024));
        let response = owner.request(Method::POST, "").text(body).send().await;
        response.expect_problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
        // The rest of the body is not read, so no request can follow on the connection.
        assert_eq!(response.header("connection"), "close");
    }

    async fn bodies_of_another_media_type_are_415(server) {
        let owner = server.owner().await;
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            let response = owner.request(Method::POST, "").header("content-type", kind).raw("{\"title\":\"a\"}").send().await;
            response.expect_problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
        }
        let json = owner.request(Method::POST, "").header("content-type", "Application/JSON; charset=utf-8");
        json.raw("{\"title\":\"a\"}").send().await.expect(StatusCode::CREATED);
    }

    async fn bad_query_parameters_are_422(server) {
        let owner = server.owner().await;
        let other_sort = {
            owner.task("a").await;
            owner.task("b").await;
            let page = owner.get("?sort=title&limit=1").send().await;
            let link = page.header("link");
            link.split("cursor=").nth(1).unwrap().split('>').next().unwrap().to_owned()
        };
        for (query, pointer) in [
            ("?status=done", "?status"),
            ("?status=", "?status"),
            ("?status=Pending", "?status"),
            ("?sort=priority", "?sort"),
            ("?order=up", "?order"),
            ("?limit=0", "?limit"),
            ("?limit=501", "?limit"),
            ("?limit=-1", "?limit"),
            ("?limit=ten", "?limit"),
            ("?limit=99999999999999999999", "?limit"),
            ("?cursor=", "?cursor"),
            ("?cursor=abc", "?cursor"),
            ("?cursor=%00%ff", "?cursor"),
            (&format!("?cursor={other_sort}"), "?cursor"),
        ] {
            owner.get(query).send().await.expect_invalid(pointer);
        }
        owner.get("?sort=title&status=pending&unknown=1").send().await.expect(StatusCode::OK);
        let key = owner.post(json!({ "title": "a" })).header("idempotency-key", "again").send().await;
        key.expect_invalid("Idempotency-Key");
    }

    async fn forged_cursors_are_422(server) {
        use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
        let owner = server.owner().await;
        let id = "01920000-0000-7000-8000-000000000001";
        for (sort, key) in [
            ("title", json!({ "Title": "a\u{0}b" })),
            ("due_date", json!({ "DueDate": "-5000-01-01" })),
            ("due_date", json!({ "DueDate": "+12000-01-01" })),
            ("created", json!({ "Created": "-5000-01-01T00:00:00Z" })),
            ("created", json!({ "Updated": 1 })),
        ] {
            let cursor = BASE64_URL_SAFE_NO_PAD.encode(json!({ "key": key, "id": id }).to_string());
            owner.get(&format!("?sort={sort}&cursor={cursor}")).send().await.expect_invalid("?cursor");
        }
    }

    async fn ids_that_cannot_exist_are_404(server) {
        let owner = server.owner().await;
        for id in ["abc", "-1", "0", "%00", "%ff", "01920000-0000-7000-8000-00000000000", "null", "..%2f", "🌿"] {
            for request in [
                owner.get(&format!("/{id}")),
                owner.put(id, json!({ "title": "a" })),
                owner.toggle(id),
                owner.delete(id),
            ] {
                request.send().await.expect_problem(StatusCode::NOT_FOUND, "not_found");
            }
        }
    }

    async fn unknown_paths_and_methods_are_problems(server) {
        let owner = server.owner().await;
        for path in ["/api", "/api/", "/api/nothing", "/api/auth/nothing", "/api/a/b/c/d/e"] {
            server.get(path).send().await.expect_problem(StatusCode::NOT_FOUND, "not_found");
        }
        let wrong = owner.request(Method::DELETE, "").send().await;
        wrong.expect_problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
        assert_eq!(wrong.header("allow"), "GET, POST");
        let wrong = server.get("/api/auth/sign-in/email").send().await;
        wrong.expect_problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
        assert_eq!(wrong.header("allow"), "POST");
    }

    async fn sign_up_and_sign_in_validate_their_bodies(server) {
        let valid = json!({ "name": "Owner", "email": "owner@example.com", "password": "correct horse" });
        let with = |field: &str, value: serde_json::Value| {
            let mut body = valid.clone();
            body[field] = value;
            body
        };
        for (body, pointer) in [
            (json!({}), ""),
            (with("name", json!(" ")), "/name"),
            (with("name", json!("a".repeat(101))), "/name"),
            (with("name", json!(null)), "/name"),
            (with("email", json!("owner")), "/email"),
            (with("email", json!("owner@")), "/email"),
            (with("email", json!("@example.com")), "/email"),
            (with("email", json!("a@b@example.com")), "/email"),
            (with("email", json!("a b@example.com")), "/email"),
            (with("email", json!(format!("{}@example.com", "a".repeat(250)))), "/email"),
            (with("email", json!("a\u{0}@example.com")), "/email"),
            (with("password", json!("short")), "/password"),
            (with("password", json!("a".repeat(129))), "/password"),
            (with("password", json!("Owner@Example.com")), "/password"),
            (with("password", json!(12345678)), "/password"),
            (with("emailVerified", json!(true)), "/emailVerified"),
        ] {
            server.post("/api/auth/sign-up/email", body).send().await.expect_invalid(pointer);
        }
        server.post("/api/auth/sign-in/email", json!({ "email": "a", "password": "" })).send().await.expect_invalid("/email");
        assert_eq!(server.database.count("users").await, 0);
    }
}
