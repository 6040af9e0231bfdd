//! The operations on tasks: results, pagination, conditional requests, and isolation of users.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{id, on_both_databases, titles};

on_both_databases! {
    async fn create_returns_the_task(server) {
        let owner = server.owner().await;
        let body = json!({ "title": "  Water the plants ", "description": "The ferns twice\n", "due_date": "2030-05-01" });
        let created = owner.post(body).send().await;
        created.expect(StatusCode::CREATED);
        let task = &created.body;
        assert_eq!(task["title"], "Water the plants");
        assert_eq!(task["description"], "The ferns twice");
        assert_eq!(task["due_date"], "2030-05-01");
        assert_eq!(task["completed"], false);
        assert_eq!(task["user_id"], owner.id);
        assert_eq!(created.header("location"), owner.path(&format!("/{}", id(task))));
        assert_eq!(created.header("etag"), format!("\"{}\"", task["revision"]));
        for time in ["created_at", "updated_at"] {
            let text = task[time].as_str().unwrap();
            assert!(text.ends_with('Z') && text.parse::<chrono::DateTime<chrono::Utc>>().is_ok(), "{text}");
        }
        let found = owner.get(&format!("/{}", id(task))).send().await;
        found.expect(StatusCode::OK);
        assert_eq!(found.body, *task);
        assert_eq!(owner.get("").send().await.body, json!([task]));
    }

    async fn a_blank_description_is_stored_as_null(server) {
        let owner = server.owner().await;
        let created = owner.post(json!({ "title": "a", "description": " \n " })).send().await;
        created.expect(StatusCode::CREATED);
        assert_eq!(created.body["description"], Value::Null);
    }

    async fn title_length_counts_characters(server) {
        let owner = server.owner().await;
        let title = "🌿".repeat(200);
        assert_eq!(owner.task(&title).await["title"], title);
        owner.post(json!({ "title": "🌿".repeat(201) })).send().await.expect_invalid("/title");
    }

    async fn update_changes_the_members_sent_and_null_clears(server) {
        let owner = server.owner().await;
        let body = json!({ "title": "a", "description": "b", "due_date": "2030-05-01" });
        let task = owner.post(body).send().await.body;
        owner.toggle(id(&task)).send().await.expect(StatusCode::OK);

        let renamed = owner.put(id(&task), json!({ "title": " c " })).send().await;
        renamed.expect(StatusCode::OK);
        assert_eq!(renamed.body["title"], "c");
        assert_eq!(renamed.body["description"], "b");
        assert_eq!(renamed.body["due_date"], "2030-05-01");
        assert_eq!(renamed.body["completed"], true);
        assert!(renamed.body["revision"].as_i64() > task["revision"].as_i64());

        let cleared = owner.put(id(&task), json!({ "description": null, "due_date": null })).send().await;
        assert_eq!(cleared.body["title"], "c");
        assert_eq!(cleared.body["description"], Value::Null);
        assert_eq!(cleared.body["due_date"], Value::Null);
        assert_eq!(owner.get(&format!("/{}", id(&task))).send().await.body, cleared.body);
    }

    async fn complete_toggles_without_a_body_and_sets_with_one(server) {
        let owner = server.owner().await;
        let task = owner.task("a").await;
        assert_eq!(owner.toggle(id(&task)).send().await.body["completed"], true);
        assert_eq!(owner.toggle(id(&task)).send().await.body["completed"], false);
        for completed in [true, true, false] {
            let set = owner.toggle(id(&task)).json(json!({ "completed": completed })).send().await;
            set.expect(StatusCode::OK);
            assert_eq!(set.body["completed"], completed);
        }
    }

    async fn a_deleted_task_is_404(server) {
        let owner = server.owner().await;
        let task = owner.task("a").await;
        let deleted = owner.delete(id(&task)).send().await;
        deleted.expect(StatusCode::NO_CONTENT);
        assert_eq!(deleted.text, "");
        assert_eq!(owner.get("").send().await.body, json!([]));
        owner.get(&format!("/{}", id(&task))).send().await.expect_problem(StatusCode::NOT_FOUND, "not_found");
        owner.put(id(&task), json!({ "title": "b" })).send().await.expect_problem(StatusCode::NOT_FOUND, "not_found");
        owner.toggle(id(&task)).send().await.expect_problem(StatusCode::NOT_FOUND, "not_found");
        owner.delete(id(&task)).send().await.expect_problem(StatusCode::NOT_FOUND, "not_found");
    }

    async fn lists_filter_by_status(server) {
        let owner = server.owner().await;
        owner.task("to do").await;
        let done = owner.task("done").await;
        owner.toggle(id(&done)).send().await.expect(StatusCode::OK);
        assert_eq!(owner.titles("").await, ["done", "to do"]);
        assert_eq!(owner.titles("?status=all").await, ["done", "to do"]);
        assert_eq!(owner.titles("?status=pending").await, ["to do"]);
        assert_eq!(owner.titles("?status=completed").await, ["done"]);
    }

    async fn lists_sort_alike_on_every_database(server) {
        let owner = server.owner().await;
        for (title, due) in [("b", Some("2030-05-02")), ("Ä", None), ("C", Some("2030-05-01")), ("a", None)] {
            owner.post(json!({ "title": title, "due_date": due })).send().await.expect(StatusCode::CREATED);
        }
        let first = owner.get("?sort=created&order=asc&limit=1").send().await.body;
        owner.put(id(&first[0]), json!({ "description": "changed" })).send().await.expect(StatusCode::OK);
        assert_eq!(owner.titles("").await, ["a", "C", "Ä", "b"]);
        assert_eq!(owner.titles("?sort=created&order=asc").await, ["b", "Ä", "C", "a"]);
        assert_eq!(owner.titles("?sort=updated").await, ["b", "a", "C", "Ä"]);
        assert_eq!(owner.titles("?sort=title").await, ["a", "b", "C", "Ä"]);
        assert_eq!(owner.titles("?sort=title&order=desc").await, ["Ä", "C", "b", "a"]);
        assert_eq!(owner.titles("?sort=due_date").await, ["C", "b", "Ä", "a"]);
        assert_eq!(owner.titles("?sort=due_date&order=desc").await, ["a", "Ä", "b", "C"]);
    }

    async fn pagination_returns_the_whole_list_in_every_sort(server) {
        let owner = server.owner().await;
        for number in 0..7 {
            let due = (number % 2 == 0).then_some("2030-05-01");
            let body = json!({ "title": format!("task {}", number / 2), "due_date": due });
            owner.post(body).send().await.expect(StatusCode::CREATED);
        }
        for sort in ["created", "updated", "title", "due_date"] {
            for order in ["natural", "asc", "desc"] {
                let whole = owner.get(&format!("?sort={sort}&order={order}")).send().await;
                assert_eq!(whole.header("link"), "");
                let mut pages = Vec::new();
                let mut next = Some(owner.path(&format!("?sort={sort}&order={order}&limit=3")));
                while let Some(path) = next {
                    let page = server.get(&path).bearer(&owner.token).send().await;
                    page.expect(StatusCode::OK);
                    pages.extend(page.body.as_array().unwrap().clone());
                    let link = page.header("link").strip_prefix('<');
                    next = link.map(|link| link.strip_suffix(">; rel=\"next\"").unwrap().to_owned());
                }
                assert_eq!(Value::from(pages), whole.body, "{sort} {order}");
            }
        }
    }

    async fn pagination_is_stable_when_tasks_are_added_and_deleted(server) {
        let owner = server.owner().await;
        let mut tasks = Vec::new();
        for title in ["a", "b", "c", "d"] {
            tasks.push(owner.task(title).await);
        }
        let page = owner.get("?sort=title&limit=2").send().await;
        assert_eq!(titles(&page.body), ["a", "b"]);
        owner.delete(id(&tasks[1])).send().await.expect(StatusCode::NO_CONTENT);
        owner.task("aa").await;
        let next = page.header("link").trim_start_matches('<').split('>').next().unwrap();
        let page = server.get(next).bearer(&owner.token).send().await;
        assert_eq!(titles(&page.body), ["c", "d"]);
    }

    async fn if_none_match_with_the_current_etag_is_304(server) {
        let owner = server.owner().await;
        let task = owner.task("a").await;
        for path in [String::new(), format!("/{}", id(&task))] {
            let first = owner.get(&path).send().await;
            let tag = first.header("etag").to_owned();
            for known in [tag.clone(), format!("\"0\", W/{tag}"), "*".to_owned()] {
                let same = owner.get(&path).header("if-none-match", &known).send().await;
                same.expect(StatusCode::NOT_MODIFIED);
                assert_eq!(same.text, "");
                assert_eq!(same.header("etag"), tag);
            }
            owner.put(id(&task), json!({ "description": path })).send().await.expect(StatusCode::OK);
            let changed = owner.get(&path).header("if-none-match", &tag).send().await;
            changed.expect(StatusCode::OK);
            assert_ne!(changed.header("etag"), tag);
        }
    }

    async fn if_match_with_another_revision_is_412(server) {
        let owner = server.owner().await;
        let task = owner.task("a").await;
        let tag = format!("\"{}\"", task["revision"]);
        let renamed = owner.put(id(&task), json!({ "title": "b" })).header("if-match", &tag).send().await;
        renamed.expect(StatusCode::OK);
        for old in [tag.as_str(), "\"nonsense\"", "nonsense"] {
            let put = owner.put(id(&task), json!({ "title": "c" }));
            for late in [put, owner.toggle(id(&task)), owner.delete(id(&task))] {
                let response = late.header("if-match", old).send().await;
                response.expect_problem(StatusCode::PRECONDITION_FAILED, "changed_meanwhile");
            }
        }
        let now = owner.get(&format!("/{}", id(&task))).send().await;
        assert_eq!(now.body, renamed.body);
        owner.toggle(id(&task)).header("if-match", now.header("etag")).send().await.expect(StatusCode::OK);
        owner.delete(id(&task)).header("if-match", "*").send().await.expect(StatusCode::NO_CONTENT);
    }

    async fn create_with_an_idempotency_key_can_be_repeated(server) {
        let owner = server.owner().await;
        let stranger = server.user("stranger@example.com").await;
        let key = "01920000-0000-7000-8000-000000000001";
        let create = |title| owner.post(json!({ "title": title })).header("idempotency-key", key);
        let first = create("a").send().await;
        let again = create("a").send().await;
        again.expect(StatusCode::CREATED);
        assert_eq!(first.body["id"], key);
        assert_eq!(again.body, first.body);
        assert_eq!(owner.titles("").await, ["a"]);

        let theirs = stranger.post(json!({ "title": "theirs" })).header("idempotency-key", key).send().await;
        theirs.expect(StatusCode::CREATED);
        assert_eq!(owner.titles("").await, ["a"]);

        owner.delete(key).send().await.expect(StatusCode::NO_CONTENT);
        create("a").send().await.expect_problem(StatusCode::CONFLICT, "deleted");
        assert_eq!(stranger.titles("").await, ["theirs"]);
    }

    async fn tasks_of_another_user_are_inaccessible(server) {
        let owner = server.owner().await;
        let stranger = server.user("stranger@example.com").await;
        let task = owner.task("private").await;

        // The owner's path is 403 for the stranger's token, whether the task exists or not.
        for below in [format!("/{}", id(&task)), "/01920000-0000-7000-8000-000000000001".to_owned(), String::new()] {
            let response = server.get(&owner.path(&below)).bearer(&stranger.token).send().await;
            response.expect_problem(StatusCode::FORBIDDEN, "forbidden");
        }
        // Nor does `auth` as a user id give access.
        for path in ["/api/auth/tasks".to_owned(), format!("/api/auth/tasks/{}", id(&task))] {
            let response = server.get(&path).bearer(&owner.token).send().await;
            response.expect_problem(StatusCode::FORBIDDEN, "forbidden");
        }
        // Under the stranger's own path the task is 404.
        let not_found = [
            stranger.get(&format!("/{}", id(&task))),
            stranger.put(id(&task), json!({ "title": "mine" })),
            stranger.toggle(id(&task)),
            stranger.delete(id(&task)),
        ];
        for request in not_found {
            request.send().await.expect_problem(StatusCode::NOT_FOUND, "not_found");
        }
        assert_eq!(stranger.titles("").await, [""; 0]);
        assert_eq!(owner.get(&format!("/{}", id(&task))).send().await.body, task);
    }

    async fn errors_follow_the_specified_order(server) {
        let owner = server.owner().await;
        let stranger = server.user("stranger@example.com").await;
        let missing = "01920000-0000-7000-8000-000000000001";
        let bad = json!({ "title": "" });

        let path = stranger.path(&format!("/{missing}"));
        let anonymous = server.request(Method::PUT, &path).json(bad.clone()).send().await;
        anonymous.expect_problem(StatusCode::UNAUTHORIZED, "unauthenticated");
        assert_eq!(anonymous.header("www-authenticate"), "Bearer");
        let foreign = server.request(Method::PUT, &path).bearer(&owner.token).json(bad.clone()).send().await;
        foreign.expect_problem(StatusCode::FORBIDDEN, "forbidden");
        let foreign = server.get(&stranger.path("?limit=0")).bearer(&owner.token).send().await;
        foreign.expect_problem(StatusCode::FORBIDDEN, "forbidden");
        owner.put(missing, bad.clone()).send().await.expect_problem(StatusCode::NOT_FOUND, "not_found");
        owner.toggle(missing).json(json!({ "completed": 1 })).send().await.expect_problem(StatusCode::NOT_FOUND, "not_found");
        let task = owner.task("a").await;
        owner.put(id(&task), bad).send().await.expect_invalid("/title");
        owner.toggle(id(&task)).json(json!({ "completed": 1 })).send().await.expect_invalid("/completed");
    }
}
