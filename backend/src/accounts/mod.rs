//! Accounts: authentication, sign-up and sign-in, sessions, passwords, two-factor authentication, and mails.
//!
//! The layers, from the bottom: plain values (`user_id`, `rate_limit_policy`), the tables (`store`), components (tokens, cookies,
//! passwords, mail, rate limits), the [`service`] that combines them, the [`extract`]ors of credentials, the sign-in flows, and
//! the operations (`routes`).

mod access_token;
mod account_mail;
mod breached_passwords;
mod change_email;
mod cookies;
mod device;
mod enable_two_factor;
pub mod event;
mod external;
pub mod extract;
mod fair_queue;
mod hash_queue;
mod identity;
pub mod link;
mod mail;
mod mailer;
mod notification;
mod password_strength;
mod passwords;
mod pending_sign_in;
mod random;
mod rate_limit;
mod rate_limit_policy;
mod reauthentication;
mod recovery_codes;
mod refresh_token;
mod reset_password;
pub mod routes;
pub mod service;
mod session;
mod sign_in;
mod sign_up;
pub mod store;
mod totp;
mod totp_secret;
pub mod user_id;
mod verify_email;
mod write_limit;
