//! Why a request has no successful response, as every part of the client handles it.

use shared::problem::{FieldError, Problem};

/// Why a request has no successful response.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// No response: there is no network, or the server is down.
    Unreachable,
    /// The server cannot handle the request now (429, 5xx). The number is the `Retry-After` header, in seconds.
    Unavailable(Box<Problem>, Option<u32>),
    /// The server refuses the request (other 4xx).
    Refused(Box<Problem>),
    /// The user is not signed in, and the session cannot be refreshed.
    SessionEnded,
    /// The request was not sent, because the input breaks rules that client and server share.
    Invalid(Vec<FieldError>),
}

impl From<Vec<FieldError>> for Failure {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::Invalid(errors)
    }
}

impl Failure {
    /// The message for the user.
    pub fn message(&self) -> String {
        match self {
            Self::Unreachable => "The server cannot be reached. Check your connection and try again.".to_owned(),
            Self::Unavailable(problem, _) | Self::Refused(problem) => problem.detail.clone(),
            Self::Invalid(errors) => errors.first().map(|error| error.detail.clone()).unwrap_or_default(),
            Self::SessionEnded => "Your session has ended. Sign in again.".to_owned(),
        }
    }

    /// The errors of single fields.
    pub fn field_errors(&self) -> &[FieldError] {
        match self {
            Self::Refused(problem) => &problem.errors,
            Self::Invalid(errors) => errors,
            _ => &[],
        }
    }

    /// Whether the user has to enter the password again before the request is allowed.
    pub fn needs_password(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.code == "SESSION_NOT_FRESH")
    }
}
