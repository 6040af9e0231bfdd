//! The tables of accounts, one file per table and files for what spans tables. Functions
//! take a `UserId`, or the id or the hash that a verified secret contains.

pub mod audit;
pub mod email_address;
pub mod email_links;
pub mod expiry;
pub mod identities;
pub mod known_devices;
pub mod notifications;
pub mod one_time_tokens;
pub mod password;
pub mod pending_sign_ups;
pub mod proof;
pub mod rate_limits;
pub mod session_check;
pub mod sessions;
pub mod sign_up;
pub mod totp_secret;
pub mod two_factor;
pub mod users;
