//! Examples of request and response bodies in the OpenAPI document.

use chrono::{DateTime, NaiveDate};
use poem_openapi::types::Example;
use uuid::Uuid;

use crate::account::{SignIn, SignUp};
use crate::task::{Completion, NewTask, Task, TaskChange};

const TITLE: &str = "Water the plants";
const EMAIL: &str = "owner@example.com";
const PASSWORD: &str = "correct horse battery";

fn due_date() -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(2030, 5, 1)
}

impl Example for Task {
    fn example() -> Self {
        let created_at = DateTime::from_timestamp(1_903_593_600, 0).unwrap_or_default();
        Self {
            id: Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001),
            user_id: Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_00aa).to_string(),
            title: TITLE.to_owned(),
            description: Some("The ferns twice".to_owned()),
            completed: false,
            due_date: due_date(),
            created_at,
            updated_at: created_at,
            revision: 7,
        }
    }
}

impl Example for NewTask {
    fn example() -> Self {
        Self {
            title: TITLE.to_owned(),
            description: None,
            due_date: due_date(),
        }
    }
}

impl Example for TaskChange {
    fn example() -> Self {
        Self {
            title: Some("Water all plants".to_owned()),
            description: Some(None),
            due_date: None,
        }
    }
}

impl Example for Completion {
    fn example() -> Self {
        Self { completed: true }
    }
}

impl Example for SignUp {
    fn example() -> Self {
        Self {
            name: "Owner".to_owned(),
            email: EMAIL.to_owned(),
            password: PASSWORD.to_owned(),
            ..Self::default()
        }
    }
}

impl Example for SignIn {
    fn example() -> Self {
        Self {
            email: EMAIL.to_owned(),
            password: PASSWORD.to_owned(),
            ..Self::default()
        }
    }
}
