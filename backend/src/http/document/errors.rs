//! The errors that each operation can answer. Most follow from what the operation takes.

use std::collections::BTreeMap;

use poem::error::ResponseError;
use poem::http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::http::problem::{Problem, RateLimited};

/// Adds them to the responses of an operation. `auth` is whether it is on the wire of Better Auth.
pub fn add(operation: &mut Value, auth: bool) {
    let mut by_status = BTreeMap::<u16, Vec<Problem>>::new();
    for problem in general(operation).into_iter().chain(particular(operation)) {
        by_status.entry(problem.status().as_u16()).or_default().push(problem);
    }
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        let errors = by_status.into_iter();
        responses.extend(errors.map(|(status, problems)| (status.to_string(), response(&problems, auth))));
    }
}

/// What follows from what an operation takes.
fn general(operation: &Value) -> Vec<Problem> {
    let takes = |place: &str, name: Option<&str>| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters
            .filter(|one| one["in"] == place)
            .any(|one| name.is_none_or(|name| one["name"] == name))
    };
    let mut problems = vec![Fault::internal("").into(), Fault::unavailable("").into()];
    let security = operation["security"].as_array().map_or(&[][..], Vec::as_slice);
    let is_optional = security.is_empty() || security.contains(&json!({}));
    if !is_optional {
        let takes_cookie = security.iter().any(|scheme| scheme.get("bearer").is_none());
        if takes_cookie {
            problems.push(Problem::NoSession);
            problems.push(Problem::ForbiddenOrigin);
        } else {
            problems.push(Problem::Unauthenticated);
        }
    }
    if takes("path", Some("user_id")) {
        problems.push(Problem::Forbidden);
    }
    if takes("path", Some("id")) {
        problems.push(Problem::NotFound);
    }
    if operation.get("requestBody").is_some() {
        problems.push(Problem::Malformed("expected value at line 1 column 1".to_owned()));
        problems.push(Problem::RequestTimeout);
        problems.push(Problem::TooLarge);
        problems.push(Problem::UnsupportedMediaType);
    }
    if operation.get("requestBody").is_some() || takes("query", None) {
        problems.push(Problem::Invalid(Vec::new()));
    }
    if takes("header", Some("Idempotency-Key")) {
        problems.push(Problem::Deleted);
    }
    if takes("header", Some("If-Match")) {
        problems.push(Problem::ChangedMeanwhile);
    }
    problems
}

/// What only some operations answer.
fn particular(operation: &Value) -> Vec<Problem> {
    let throttled = || {
        Problem::TooMany(RateLimited {
            policy: "",
            quota: 1,
            window: 1,
            wait: 1,
        })
    };
    let password = || vec![Problem::WrongPassword(""), throttled(), Problem::Busy];
    let also = |mut problems: Vec<Problem>, problem| {
        problems.push(problem);
        problems
    };
    match operation["operationId"].as_str().unwrap_or_default() {
        "sign_up" => vec![Problem::EmailTaken(""), throttled(), Problem::Busy],
        "sign_in" => vec![
            Problem::InvalidCredentials,
            Problem::NoSession,
            Problem::EmailNotVerified,
            throttled(),
            Problem::Busy,
        ],
        "revoke_session" => vec![Problem::NotFound],
        "verify_password" | "change_password" | "delete_user" => password(),
        "export_data" => vec![Problem::SessionNotFresh, Problem::Busy],
        "request_password_reset" | "send_verification_email" => vec![throttled(), Problem::Busy],
        "reset_password" => vec![Problem::InvalidToken, Problem::Busy],
        "verify_email" => vec![Problem::InvalidToken, Problem::EmailTaken("")],
        "change_email" => vec![
            Problem::SessionNotFresh,
            Problem::EmailTaken(""),
            throttled(),
            Problem::Busy,
        ],
        "enable_two_factor" => also(password(), Problem::TwoFactorOn),
        "disable_two_factor" | "generate_backup_codes" => also(password(), Problem::TwoFactorOff),
        "verify_totp" => vec![
            Problem::TwoFactorOn,
            Problem::TwoFactorOff,
            Problem::InvalidCode,
            throttled(),
        ],
        "verify_backup_code" => vec![Problem::InvalidCode, throttled()],
        _ => Vec::new(),
    }
}

/// The response of one status: a line for each code, and the headers that are really sent.
fn response(problems: &[Problem], auth: bool) -> Value {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("`{}`: {}", problem.code(auth), meaning(problem)))
        .collect();
    let mut headers = Map::new();
    for problem in problems {
        headers.extend(described(problem.response(auth).headers()));
    }
    let mut response = json!({
        "description": lines.join("\n\n"),
        "content": { shared::problem::CONTENT_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    if !headers.is_empty() {
        response["headers"] = headers.into();
    }
    response
}

fn meaning(problem: &Problem) -> String {
    match problem {
        Problem::Invalid(_) => "A rule is broken: `errors` says which.".to_owned(),
        Problem::TooMany(_) => "Too many attempts: `Retry-After` says when to try again, in seconds.".to_owned(),
        problem => problem.to_string(),
    }
}

/// The headers of an answer as the document describes them.
fn described(sent: &HeaderMap) -> impl Iterator<Item = (String, Value)> {
    sent.keys().filter(|name| *name != header::CONTENT_TYPE).map(|name| {
        let (kind, description) = match name.as_str() {
            "www-authenticate" => ("string", "How to authenticate: `Bearer`."),
            "retry-after" => ("integer", "How many seconds to wait before the next try."),
            "ratelimit-policy" => (
                "string",
                "The policy: its name, how many are free, and for how many seconds a count lasts.",
            ),
            "ratelimit" => ("string", "What is left, and in how many seconds the next try may come."),
            _ => ("string", ""),
        };
        let header = json!({ "description": description, "required": true, "schema": { "type": kind } });
        (name.as_str().to_owned(), header)
    })
}
