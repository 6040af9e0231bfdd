//! The parts that pages are made of.

pub mod add_task;
pub mod alert;
pub mod due_chip;
pub mod empty_state;
pub mod field;
pub mod icon;
pub mod list_controls;
pub mod page;
pub mod password_field;
pub mod redirect;
pub mod skeleton;
pub mod task_editor;
pub mod task_list;
pub mod task_row;
pub mod toast;
pub mod trouble_banner;
