//! What the client and the server both know: the wire types, and the rules for what may be in them.
//!
//! A rule is one function here. The form calls it as you type, the server calls it as the judge.

pub mod account;
#[cfg(feature = "openapi")]
mod examples;
pub mod pages;
pub mod problem;
pub mod profile;
pub mod recovery;
pub mod rules;
pub mod task;
pub mod times;
pub mod two_factor;
mod unicode;
