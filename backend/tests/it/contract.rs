//! What the OpenAPI document promises: every answer that any test gets is held to it, and so are the credentials and the
//! bodies that it declares.

use std::sync::LazyLock;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Request, Server, User, on_both_databases};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| docket::openapi::document().unwrap());

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The operation that serves such a request. Nobody has the id `auth`: below it the answers are Better Auth's.
pub fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let template: Vec<&str> = template.split('/').collect();
        let matches =
            |(template, part): (&&str, &&str)| template == part || template.starts_with('{') && *part != "auth";
        template.len() == path.len() && template.iter().zip(&path).all(matches)
    };
    let (_, operations) = members(&DOCUMENT["paths"]).find(|(template, _)| fits(template))?;
    operations.get(method)
}

/// Asserts that the document describes such an answer of the operation.
#[track_caller]
pub fn check(operation: &Value, answer: &Answer) {
    let name = &operation["operationId"];
    let response = &operation["responses"][answer.status.as_str()];
    assert!(
        response.is_object(),
        "the document has no {} for {name}: {}",
        answer.status,
        answer.text
    );
    for (header, described) in members(&response["headers"]) {
        let required = described["required"] == true;
        assert!(
            !required || answer.headers.contains_key(header),
            "{name} answered {} without {header}",
            answer.status
        );
    }
    if answer.status.as_u16() >= 400 {
        let code = answer.body["code"].as_str().unwrap_or_default();
        assert!(
            codes(response).any(|described| described == code),
            "the document has no {code} among the {} of {name}",
            answer.status
        );
    }
}

/// The codes that the description of an error lists, one a line.
pub fn codes(response: &Value) -> impl Iterator<Item = &str> {
    let lines = response["description"].as_str().unwrap().lines();
    lines.filter_map(|line| Some(line.strip_prefix('`')?.split_once("`: ")?.0))
}

/// Every operation with its method and path.
fn operations() -> impl Iterator<Item = (Method, &'static str, &'static Value)> {
    let paths = members(&DOCUMENT["paths"]);
    paths.flat_map(|(path, operations)| {
        members(operations).map(|(method, operation)| {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            (method, path.as_str(), operation)
        })
    })
}

/// Whether one of the alternatives of the operation is that scheme; `None` is no credential at all.
fn takes(operation: &Value, scheme: Option<&str>) -> bool {
    let alternatives = operation["security"].as_array().unwrap();
    match scheme {
        Some(scheme) => alternatives.iter().any(|one| !one[scheme].is_null()),
        None => alternatives.is_empty() || alternatives.contains(&json!({})),
    }
}

/// Somebody with every credential that there is: a session, and a sign-in that waits for a code.
struct Everything<'a> {
    server: &'a Server,
    user: User<'a>,
    two_factor: String,
}

impl<'a> Everything<'a> {
    async fn new(server: &'a Server, email: &str) -> Self {
        let user = server.user(email).await;
        let turned_on = format!("UPDATE users SET two_factor_enabled = TRUE WHERE email = '{email}'");
        server.database.execute(&turned_on).await;
        let credentials = json!({ "email": email, "password": PASSWORD });
        let answer = server.post("/api/auth/sign-in/email", credentials).send().await;
        answer.expect(StatusCode::OK);
        let two_factor = answer.cookie_of("docket_two_factor");
        Self {
            server,
            user,
            two_factor,
        }
    }

    /// A request with that credential, for a task that is there. The body is empty or has one member that nobody knows.
    async fn request(&self, method: &Method, path: &str, operation: &Value, scheme: Option<&str>) -> Request {
        let mut path = path.replace("{user_id}", &self.user.id);
        if path.contains("{id}") {
            let task = self.user.task("a").await;
            path = path.replace("{id}", crate::support::id(&task));
        }
        let request = self.server.request(method.clone(), &path);
        let request = match scheme {
            Some("bearer") => request.bearer(&self.user.token),
            Some("cookie") => request.header("cookie", &self.user.cookie),
            Some("two_factor") => request.header("cookie", &self.two_factor),
            Some(other) => panic!("{other} is not known here"),
            None => request,
        };
        match operation.get("requestBody") {
            Some(_) => request.json(json!({ "surprise": 1 })),
            None => request,
        }
    }
}

on_both_databases! {
    /// Where a request comes without a credential that the operation takes it is 401, and nowhere else.
    async fn an_operation_takes_the_credentials_that_the_document_declares(server) {
        let schemes: Vec<&str> = members(&DOCUMENT["components"]["securitySchemes"]).map(|(name, _)| name.as_str()).collect();
        assert_eq!(schemes, ["bearer", "cookie", "two_factor"]);
        for (method, path, operation) in operations() {
            let name = operation["operationId"].as_str().unwrap();
            let everything = Everything::new(&server, &format!("{name}@example.com")).await;
            for scheme in [None, Some("cookie"), Some("two_factor"), Some("bearer")] {
                let request = everything.request(&method, path, operation, scheme).await;
                let answer = request.send().await;
                let expected = takes(operation, None) || takes(operation, scheme);
                assert_eq!(answer.status != StatusCode::UNAUTHORIZED, expected, "{name} with {scheme:?}: {}", answer.text);
            }
        }
    }

    async fn a_body_with_an_unknown_member_is_refused(server) {
        for (method, path, operation) in operations().filter(|(_, _, operation)| operation.get("requestBody").is_some()) {
            let name = operation["operationId"].as_str().unwrap();
            let everything = Everything::new(&server, &format!("{name}@example.com")).await;
            let scheme = operation["security"][0].as_object().and_then(|scheme| scheme.keys().next());
            let request = everything.request(&method, path, operation, scheme.map(String::as_str)).await;
            let answer = request.send().await;
            answer.expect_invalid("/surprise");
        }
    }

    /// The first credential that the document declares is the one that generated clients send.
    async fn each_credential_of_a_sign_out_ends_the_session(server) {
        let sign_out = operation("post", "/api/auth/sign-out").unwrap();
        let get_session = operation("get", "/api/auth/get-session").unwrap();
        assert_eq!(sign_out["security"], json!([{ "bearer": [] }, { "cookie": [] }, {}]));
        assert_eq!(get_session["security"], json!([{ "bearer": [] }, {}]));
        for scheme in ["bearer", "cookie"] {
            let everything = Everything::new(&server, &format!("{scheme}@example.com")).await;
            let session = || async {
                let request = everything.request(&Method::GET, "/api/auth/get-session", get_session, Some("bearer"));
                request.await.send().await.body["user"]["email"].clone()
            };
            assert_eq!(session().await, format!("{scheme}@example.com"));
            let request = everything.request(&Method::POST, "/api/auth/sign-out", sign_out, Some(scheme)).await;
            request.send().await.expect(StatusCode::OK);
            assert_eq!(session().await, Value::Null);
            let renewal = server.post("/api/auth/refresh", json!({})).header("cookie", &everything.user.cookie);
            renewal.send().await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        }
    }
}
