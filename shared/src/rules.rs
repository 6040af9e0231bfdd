//! Checks that several types need.

use crate::problem::FieldError;

/// A request body that can be brought into its normal form (trimmed, normalised) or refused.
pub trait Check: Sized {
    /// The members in which null means something. In every other one it is refused, an optional one included.
    const NULLABLE: &'static [&'static str] = &[];

    /// The value in normal form, or every rule it breaks.
    fn check(self) -> Result<Self, Vec<FieldError>>;
}

/// Collects the broken rules of one value, so that a person sees them all at once.
#[derive(Default)]
pub(crate) struct Verdict(Vec<FieldError>);

impl Verdict {
    /// Notes a broken rule of `field`; a value that passed is handed on.
    pub(crate) fn field<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|detail| self.0.push(FieldError::of(field, detail))).ok()
    }

    /// `value` if no rule was broken.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}

/// Text of `min` to `max` characters (not bytes) without NUL, which PostgreSQL cannot store. `what` begins the message.
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
