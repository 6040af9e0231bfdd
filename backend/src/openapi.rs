//! The OpenAPI document: what the operations say of themselves, and what holds for all of them by rule.

use poem_openapi::OpenApiService;
use serde_json::{Map, Value, json};

use crate::auth::throttle::{ACCOUNT, Refusal};
use crate::problem::Problem;
use crate::routes::account::AccountApi;
use crate::routes::auth::AuthApi;
use crate::routes::keys::KeyApi;
use crate::routes::recovery::RecoveryApi;
use crate::routes::sessions::SessionApi;
use crate::routes::tasks::TaskApi;
use crate::routes::two_factor::TwoFactorApi;

/// What can be null in an answer or in a request. The framework only knows what can be absent.
const NULLABLE: &[(&str, &[&str])] = &[
    ("Task", &["description", "due_date"]),
    ("NewTask", &["description", "due_date"]),
    ("TaskChange", &["description", "due_date"]),
    ("User", &["email", "image"]),
    ("Session", &["ipAddress", "userAgent"]),
    ("SignedUp", &["token"]),
    ("Activity", &["ipAddress", "userAgent"]),
];
/// The schemas of answers, in which every member is always there.
const COMPLETE: &[&str] = &["Task", "User", "Session", "SignedUp", "Activity"];

/// The bodies with something that can be guessed, or that asks for a mail or an account: there is a limit on how often.
const THROTTLED: &[&str] = &[
    "SignUp",
    "SignIn",
    "PasswordProof",
    "PasswordChange",
    "CodeProof",
    "LinkRequest",
    "EmailChange",
];

type Operations = (
    TaskApi,
    AuthApi,
    SessionApi,
    AccountApi,
    RecoveryApi,
    TwoFactorApi,
    KeyApi,
);

/// The operations as an endpoint.
pub fn service() -> OpenApiService<Operations, ()> {
    OpenApiService::new(Operations::default(), "Docket", env!("CARGO_PKG_VERSION"))
        .description("Tasks for many people. Sign up or sign in, then send the token as a bearer.")
}

/// The document.
pub fn document() -> Result<Value, serde_json::Error> {
    let mut document: Value = serde_json::from_str(&service().spec())?;
    document["servers"] = json!([{ "url": "/" }]);
    for (schema, members) in NULLABLE {
        for member in *members {
            document["components"]["schemas"][schema]["properties"][member]["nullable"] = true.into();
        }
    }
    for (schema, member) in [
        ("Task", "due_date"),
        ("NewTask", "due_date"),
        ("TaskChange", "due_date"),
    ] {
        // The framework's own name for it is not one that OpenAPI knows.
        document["components"]["schemas"][schema]["properties"][member]["format"] = "date".into();
    }
    for schema in COMPLETE {
        let schema = &mut document["components"]["schemas"][schema];
        let members: Vec<Value> = members(&schema["properties"])
            .map(|(name, _)| name.as_str().into())
            .collect();
        schema["required"] = members.into();
    }
    document["components"]["schemas"]["CurrentSession"]["nullable"] = true.into();
    document["components"]["securitySchemes"]["cookie"] =
        json!({ "type": "apiKey", "in": "cookie", "name": crate::auth::session::REFRESH_COOKIE });
    document["components"]["securitySchemes"]["two_factor"] =
        json!({ "type": "apiKey", "in": "cookie", "name": crate::auth::two_factor::COOKIE });
    for (path, security) in [
        ("/api/auth/refresh", json!([{ "cookie": [] }])),
        (
            "/api/auth/two-factor/verify-totp",
            json!([{ "bearer": [] }, { "two_factor": [] }]),
        ),
        ("/api/auth/two-factor/verify-backup-code", json!([{ "two_factor": [] }])),
    ] {
        document["paths"][path]["post"]["security"] = security;
    }
    add_examples(&mut document);
    if let Some(paths) = document["paths"].as_object_mut() {
        for (_, operations) in paths {
            for (_, operation) in operations.as_object_mut().into_iter().flatten() {
                add_errors(operation);
            }
        }
    }
    Ok(document)
}

/// The methods of each path, as `Allow` lists them.
#[derive(Clone)]
pub struct Methods(Vec<(Vec<String>, String)>);

impl Methods {
    /// Reads them from the document.
    pub fn of(document: &Value) -> Self {
        let paths = members(&document["paths"]);
        Self(
            paths
                .map(|(path, operations)| {
                    let methods: Vec<String> = members(operations).map(|(method, _)| method.to_uppercase()).collect();
                    (path.split('/').map(str::to_owned).collect(), methods.join(", "))
                })
                .collect(),
        )
    }

