//! Accounts: authentication, sign-up and sign-in, sessions, passwords, two-factor authentication, and mails.
//!
//! The layers, from the bottom: plain values (`user_id`, `rate_limit_policy`), the tables (`store`), components (tokens, cookies,
//! passwords, mail, rate limits), the [`service`] that combines them, the [`extract`]ors of credentials, the sign-in flows, and
//! the operations (`routes`).

mod access_token;
mod account_mail;
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
mod passwords;
mod pending_sign_in;
mod random;
mod rate_limit;
mod rate_limit_policy;
mod recovery_codes;
mod refresh_token;
pub mod routes;
pub mod service;
mod session;
mod sign_in;
mod sign_up;
pub mod store;
mod totp;
pub mod user_id;
mod write_limit;
