//! Errors as they travel: `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

/// The media type of every error answer.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// One broken rule, and where.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct FieldError {
    /// An RFC 6901 JSON pointer into the body (`/title`; empty for the whole body), `?name` for a query parameter, or the
    /// name of a header.
    pub pointer: String,
    /// What is wrong and what would be right, as a sentence for people.
    pub detail: String,
}

impl FieldError {
    /// `field` is the name of a member of the body.
    pub fn of(field: &str, detail: impl Into<String>) -> Self {
        Self {
            pointer: format!("/{field}"),
            detail: detail.into(),
        }
    }
}

/// An error answer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Problem {
    /// A URI reference that names the kind of problem: `urn:docket:problem:<code>`.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time and what to do next, as a sentence for people.
    pub detail: String,
    /// What went wrong, as a stable name for programs; under `/api/auth` in the spelling of Better Auth.
    pub code: String,
    /// The `detail` again, under the name that Better Auth has for it; only under `/api/auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub message: Option<String>,
    /// Every broken rule of the request; only with status 422.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", oai(default, skip_serializing_if_is_empty))]
    pub errors: Vec<FieldError>,
}