    /// What the path of a request allows.
    pub fn allowed(&self, path: &str) -> Option<&str> {
        let path: Vec<&str> = path.split('/').collect();
        let fits = |template: &[String]| {
            template.len() == path.len() && template.iter().zip(&path).all(|(t, p)| t.starts_with('{') || t == p)
        };
        let found = self.0.iter().find(|(template, _)| fits(template));
        found.map(|(_, methods)| methods.as_str())
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn add_examples(document: &mut Value) {
    let task = json!({
        "id": "01920000-0000-7000-8000-000000000001", "user_id": "01920000-0000-7000-8000-0000000000aa",
        "title": "Water the plants", "description": "The ferns twice", "completed": false, "due_date": "2030-05-01",
        "created_at": "2030-04-28T08:00:00Z", "updated_at": "2030-04-28T08:00:00Z", "revision": 7,
    });
    let examples = [
        ("Task", task),
        (
            "NewTask",
            json!({ "title": "Water the plants", "due_date": "2030-05-01" }),
        ),
        (
            "TaskChange",
            json!({ "title": "Water all plants", "description": null }),
        ),
        ("Completion", json!({ "completed": true })),
        (
            "SignUp",
            json!({ "name": "Owner", "email": "owner@example.com", "password": "correct horse battery" }),
        ),
        (
            "SignIn",
            json!({ "email": "owner@example.com", "password": "correct horse battery" }),
        ),
    ];
    for (schema, example) in examples {
        document["components"]["schemas"][schema]["example"] = example;
    }
}

/// The errors that an operation can answer follow from what it takes.
fn add_errors(operation: &mut Value) {
    let name = operation["operationId"].as_str().unwrap_or_default();
    let takes = |place: &str, name: Option<&str>| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters
            .filter(|one| one["in"] == place)
            .any(|one| name.is_none_or(|name| one["name"] == name))
    };
    let mut problems = vec![Problem::Internal(String::new()), Problem::Unavailable(String::new())];
    if operation.get("security").is_some() {
        problems.push(Problem::Unauthenticated);
    }
    if name == "sign_in" {
        problems.push(Problem::InvalidCredentials);
        problems.push(Problem::EmailNotVerified);
    }
    if name == "refresh_session" {
        problems.push(Problem::NoSession);
        problems.push(Problem::ForbiddenOrigin);
    }
    if ["export_data", "change_email"].contains(&name) {
        problems.push(Problem::SessionNotFresh);
    }
    if name == "revoke_session" {
        problems.push(Problem::NotFound);
    }
    if name == "verify_totp" || name == "verify_backup_code" {
        problems.push(Problem::InvalidCode);
        problems.push(Problem::ForbiddenOrigin);
    }
    if takes("path", Some("user_id")) {
        problems.push(Problem::Forbidden);
    }
    if takes("path", Some("id")) {
        problems.push(Problem::NotFound);
    }
    if takes("query", None) {
        problems.push(Problem::Invalid(Vec::new()));
    }
    if takes("header", Some("Idempotency-Key")) {
        problems.push(Problem::Deleted);
    }
    if takes("header", Some("If-Match")) {
        problems.push(Problem::ChangedMeanwhile);
    }
    if operation.get("requestBody").is_some() {
        problems.push(Problem::Malformed("expected value at line 1 column 1".to_owned()));
        problems.push(Problem::TooLarge);
        problems.push(Problem::UnsupportedMediaType);
        problems.push(Problem::Invalid(Vec::new()));
    }
    if ["reset_password", "verify_email"].contains(&name) {
        problems.push(Problem::InvalidToken);
    }
    let body = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
    let body = body.and_then(|body| body.strip_prefix("#/components/schemas/"));
    if body.is_some_and(|body| THROTTLED.contains(&body)) {
        problems.push(Problem::TooMany(Refusal {
            policy: &ACCOUNT,
            wait: ACCOUNT.window,
        }));
    }
    let responses: Map<String, Value> = problems.iter().map(described).collect();
    if let Some(all) = operation["responses"].as_object_mut() {
        all.extend(responses);
    }
}

fn described(problem: &Problem) -> (String, Value) {
    let status = poem::error::ResponseError::status(problem);
    let description = match problem {
        Problem::Invalid(_) => "A rule is broken: `errors` says which.".to_owned(),
        Problem::TooMany(_) => "Too many attempts: `Retry-After` says when to try again, in seconds.".to_owned(),
        problem => problem.to_string(),
    };
    let content = json!({ shared::problem::CONTENT_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } });
    (
        status.as_u16().to_string(),
        json!({ "description": description, "content": content }),
    )
}
