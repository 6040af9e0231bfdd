//! The operations, one file per resource. No SQL here.

pub mod account;
pub mod auth;
pub mod health;
pub mod keys;
pub mod recovery;
pub mod sessions;
pub mod tasks;
pub mod two_factor;
pub mod ui;

use poem_openapi::{ApiResponse, Tags};
use shared::profile::Done;

use crate::json::RawJson;
use crate::problem::Problem;

/// The groups of operations in the OpenAPI document.
#[derive(Tags)]
pub enum Tag {
    /// The tasks of a user.
    Tasks,
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
