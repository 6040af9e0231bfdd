//! UI components. What has no state is a plain function, which adds less to the size of the client than
//! a component.

pub mod date;
pub mod dialog;
pub mod field;
pub mod flag;
pub mod form;
pub mod icon;
pub mod input;
pub mod page;
pub mod skeleton;
pub mod time;
pub mod toast;
