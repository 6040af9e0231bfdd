//! Compares the tables of `specs/` with the OpenAPI document, the migrated databases, and the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use reqwest::StatusCode;
use serde_json::Value;

use crate::contract;
use crate::support::{Database, Server, on_both_databases};

pub fn spec(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../specs").join(path)
}

/// The rows of the tables under a heading of level 2, by the header line of each table.
pub fn tables(file: &str, heading: &str) -> BTreeMap<String, Vec<Vec<String>>> {
    let text = fs::read_to_string(spec(file)).unwrap();
    let section = text
        .split("\n## ")
        .find_map(|section| section.strip_prefix(heading))
        .unwrap();
    let mut tables = BTreeMap::new();
    let mut header = None;
    for line in section.lines() {
        let Some(row) = line
            .strip_prefix('|')
            .and_then(|line| line.trim_end().strip_suffix('|'))
        else {
            header = None;
            continue;
        };
        let cells: Vec<String> = row
            .split('|')
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect();
        match &header {
            None => header = Some(cells.join(" | ")),
            Some(_) if cells.iter().all(|cell| cell.bytes().all(|byte| b"-: ".contains(&byte))) => {}
            Some(header) => tables.entry(header.clone()).or_insert_with(Vec::new).push(cells),
        }
    }
    tables
}

async fn document(server: &Server) -> Value {
    let response = server.get("/openapi.json").send().await;
    response.expect(StatusCode::OK);
    response.body
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().unwrap().iter()
}

fn numbers(cell: &str) -> BTreeSet<String> {
    cell.split(',').map(|number| number.trim().to_owned()).collect()
}

#[tokio::test]
async fn the_operations_table_matches_the_openapi_document() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let document = document(&server).await;
    let mut served = BTreeSet::new();
    for (path, operations) in members(&document["paths"]) {
        for (method, operation) in members(operations) {
            let alternatives = operation["security"].as_array().unwrap();
            let schemes = alternatives
                .iter()
                .map(|one| members(one).next().map_or("none", |(scheme, _)| scheme));
            let schemes: Vec<&str> = schemes.collect();
            let auth = match schemes.as_slice() {
                [] => "none".to_owned(),
                schemes => schemes.join(", "),
            };
            let statuses = members(&operation["responses"]).map(|(status, _)| status.clone());
            let (errors, success): (BTreeSet<_>, BTreeSet<_>) = statuses.partition(|status| status.as_str() >= "400");
            let name = operation["operationId"].as_str().unwrap();
            served.insert((
                method.to_uppercase(),
                path.clone(),
                name.to_owned(),
                auth,
                success,
                errors,
            ));
        }
    }
    let tables = tables("api/rest-endpoints.md", "Operations");
    let rows = &tables["Method | Path | Operation | Auth | Success | Errors"];
    let specified = rows.iter().map(|row| {
        let [method, path, name, auth, success, errors] = row.as_slice() else {
            panic!("{row:?}")
        };
        (
            method.clone(),
            path.clone(),
            name.clone(),
            auth.clone(),
            numbers(success),
            numbers(errors),
        )
    });
    assert_eq!(specified.collect::<BTreeSet<_>>(), served);
}

#[tokio::test]
async fn the_limits_table_matches_the_openapi_document() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let document = document(&server).await;
    let rules = ["minLength", "maxLength", "minimum", "maximum", "default"];
    let mut served = BTreeSet::new();
    let mut add = |schema: &str, field: &str, limits: &Value| {
        for rule in rules {
            if let Some(value) = limits[rule].as_f64() {
                served.insert([schema.to_owned(), field.to_owned(), rule.to_owned(), value.to_string()]);
            }
        }
    };
    for (name, schema) in members(&document["components"]["schemas"]) {
        for (field, limits) in schema["properties"].as_object().into_iter().flatten() {
            add(name, field, limits);
        }
    }
    for (_, operations) in members(&document["paths"]) {
        for (_, operation) in members(operations) {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = operation["operationId"].as_str().unwrap();
                add(name, parameter["name"].as_str().unwrap(), &parameter["schema"]);
            }
        }
    }
    let tables = tables("api/rest-endpoints.md", "Limits");
    let specified = tables["Schema | Field | Rule | Value"].iter().cloned();
    assert_eq!(
        specified
            .map(|row| row.try_into().unwrap())
            .collect::<BTreeSet<[String; 4]>>(),
        served
    );
}

