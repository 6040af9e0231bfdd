//! The error responses of the operations: the declared ones, and those that follow from the arguments.

use poem::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::http::operation_error::descriptions;
use crate::http::problem::{Problem, RateLimited, Wire};

/// Completes the error responses of an operation.
pub fn add(operation: &mut Value, method: &str, wire: Wire) {
    let implied = descriptions(&implied(operation, method), wire);
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    for (status, description) in implied {
        let response = responses
            .entry(status.to_string())
            .or_insert_with(|| json!({ "description": "" }));
        let declared = response["description"].as_str().unwrap_or_default();
        if !declared.contains(&description) {
            let both = format!("{description}\n\n{declared}");
            response["description"] = both.trim_end().into();
        }
    }
    for (status, response) in responses {
        if let Some(status) = status.parse().ok().filter(|status: &StatusCode| status.as_u16() >= 400) {
            response["content"] =
                json!({ shared::problem::CONTENT_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } });
            let headers: Map<String, Value> = described(sample(status).response(wire).headers()).collect();
            if !headers.is_empty() {
                response["headers"] = headers.into();
            }
        }
    }
}

/// A problem of that status, for its headers: they depend on the status alone.
fn sample(status: StatusCode) -> Problem {
    match status {
        StatusCode::UNAUTHORIZED => Problem::Unauthenticated,
        StatusCode::TOO_MANY_REQUESTS => Problem::TooMany(RateLimited::default()),
        StatusCode::SERVICE_UNAVAILABLE => Problem::Busy,
        _ => Problem::NotFound,
    }
}

/// The errors that follow from the arguments of an operation.
fn implied(operation: &Value, method: &str) -> Vec<Problem> {
    let takes = |place: &str| {
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters.any(|parameter| parameter["in"] == place)
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
            if method != "get" {
                problems.push(Problem::TooMany(RateLimited::default()));
            }
        }
    }
    if takes("path") && !is_optional {
        problems.push(Problem::Forbidden);
    }
    if operation.get("requestBody").is_some() {
        problems.push(Problem::Malformed("expected value at line 1 column 1".to_owned()));
        problems.push(Problem::RequestTimeout);
        problems.push(Problem::TooLarge);
        problems.push(Problem::UnsupportedMediaType);
    }
    if operation.get("requestBody").is_some() || takes("query") {
        problems.push(Problem::Invalid(Vec::new()));
    }
    problems
}

/// The headers of a response, as the document describes them.
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
