//! The pages of the account: the settings, and the pages that a link in a mail opens.

mod app;
mod confirm_email_change;
mod forgot_password;
mod left;
mod new_password;
mod reset_password;
mod settings;
mod undo_email_change;
mod verify_email;

pub use app::AccountApp;
