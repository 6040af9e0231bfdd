//! Converts errors of the framework to problems.

use std::io::ErrorKind;

use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError as PoemParsePathError, ReadBodyError};
use poem_openapi::error::{AuthorizationError, ParseParamError, ParsePathError};
use shared::problem::FieldError;
use shared::task::{LIMIT_MAX, Order, Sort, Status};

use super::Problem;
use crate::fault::Fault;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

impl Problem {
    /// Converts an error of the framework. Unknown errors are faults.
    pub fn from_error(error: poem::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(problem) => return problem,
            Err(error) => error,
        };
        if error.is::<AuthorizationError>() {
            Self::Unauthenticated
        } else if error.is::<NotFoundError>() || error.is::<ParsePathError>() || error.is::<PoemParsePathError>() {
            Self::NotFound
        } else if error.is::<MethodNotAllowedError>() {
            Self::MethodNotAllowed
        } else if let Some(error) = error.downcast_ref::<ParseParamError>() {
            match error.name {
                IDEMPOTENCY_KEY => Self::Invalid(vec![FieldError {
                    pointer: IDEMPOTENCY_KEY.to_owned(),
                    detail: format!("{IDEMPOTENCY_KEY} must be a UUID, a new one for each new task."),
                }]),
                name => Self::of_query(name, parameter_rule(name)),
            }
        } else if let Some(error) = error.downcast_ref::<ReadBodyError>() {
            match error {
                ReadBodyError::PayloadTooLarge => Self::TooLarge,
                ReadBodyError::Io(error) if error.kind() == ErrorKind::TimedOut => Self::RequestTimeout,
                other => Self::Malformed(other.to_string()),
            }
        } else {
            Fault::internal(format!("an error of the framework has no problem type: {error}")).into()
        }
    }
}

/// The valid values of a query parameter.
fn parameter_rule(name: &str) -> String {
    let one_of = |words: &[&str]| format!("{name} must be one of {}.", words.join(", "));
    match name {
        "status" => one_of(Status::WORDS),
        "sort" => one_of(Sort::WORDS),
        "order" => one_of(Order::WORDS),
        "limit" => format!("limit must be a whole number from 1 to {LIMIT_MAX}."),
        _ => format!("{name} has a value that it cannot have."),
    }
}
