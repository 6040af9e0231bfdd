//! The pages of the account: the settings, and the pages that a link in a mail opens.

mod app;
mod deleted;
mod forgot_password;
mod reset_password;
mod settings;
mod verify_email;

pub use app::AccountApp;
