//! The parts that pages are made of. What has no state of its own is a plain function: it costs less of the size budget
//! than a component.

pub mod add_task;
pub mod conflict;
pub mod dialog;
pub mod due_chip;
pub mod empty_state;
pub mod field;
pub mod form;
pub mod icon;
pub mod leave;
pub mod list_controls;
pub mod page;
pub mod redirect;
pub mod skeleton;
pub mod task_editor;
pub mod task_row;
pub mod toast;
pub mod trouble_banner;
