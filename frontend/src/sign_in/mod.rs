//! Signing in and signing up. These pages are part of the program of the tasks, because a first visit begins here; the
//! pages that a link in a mail opens are in `account`.

pub mod login;
pub mod signup;
