//! HTTP, below the operations: problem details, JSON bodies, request metadata, middleware, and the endpoints for health checks
//! and static files.

pub mod client;
pub mod conditional;
pub mod cors;
pub mod cursor;
pub mod document;
pub mod health;
pub mod json;
pub mod middleware;
pub mod operation_error;
pub mod path;
pub mod problem;
mod request_log;
pub mod routes;
pub mod static_files;
