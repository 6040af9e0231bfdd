//! One module per page.

mod account_form;
pub mod login;
pub mod not_found;
pub mod signup;
pub mod tasks;
