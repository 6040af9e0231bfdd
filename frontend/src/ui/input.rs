//! The inputs that forms are made of, and the values in them.

use yew::prelude::*;

/// An input of a form.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The member of the request body that it fills. Errors that the server reports for the member are shown here.
    pub name: &'static str,
    pub label: &'static str,
    /// The `type` of the input.
    pub input_type: &'static str,
    pub autocomplete: &'static str,
    /// The initial value.
    pub value: AttrValue,
    pub hint: Option<AttrValue>,
}

impl Input {
    fn new(name: &'static str, label: &'static str, input_type: &'static str, autocomplete: &'static str) -> Self {
        Self {
            name,
            label,
            input_type,
            autocomplete,
            value: AttrValue::default(),
            hint: None,
        }
    }

    /// The name of the user.
    pub fn user_name(value: &str) -> Self {
        Self {
            value: value.to_owned().into(),
            ..Self::new("name", "Name", "text", "name")
        }
    }

    /// An e-mail address.
    pub fn email(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, "email", "email")
    }

    /// The current password.
    pub fn password(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, "password", "current-password")
    }

    /// A new password.
    pub fn new_password(name: &'static str, label: &'static str, min_length: usize) -> Self {
        let hint =
            format!("At least {min_length} characters; 15 or more are better. Several unrelated words work well.");
        Self {
            hint: Some(hint.into()),
            ..Self::new(name, label, "password", "new-password")
        }
    }

    /// A code of an authenticator app, or a recovery code.
    pub fn code(hint: &'static str) -> Self {
        Self {
            hint: Some(hint.into()),
            ..Self::new("code", "Code", "text", "one-time-code")
        }
    }
}

/// The values of a form's inputs, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Vec<(&'static str, String)>);

impl Values {
    /// The initial values of `inputs`, replaced by those in `typed`.
    pub fn of(inputs: &[Input], typed: &Self) -> Self {
        let mut values = Self::default();
        for input in inputs {
            values.set(input.name, input.value.to_string());
        }
        for (name, value) in &typed.0 {
            values.set(name, value.clone());
        }
        values
    }

    /// The value of an input; empty if there is no such input.
    pub fn get(&self, name: &str) -> String {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Sets the value of an input.
    pub fn set(&mut self, name: &'static str, value: String) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }
}
