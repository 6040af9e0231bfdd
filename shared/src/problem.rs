//! Error responses: `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

/// The media type of every error response.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A validation error.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct FieldError {
    /// An RFC 6901 JSON pointer into the body (`/title`; empty for the whole body), `?name` for a query parameter, or the
    /// name of a header.
    pub pointer: String,
    /// A message for the user: what is wrong and what is valid.
    pub detail: String,
}

impl FieldError {
    /// An error of the member `field` of the body.
    pub fn of(field: &str, detail: impl Into<String>) -> Self {
        Self {
            pointer: format!("/{field}"),
            detail: detail.into(),
        }
    }
}

/// An error response.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Problem {
    /// The problem type: `urn:docket:problem:<code>`.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", oai(rename = "type"))]
    pub kind: String,
    /// The reason phrase of the HTTP status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A message for the user: what went wrong and what to do next.
    pub detail: String,
    /// A stable error code for programs. Under `/api/auth` it is the code of Better Auth.
    pub code: String,
    /// The same as `detail`, for clients of Better Auth; only under `/api/auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", oai(skip_serializing_if_is_none))]
    pub message: Option<String>,
    /// The errors of members of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", oai(default, skip_serializing_if_is_empty))]
    pub errors: Vec<FieldError>,
}
