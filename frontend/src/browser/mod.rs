//! Thin wrappers of what the browser offers. No module here knows what Docket is.

pub mod clock;
pub mod dom;
pub mod focus;
pub mod json;
pub mod lock;
pub mod storage;
