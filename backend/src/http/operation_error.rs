//! The errors of an operation as part of its return type. They are declared beside the operation, and the OpenAPI document is
//! generated from the declaration.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use poem::error::ResponseError;
use poem::http::StatusCode;
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use shared::problem::{CONTENT_TYPE, Problem as Body};

use crate::http::problem::{Problem, Wire};

/// The errors that an operation declares. Errors that follow from its arguments are added to the document by `http::document`.
pub trait Errors: Send + Sync + 'static {
    /// The status of each response, and its description.
    fn responses() -> &'static [(u16, String)];
}

/// A problem, as the response of an operation that declares `E`.
#[derive(Debug)]
pub struct OperationError<E>(Problem, PhantomData<fn() -> E>);

impl<E, P: Into<Problem>> From<P> for OperationError<E> {
    fn from(problem: P) -> Self {
        Self(problem.into(), PhantomData)
    }
}

impl<E> From<OperationError<E>> for poem::Error {
    fn from(OperationError(problem, _): OperationError<E>) -> Self {
        problem.into()
    }
}

impl<E: Errors> ApiResponse for OperationError<E> {
    fn meta() -> MetaResponses {
        let declared = E::responses().iter().map(|(status, description)| MetaResponse {
            description,
            status: Some(*status),
            status_range: None,
            content: Vec::new(),
            headers: Vec::new(),
        });
        let mut meta = Problem::meta();
        meta.responses.extend(declared);
        meta
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

/// Every operation can fail with an internal error. Its reference also keeps the schema of all errors, because the framework
/// drops schemas without one. The other errors are declared by [`OperationError`], or added by `http::document::errors`.
impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        let content = MetaMediaType {
            content_type: CONTENT_TYPE,
            schema: Body::schema_ref(),
        };
        let fault = MetaResponse {
            description: "",
            status: Some(StatusCode::INTERNAL_SERVER_ERROR.as_u16()),
            status_range: None,
            content: vec![content],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![fault] }
    }

    fn register(registry: &mut Registry) {
        Body::register(registry);
    }
}

/// The description of each status of `problems`, with a paragraph for each code.
pub fn descriptions(problems: &[Problem], wire: Wire) -> BTreeMap<u16, String> {
    let mut by_status = BTreeMap::<u16, String>::new();
    for problem in problems {
        let description = by_status.entry(problem.status().as_u16()).or_default();
        if !description.is_empty() {
            description.push_str("\n\n");
        }
        description.push_str(&format!("`{}`: {}", problem.code(wire), meaning(problem)));
    }
    by_status
}

fn meaning(problem: &Problem) -> String {
    match problem {
        Problem::Invalid(_) => "The request is invalid: `errors` lists the broken rules.".to_owned(),
        Problem::TooMany(_) => {
            "Too many attempts or changes: `Retry-After` is the time to wait, in seconds.".to_owned()
        }
        Problem::TooManyTasks(_) => "The user has as many tasks as the server allows (`TASKS_MAX`).".to_owned(),
        problem => problem.to_string(),
    }
}

/// Declares the errors of an operation: `operation_errors!(Wire, Name: problem, ...)`.
macro_rules! operation_errors {
    ($wire:ident, $name:ident: $($problem:expr),+ $(,)?) => {
        #[doc = "The errors of an operation."]
        struct $name;

        impl $crate::http::operation_error::Errors for $name {
            fn responses() -> &'static [(u16, String)] {
                static RESPONSES: std::sync::LazyLock<Vec<(u16, String)>> = std::sync::LazyLock::new(|| {
                    let problems = [$($problem),+];
                    let wire = $crate::http::problem::Wire::$wire;
                    let descriptions = $crate::http::operation_error::descriptions(&problems, wire);
                    descriptions.into_iter().collect()
                });
                &RESPONSES
            }
        }
    };
}
pub(crate) use operation_errors;
