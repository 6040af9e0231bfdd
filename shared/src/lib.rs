//! Types and rules that the client and the server share: the wire types and their validation.
//!
//! Each rule is one function, which the form calls while the user types and the server calls for every request.

pub mod account;
pub mod device_name;
#[cfg(feature = "openapi")]
mod examples;
pub mod notifications;
pub mod pages;
pub mod problem;
pub mod profile;
pub mod recovery;
pub mod rules;
pub mod task;
pub mod times;
pub mod two_factor;
mod unicode;
