//! The OpenAPI document: what the operations say of themselves, and what holds for all of them by rule.

mod errors;

use std::collections::BTreeSet;
use std::mem;

use serde_json::{Map, Value, json};

use crate::http::problem::Wire;

/// Completes the document that the framework generated.
pub fn complete(generated: &str) -> Result<Value, serde_json::Error> {
    let mut document: Value = serde_json::from_str(generated)?;
    document["servers"] = json!([{ "url": "/" }]);
    simplify(&mut document);
    close_bodies(&mut document);
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, operations) in paths {
            for (_, operation) in operations.as_object_mut().into_iter().flatten() {
                if operation.get("security").is_none() {
                    // Says that no credential is needed; without it, nothing is said.
                    operation["security"] = json!([]);
                }
                errors::add(operation, Wire::of(path));
                simplify_headers(operation);
            }
        }
    }
    Ok(document)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Removes what the framework writes and generators of clients cannot read, from `value` and from everything in it.
fn simplify(value: &mut Value) {
    match value {
        Value::Object(object) => {
            // The annotations of a reference are written twice: beside it, and as a schema of their own.
            if let Some(all_of) = object.get_mut("allOf").and_then(Value::as_array_mut) {
                all_of.retain(|schema| schema.get("$ref").is_some());
            }
            // The framework's name for a date is not one that OpenAPI knows.
            if object.get("format").is_some_and(|format| format == "naive-date") {
                object.insert("format".to_owned(), "date".into());
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
