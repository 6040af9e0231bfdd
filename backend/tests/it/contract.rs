//! The served API matches the OpenAPI document: every response that any test gets, the credentials, and the bodies.

use std::sync::LazyLock;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{PASSWORD, Request, Response, Server, User, on_both_databases};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| docket::openapi::document().unwrap());

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The operation of a method and a path. `auth` is no user id: paths below it are Better Auth's.
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

/// Asserts that the document describes the response: status, required headers, and code.
#[track_caller]
pub fn check(operation: &Value, response: &Response) {
    let name = &operation["operationId"];
    let described = &operation["responses"][response.status.as_str()];
    assert!(
        described.is_object(),
        "the document has no {} for {name}: {}",
        response.status,
        response.text
    );
    for (header, declared) in members(&described["headers"]) {
        let required = declared["required"] == true;
        assert!(
            !required || response.headers.contains_key(header),
            "{name} answered {} without {header}",
            response.status
        );
    }
    if response.status.as_u16() >= 400 {
        let code = response.body["code"].as_str().unwrap_or_default();
        assert!(
            codes(described).any(|described| described == code),
            "the document has no {code} among the {} of {name}",
            response.status
        );
    }
}

/// The codes in the description of an error response: one per line.
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

/// Whether the operation accepts that security scheme; `None` is a request without a credential.
fn accepts(operation: &Value, scheme: Option<&str>) -> bool {
    let alternatives = operation["security"].as_array().unwrap();
    match scheme {
        Some(scheme) => alternatives.iter().any(|one| !one[scheme].is_null()),
        None => alternatives.is_empty() || alternatives.contains(&json!({})),
    }
}

/// A user with a credential of every scheme: a session, and a pending two-factor sign-in.
struct Credentials<'a> {
    server: &'a Server,
    user: User<'a>,
    two_factor: String,
}

impl<'a> Credentials<'a> {
    async fn new(server: &'a Server, email: &str) -> Self {
        let user = server.user(email).await;
        let turned_on = format!("UPDATE users SET two_factor_enabled = TRUE WHERE email = '{email}'");
        server.database.execute(&turned_on).await;
        let credentials = json!({ "email": email, "password": PASSWORD });
        let response = server.post("/api/auth/sign-in/email", credentials).send().await;
        response.expect(StatusCode::OK);
        let two_factor = response.cookie_of("docket_two_factor");
        Self {
            server,
            user,
            two_factor,
        }
    }

    /// A request with the credential of that scheme, for an existing task. The body, if the operation takes one, has one
    /// unknown member.
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
            Some(other) => panic!("unknown security scheme {other}"),
            None => request,
        };
        match operation.get("requestBody") {
            Some(_) => request.json(json!({ "surprise": 1 })),
            None => request,
        }
    }
}

on_both_databases! {
    /// A request is 401 exactly when it has no credential that the operation declares.
    async fn operations_accept_exactly_the_declared_credentials(server) {
        let schemes: Vec<&str> = members(&DOCUMENT["components"]["securitySchemes"]).map(|(name, _)| name.as_str()).collect();
        assert_eq!(schemes, ["bearer", "cookie", "two_factor"]);
        for (method, path, operation) in operations() {
            let name = operation["operationId"].as_str().unwrap();
            let credentials = Credentials::new(&server, &format!("{name}@example.com")).await;
            for scheme in [None, Some("cookie"), Some("two_factor"), Some("bearer")] {
                let request = credentials.request(&method, path, operation, scheme).await;
                let response = request.send().await;
                let expected = accepts(operation, None) || accepts(operation, scheme);
                assert_eq!(response.status != StatusCode::UNAUTHORIZED, expected, "{name} with {scheme:?}: {}", response.text);
            }
        }
    }

    async fn unknown_members_are_refused(server) {
        for (method, path, operation) in operations().filter(|(_, _, operation)| operation.get("requestBody").is_some()) {
            let name = operation["operationId"].as_str().unwrap();
            let credentials = Credentials::new(&server, &format!("{name}@example.com")).await;
            let scheme = operation["security"][0].as_object().and_then(|scheme| scheme.keys().next());
            let request = credentials.request(&method, path, operation, scheme.map(String::as_str)).await;
            let response = request.send().await;
            response.expect_invalid("/surprise");
        }
    }

    /// Generated clients send the first credential that the document declares.
    async fn every_credential_of_sign_out_revokes_the_session(server) {
        let sign_out = operation("post", "/api/auth/sign-out").unwrap();
        let get_session = operation("get", "/api/auth/get-session").unwrap();
        assert_eq!(sign_out["security"], json!([{ "bearer": [] }, { "cookie": [] }, {}]));
        assert_eq!(get_session["security"], json!([{ "bearer": [] }, {}]));
        for scheme in ["bearer", "cookie"] {
            let credentials = Credentials::new(&server, &format!("{scheme}@example.com")).await;
            let session = || async {
                let request = credentials.request(&Method::GET, "/api/auth/get-session", get_session, Some("bearer"));
                request.await.send().await.body["user"]["email"].clone()
            };
            assert_eq!(session().await, format!("{scheme}@example.com"));
            let request = credentials.request(&Method::POST, "/api/auth/sign-out", sign_out, Some(scheme)).await;
            request.send().await.expect(StatusCode::OK);
            assert_eq!(session().await, Value::Null);
            let renewal = server.post("/api/auth/refresh", json!({})).header("cookie", &credentials.user.cookie);
            renewal.send().await.expect_problem(StatusCode::UNAUTHORIZED, "no_session");
        }
    }
}
