//! The tables of accounts, one file per table. A transaction that spans tables has a file of its own. Every function that
//! accesses rows of a user takes a `UserId`.

pub mod audit;
pub mod email_address;
pub mod identities;
pub mod known_devices;
pub mod one_time_tokens;
pub mod password;
pub mod rate_limits;
pub mod session_check;
pub mod sessions;
pub mod sign_up;
pub mod sweep;
pub mod two_factor;
pub mod users;
