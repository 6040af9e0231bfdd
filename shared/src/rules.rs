//! The validation trait, and rules that several types share.

use crate::problem::FieldError;

/// A request body that can be validated and normalised.
pub trait Check: Sized {
    /// The members that may be null. In all other members, optional ones included, null is an error.
    const NULLABLE: &'static [&'static str] = &[];

    /// The normalised value, or all validation errors.
    fn check(self) -> Result<Self, Vec<FieldError>>;
}

/// Collects the validation errors of a value, so that all of them are reported at once.
#[derive(Default)]
pub(crate) struct Validation(Vec<FieldError>);

impl Validation {
    /// Unwraps the value of `field`, or records its error.
    pub(crate) fn field<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|detail| self.0.push(FieldError::of(field, detail))).ok()
    }

    /// `value` if there are no errors.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}

/// Checks that a text has `min` to `max` characters (not bytes) and no U+0000, which PostgreSQL cannot store. `what` is the
/// subject of the error message.
pub(crate) fn text(what: &str, value: &str, min: usize, max: usize) -> Result<(), String> {
    if value.contains('\0') {
        return Err(format!("{what} must not contain the character U+0000."));
    }
    let length = value.chars().count();
    if length < min {
        return Err(if min == 1 {
            format!("{what} is required.")
        } else {
            format!("{what} needs at least {min} characters.")
        });
    }
    if length > max {
        return Err(format!("{what} has {length} characters; at most {max} are allowed."));
    }
    Ok(())
}
