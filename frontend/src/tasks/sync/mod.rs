//! Sends the outbox to the server and fetches the list, one request at a time.
//!
//! [`machine`] decides: it is a pure state machine, which takes events and returns effects. [`runner`] executes the effects
//! in the browser and reports what happened as events.
//!
//! The outbox is in `localStorage`, one key per entry, so that a reload loses nothing and all tabs show the same. A lock
//! that the tabs share lets one tab send at a time. All changes are idempotent: if two tabs send the same entry
//! nevertheless, as when a tab is closed during a request, the second request changes nothing.

mod machine;
mod outbox_storage;
mod runner;

#[cfg(test)]
mod tests;

pub use machine::Notification;
pub use runner::TaskSync;
