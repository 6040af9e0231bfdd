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

use poem_openapi::Tags;

/// The groups of operations in the OpenAPI document.
#[derive(Tags)]
pub enum Tag {
    /// The tasks of a user.
    Tasks,
    /// Accounts and sessions.
    Accounts,
}