#[tokio::test]
async fn the_limits_of_the_openapi_document_match_the_shared_crate() {
    use shared::{account, task};
    let server = Server::start(Database::sqlite(), &[]).await;
    let document = document(&server).await;
    let limit = |schema: &str, field: &str, rule: &str| {
        document["components"]["schemas"][schema]["properties"][field][rule]
            .as_f64()
            .unwrap() as usize
    };
    for schema in ["NewTask", "TaskChange"] {
        assert_eq!(limit(schema, "title", "maxLength"), task::TITLE_MAX);
        assert_eq!(limit(schema, "description", "maxLength"), task::DESCRIPTION_MAX);
    }
    assert_eq!(limit("SignUp", "name", "maxLength"), account::NAME_MAX);
    assert_eq!(limit("SignUp", "email", "maxLength"), account::EMAIL_MAX);
    assert_eq!(limit("SignUp", "password", "minLength"), account::PASSWORD_MIN);
    assert_eq!(limit("SignUp", "password", "maxLength"), account::PASSWORD_MAX);
    let parameters = document["paths"]["/api/{user_id}/tasks"]["get"]["parameters"]
        .as_array()
        .unwrap();
    let limit = &parameters
        .iter()
        .find(|parameter| parameter["name"] == "limit")
        .unwrap()["schema"];
    assert_eq!(limit["maximum"].as_f64(), Some(f64::from(task::LIMIT_MAX)));
    assert_eq!(limit["default"].as_f64(), Some(f64::from(task::LIMIT_DEFAULT)));
}

#[tokio::test]
async fn the_checked_in_openapi_document_is_current() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let served = format!("{}\n", serde_json::to_string_pretty(&document(&server).await).unwrap());
    let file = spec("001-spec-meta/contracts/openapi.json");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, &served).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == served,
        "{} is stale: run `just bless` and review the diff",
        file.display()
    );
}

/// The token check takes the owner from the path.
#[tokio::test]
async fn paths_begin_with_a_user_id_or_auth() {
    let server = Server::start(Database::sqlite(), &[]).await;
    for (path, _) in members(&document(&server).await["paths"]) {
        assert!(
            path.starts_with("/api/{user_id}/") || path.starts_with("/api/auth/"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_operation_is_described() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let document = document(&server).await;
    for (path, operations) in members(&document["paths"]) {
        for (method, operation) in members(operations) {
            let place = format!("{method} {path}");
            assert!(
                operation["operationId"].is_string() && operation["summary"].is_string(),
                "{place}"
            );
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{place}");
            for (status, response) in members(&operation["responses"]) {
                assert_ne!(response["description"], "", "{place} {status}");
                if status.as_str() >= "400" {
                    assert!(
                        response["content"]["application/problem+json"]["schema"].is_object(),
                        "{place} {status}"
                    );
                }
            }
        }
    }
}

/// Calls `check` with every object of the document that describes a schema, and with the path to it.
fn each_object(value: &Value, path: &str, check: &mut impl FnMut(&serde_json::Map<String, Value>, &str)) {
    match value {
        Value::Object(object) => {
            check(object, path);
            for (name, value) in object {
                each_object(value, &format!("{path}/{name}"), check);
            }
        }
        Value::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                each_object(value, &format!("{path}/{place}"), check);
            }
        }
        _ => {}
    }
}

/// Generators of clients drop or cannot compile other schemas.
#[tokio::test]
async fn schemas_are_compatible_with_code_generators() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let document = document(&server).await;
    each_object(&document, "", &mut |object, path| {
        if let Some(Value::String(reference)) = object.get("$ref") {
            let target = document.pointer(reference.strip_prefix('#').unwrap());
            assert!(target.is_some(), "{path} refers to {reference}, which does not exist");
            assert_eq!(object.len(), 1, "{path} has something beside its $ref");
        }
        if let Some(all_of) = object.get("allOf") {
            let all_of = all_of.as_array().unwrap();
            assert!(all_of.len() == 1 && all_of[0]["$ref"].is_string(), "{path}: {all_of:?}");
        }
        let is = |key: &str, value: &str| object.get(key).is_some_and(|found| found == value);
        if is("type", "array") {
            assert!(!object.contains_key("default"), "{path} has a list as its default");
        }
        if is("type", "object") {
            assert!(
                !object.contains_key("nullable"),
                "{path} is nullable wherever it is used"
            );
        }
    });
}

