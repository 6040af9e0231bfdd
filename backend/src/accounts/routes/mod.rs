//! The operations on accounts, one file per resource.

pub mod account;
pub mod auth;
pub mod capabilities;
pub mod email_address;
pub mod keys;
pub mod notifications;
pub mod password_reset;
pub mod sessions;
pub mod two_factor;

use poem_openapi::{ApiResponse, Object, Tags};
use serde::{Deserialize, Serialize};
use shared::problem::FieldError;
use shared::profile::Done;
use shared::rules::Check;

use crate::fault::Fault;
use crate::http::json::RawJson;
use crate::http::problem::{Problem, RateLimited};

/// The tag of these operations in the OpenAPI document.
#[derive(Tags)]
pub enum Tag {
    /// Accounts and sessions.
    Accounts,
}

/// An empty object. Requiring JSON prevents cross-site form submissions.
#[derive(Deserialize, Object, Serialize)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Check for Nothing {
    fn check(self) -> Result<Self, Vec<FieldError>> {
        Ok(self)
    }
}

/// The response of an operation without a result.
#[derive(ApiResponse)]
enum DoneResponse {
    /// The operation has succeeded.
    #[oai(status = 200)]
    Ok(RawJson<Done>),
}

impl DoneResponse {
    fn done() -> Result<Self, Fault> {
        Ok(Self::Ok(RawJson::of(&Done { status: true })?))
    }
}

/// [`Problem::TooMany`], for the declaration of errors.
fn too_many() -> Problem {
    Problem::TooMany(RateLimited::default())
}
