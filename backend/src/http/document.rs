//! The OpenAPI document: what the operations say of themselves, and what holds for all of them by rule.

mod errors;

use std::collections::BTreeSet;
use std::mem;

use serde_json::{Map, Value, json};

use crate::http::problem::AUTH;

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

/// Completes the document that the framework generated.
pub fn complete(generated: &str) -> Result<Value, serde_json::Error> {
    let mut document: Value = serde_json::from_str(generated)?;
    document["servers"] = json!([{ "url": "/" }]);
    simplify(&mut document);
    close_bodies(&mut document);
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
    add_examples(&mut document);
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, operations) in paths {
            for (_, operation) in operations.as_object_mut().into_iter().flatten() {
                if operation.get("security").is_none() {
                    // Says that no credential is needed; without it, nothing is said.
                    operation["security"] = json!([]);
                }
                errors::add(operation, path.starts_with(AUTH));
                simplify_headers(operation);
            }
        }
    }
    Ok(document)
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

/// Removes what the framework writes and generators of clients cannot read, from `value` and from everything in it.
fn simplify(value: &mut Value) {
    match value {
        Value::Object(object) => {
            // The annotations of a reference are written twice: beside it, and as a schema of their own.
            if let Some(all_of) = object.get_mut("allOf").and_then(Value::as_array_mut) {
                all_of.retain(|schema| schema.get("$ref").is_some());
            }
            // The framework knows a list that can be absent only with a default.
            if object.get("type").is_some_and(|kind| kind == "array") {
                object.remove("default");
            }
            object.values_mut().for_each(simplify);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        _ => {}
    }
}

/// Every request body refuses members that it does not know.
fn close_bodies(document: &mut Value) {
    let operations = members(&document["paths"]).flat_map(|(_, operations)| members(operations));
    let bodies: BTreeSet<String> = operations.filter_map(|(_, operation)| body(operation)).collect();
    for schema in bodies {
        document["components"]["schemas"][schema]["additionalProperties"] = false.into();
    }
}

/// The name of the schema of the request body.
fn body(operation: &Value) -> Option<String> {
    let schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()?;
    Some(schema.strip_prefix("#/components/schemas/")?.to_owned())
}

/// Headers are plain strings, whose names the framework writes in upper case.
fn simplify_headers(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    let parameters = parameters.into_iter().flatten();
    for parameter in parameters.filter(|parameter| parameter["in"] == "header") {
        // Generators make a type of it, and some send that without writing it as text.
        if let Some(schema) = parameter["schema"].as_object_mut() {
            schema.remove("format");
        }
    }
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    for response in responses.into_iter().flat_map(Map::values_mut) {
        if let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) {
            let spelled = mem::take(headers)
                .into_iter()
                .map(|(name, header)| (spelled(&name), header));
            headers.extend(spelled);
        }
    }
}

/// The usual spelling of the name of a header.
fn spelled(name: &str) -> String {
    let word = |word: &str| match word.to_ascii_lowercase().as_str() {
        "etag" => "ETag".to_owned(),
        "ratelimit" => "RateLimit".to_owned(),
        "www" => "WWW".to_owned(),
        word => format!("{}{}", word[..1].to_ascii_uppercase(), &word[1..]),
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}
