//! The tasks: what this browser knows of them (`store`), how it is synchronised with the server (`sync`), and the page
//! that shows them (`page`, and the parts of it).

mod actions;
mod add_task;
mod conflict;
mod decisions;
mod draft;
mod draft_storage;
mod due_date;
mod editor;
mod list;
mod list_controls;
mod notifications;
mod offline_banner;
pub mod page;
mod row;
mod sign_out;
mod store;
pub mod sync;
mod view_query;