#[tokio::test]
async fn request_bodies_forbid_additional_properties() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let document = document(&server).await;
    for (_, operation) in members(&document["paths"]).flat_map(|(_, operations)| members(operations)) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        if let Some(schema) = schema.as_str() {
            let schema = document.pointer(schema.strip_prefix('#').unwrap()).unwrap();
            assert_eq!(schema["additionalProperties"], false, "{}", schema["title"]);
        }
    }
}

#[tokio::test]
async fn headers_are_declared_in_their_usual_spelling() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let document = document(&server).await;
    let mut names = BTreeSet::new();
    for (_, operation) in members(&document["paths"]).flat_map(|(_, operations)| members(operations)) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "header" {
                assert!(parameter["schema"]["format"].is_null(), "{parameter}");
                names.insert(parameter["name"].as_str().unwrap());
            }
        }
        for (_, response) in members(&operation["responses"]) {
            names.extend(
                response["headers"]
                    .as_object()
                    .into_iter()
                    .flat_map(|headers| headers.keys())
                    .map(String::as_str),
            );
        }
    }
    let expected = [
        "Content-Disposition",
        "ETag",
        "Idempotency-Key",
        "If-Match",
        "If-None-Match",
        "Link",
        "Location",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "WWW-Authenticate",
    ];
    assert_eq!(names, BTreeSet::from(expected));
}

#[tokio::test]
async fn the_error_codes_table_matches_the_openapi_document() {
    let server = Server::start(Database::sqlite(), &[]).await;
    let document = document(&server).await;
    let mut described = BTreeSet::new();
    for (path, operations) in members(&document["paths"]) {
        for (_, operation) in members(operations) {
            let name = &operation["operationId"];
            let errors = members(&operation["responses"]).filter(|(status, _)| status.as_str() >= "400");
            for (status, response) in errors {
                let header = match status.as_str() {
                    "401" => Some("WWW-Authenticate"),
                    "429" | "503" => Some("Retry-After"),
                    _ => None,
                };
                if let Some(header) = header {
                    assert_eq!(
                        response["headers"][header]["required"], true,
                        "{name} {status} {header}"
                    );
                }
                let codes: Vec<&str> = contract::codes(response).collect();
                assert!(!codes.is_empty(), "{name} {status}");
                let auth = path.starts_with("/api/auth/");
                described.extend(codes.iter().map(|code| (auth, status.clone(), (*code).to_owned())));
            }
        }
    }
    let tables = tables("api/rest-endpoints.md", "Errors");
    let specified: BTreeSet<_> = tables["Code | Status | Better Auth's | When"]
        .iter()
        .flat_map(|row| {
            [
                (false, row[1].clone(), row[0].clone()),
                (true, row[1].clone(), row[2].clone()),
            ]
        })
        .filter(|(_, _, code)| code != "none")
        .collect();
    assert_eq!(described.difference(&specified).collect::<Vec<_>>(), Vec::<&_>::new());
    // An operation cannot return `method_not_allowed`; each other code is described for at least one.
    let described: BTreeSet<_> = described
        .iter()
        .map(|(_, status, code)| (status, code.to_lowercase()))
        .collect();
    for row in &tables["Code | Status | Better Auth's | When"] {
        let spelled = [row[0].clone(), row[2].to_lowercase()];
        let found = spelled.into_iter().any(|code| described.contains(&(&row[1], code)));
        assert_eq!(found, row[0] != "method_not_allowed", "{}", row[0]);
    }
}

