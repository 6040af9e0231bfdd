//! The routes of the server: the methods of each, for the `Allow` header, and the name of each, for the log.

use std::collections::HashMap;

use serde_json::Value;

/// Swagger UI. Its files are below.
pub const DOCS: &str = "/docs";
/// The OpenAPI document.
pub const OPENAPI: &str = "/openapi.json";
/// The liveness check.
pub const LIVE: &str = "/health/live";
/// The readiness check.
pub const READY: &str = "/health/ready";
/// Routes that are no operations of the API.
const OTHERS: [&str; 4] = [DOCS, OPENAPI, LIVE, READY];
/// The name of the other paths under `/api`.
const UNKNOWN: &str = "unknown";
/// The name of everything else: the files and the pages of the web client.
pub const STATIC: &str = "static";

/// The operations of the API by path.
#[derive(Clone)]
pub struct Routes {
    /// By path: those without a parameter, which are most.
    fixed: HashMap<String, Route>,
    with_parameters: Vec<(Vec<String>, Route)>,
}

#[derive(Clone)]
struct Route {
    /// As in the document, such as `/api/{user_id}/tasks`.
    template: String,
    /// As `Allow` lists them.
    methods: String,
}

impl Routes {
    /// Reads them from the document.
    pub fn of(document: &Value) -> Self {
        let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let mut routes = Self {
            fixed: HashMap::new(),
            with_parameters: Vec::new(),
        };
        for (template, operations) in members(&document["paths"]) {
            let methods: Vec<String> = members(&operations).keys().map(|name| name.to_uppercase()).collect();
            let methods = methods.join(", ");
            if template.contains('{') {
                let segments = template.split('/').map(str::to_owned).collect();
                routes.with_parameters.push((segments, Route { template, methods }));
            } else {
                routes.fixed.insert(template.clone(), Route { template, methods });
            }
        }
        routes
    }

    fn find(&self, path: &str) -> Option<&Route> {
        let with_parameters = || {
            self.with_parameters
                .iter()
                .find(|(segments, _)| matches(segments, path))
        };
        let fixed = self.fixed.get(path);
        fixed.or_else(|| with_parameters().map(|(_, route)| route))
    }

    /// The methods that the path of a request allows.
    pub fn allowed(&self, path: &str) -> Option<&str> {
        self.find(path).map(|route| route.methods.as_str())
    }

    /// The name of the route of a request, which has no part of the path that a client can choose.
    pub fn name(&self, path: &str) -> &str {
        if path == "/api" || path.starts_with("/api/") {
            self.find(path).map_or(UNKNOWN, |route| &route.template)
        } else {
            OTHERS.iter().find(|other| **other == path).unwrap_or(&STATIC)
        }
    }
}

fn matches(segments: &[String], path: &str) -> bool {
    let mut parts = path.split('/');
    let fits = |segment: &String| {
        let part = parts.next();
        part.is_some_and(|part| segment.starts_with('{') || segment == part)
    };
    segments.iter().all(fits) && parts.next().is_none()
}
