//! The allowed methods of each path of the API, for the `Allow` header.

use serde_json::Value;

/// The path templates of the API, split at `/`, each with the value of its `Allow` header.
#[derive(Clone)]
pub struct Methods(Vec<(Vec<String>, String)>);

impl Methods {
    /// Reads the methods from the OpenAPI document.
    pub fn of(document: &Value) -> Self {
        let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let paths = members(&document["paths"]).into_iter();
        Self(
            paths
                .map(|(path, operations)| {
                    let methods: Vec<String> = members(&operations)
                        .keys()
                        .map(|method| method.to_uppercase())
                        .collect();
                    (path.split('/').map(str::to_owned).collect(), methods.join(", "))
                })
                .collect(),
        )
    }

    /// The value of `Allow` for a request path; none if the path is unknown.
    pub fn allowed(&self, path: &str) -> Option<&str> {
        let path: Vec<&str> = path.split('/').collect();
        let fits = |template: &[String]| {
            template.len() == path.len() && template.iter().zip(&path).all(|(t, p)| t.starts_with('{') || t == p)
        };
        let found = self.0.iter().find(|(template, _)| fits(template));
        found.map(|(_, methods)| methods.as_str())
    }
}
