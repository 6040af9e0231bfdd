//! One module per page.

pub mod deleted;
pub mod forgot_password;
pub mod login;
pub mod not_found;
pub mod reset_password;
pub mod settings;
pub mod signup;
pub mod tasks;
pub mod verify_email;