#[test]
fn the_tests_of_the_threat_model_exist() {
    let rows = tables("security/threat-model.md", "Threats");
    for row in &rows["Who | What | Mitigation | Test"] {
        let (file, name) = row[3].split_once("::").unwrap_or_else(|| panic!("{row:?}"));
        let (path, definition) = if file.ends_with(".spec.ts") {
            (format!("../frontend/e2e/{file}"), format!("test('{name}'"))
        } else {
            (format!("tests/it/{file}.rs"), format!("fn {name}("))
        };
        let text = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(&path)).unwrap();
        assert!(text.contains(&definition), "{path} has no {name}");
    }
}

on_both_databases! {
    async fn the_migrated_schema_matches_the_specification(server) {
        let sqlite = server.database.url.starts_with("sqlite:");
        let text = fs::read_to_string(spec("database/schema.md")).unwrap();
        let specified: BTreeSet<String> =
            text.lines().filter_map(|line| Some(line.strip_prefix("## `")?.strip_suffix('`')?.to_owned())).collect();
        let list = if sqlite {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'"
        } else {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'"
        };
        let migrated: BTreeSet<String> = server.database.rows(list).await.into_iter().flatten().collect();
        assert_eq!(migrated, specified);

        for table in specified {
            let tables = tables("database/schema.md", &format!("`{table}`"));
            let columns = &tables["Column | SQLite | PostgreSQL | Null | Meaning"];
            let kind = if sqlite { 1 } else { 2 };
            let specified: BTreeSet<Vec<String>> =
                columns.iter().map(|row| vec![row[0].clone(), row[kind].clone(), row[3].clone()]).collect();
            let migrated = server.database.rows(&columns_of(&table, sqlite)).await;
            assert_eq!(migrated.into_iter().collect::<BTreeSet<_>>(), specified, "columns of {table}");

            let plain = |cell: &String| cell.replace('`', "");
            let specified: BTreeSet<Vec<String>> =
                tables["Index | Columns | Unique"].iter().map(|row| row.iter().map(plain).collect()).collect();
            let migrated = server.database.rows(&indexes_of(&table, sqlite)).await;
            assert_eq!(migrated.into_iter().collect::<BTreeSet<_>>(), specified, "indexes of {table}");
        }
    }
}

/// Name, type, and whether it can be null.
fn columns_of(table: &str, sqlite: bool) -> String {
    if sqlite {
        format!("SELECT name, type, CASE \"notnull\" WHEN 1 THEN 'no' ELSE 'yes' END FROM pragma_table_info('{table}')")
    } else {
        format!(
            "SELECT column_name::text, upper(data_type)::text, lower(is_nullable)::text \
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '{table}'"
        )
    }
}

/// Name, columns, and whether it is unique.
fn indexes_of(table: &str, sqlite: bool) -> String {
    if sqlite {
        format!(
            "SELECT CASE origin WHEN 'pk' THEN 'primary key' ELSE name END, \
             (SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_index_info(list.name) ORDER BY seqno)), \
             CASE \"unique\" WHEN 1 THEN 'yes' ELSE 'no' END FROM pragma_index_list('{table}') AS list"
        )
    } else {
        format!(
            "SELECT CASE WHEN i.indisprimary THEN 'primary key' ELSE c.relname::text END, \
             (SELECT string_agg(a.attname::text, ', ' ORDER BY k.place) \
              FROM unnest(i.indkey::int[]) WITH ORDINALITY AS k(attnum, place) \
              JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum), \
             CASE WHEN i.indisunique THEN 'yes' ELSE 'no' END \
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'public.{table}'::regclass"
        )
    }
}
