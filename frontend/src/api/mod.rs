//! The server's HTTP API. No other module sends requests.

pub mod accounts;
mod client;
pub mod stored_session;
pub mod tasks;
