//! The OpenAPI document: corrects what the framework generated, and adds what applies to every operation.

mod errors;

use std::collections::BTreeSet;
use std::mem;

use serde_json::{Map, Value, json};

use crate::http::problem::Wire;

/// Corrects and completes the generated document.
pub fn complete(generated: &str) -> Result<Value, serde_json::Error> {
    let mut document: Value = serde_json::from_str(generated)?;
    document["servers"] = json!([{ "url": "/" }]);
    simplify(&mut document);
    close_bodies(&mut document);
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, operations) in paths {
            for (method, operation) in operations.as_object_mut().into_iter().flatten() {
                if operation.get("security").is_none() {
                    // An empty list means that no credential is required; a missing one is unspecified.
                    operation["security"] = json!([]);
                }
                errors::add(operation, method, Wire::of(path));
                simplify_headers(operation);
            }
        }
    }
    Ok(document)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Removes constructs that client generators do not support, recursively.
fn simplify(value: &mut Value) {
    match value {
        Value::Object(object) => {
            // The framework writes the annotations of a reference twice: beside it, and as a schema in `allOf`.
            if let Some(all_of) = object.get_mut("allOf").and_then(Value::as_array_mut) {
                all_of.retain(|schema| schema.get("$ref").is_some());
            }
            // OpenAPI does not define the framework's format of a date.
            if object.get("format").is_some_and(|format| format == "naive-date") {
                object.insert("format".to_owned(), "date".into());
            }
            // The framework supports optional lists only with a default.
            if object.get("type").is_some_and(|kind| kind == "array") {
                object.remove("default");
            }
            object.values_mut().for_each(simplify);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        _ => {}
    }
}

/// Sets `additionalProperties: false` on every request body.
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

/// Declares headers as plain strings, with the usual spelling of their names. The framework writes them in upper case.
fn simplify_headers(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    let parameters = parameters.into_iter().flatten();
    for parameter in parameters.filter(|parameter| parameter["in"] == "header") {
        // Some generators serialize formatted strings incorrectly in headers.
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

/// The usual spelling of a header name.
fn spelled(name: &str) -> String {
    let word = |word: &str| match word.to_ascii_lowercase().as_str() {
        "etag" => "ETag".to_owned(),
        "ratelimit" => "RateLimit".to_owned(),
        "www" => "WWW".to_owned(),
        word => format!("{}{}", word[..1].to_ascii_uppercase(), &word[1..]),
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}
