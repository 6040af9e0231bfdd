//! The operations on accounts, one file per resource.

pub mod account;
pub mod auth;
pub mod keys;
pub mod recovery;
pub mod sessions;
pub mod two_factor;

use poem_openapi::{ApiResponse, Tags};
use shared::profile::Done;

use crate::http::json::RawJson;
use crate::http::problem::Problem;

/// The group of these operations in the OpenAPI document.
#[derive(Tags)]
pub enum Tag {
    /// Accounts and sessions.
    Accounts,
}

/// The answer of an operation that has nothing more to say.
#[derive(ApiResponse)]
enum Changed {
    /// It is done.
    #[oai(status = 200)]
    Ok(RawJson<Done>),
}

impl Changed {
    fn done() -> Result<Self, Problem> {
        Ok(Self::Ok(RawJson::of(&Done { status: true })?))
    }
}
