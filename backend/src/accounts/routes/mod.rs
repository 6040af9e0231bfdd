//! The operations on accounts, one file per resource.

pub mod account;
pub mod auth;
pub mod keys;
pub mod recovery;
pub mod sessions;
pub mod two_factor;

use poem_openapi::{ApiResponse, Tags};
use shared::profile::Done;

use crate::fault::Fault;
use crate::http::json::RawJson;
use crate::http::problem::{Problem, RateLimited};

/// The tag of these operations in the OpenAPI document.
#[derive(Tags)]
pub enum Tag {
    /// Accounts and sessions.
    Accounts,
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
