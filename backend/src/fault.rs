//! Failures that the client did not cause. The reason is logged; the client gets a generic error.

use std::error::Error;
use std::fmt::{self, Display};

type Source = Box<dyn Error + Send + Sync>;

/// A failure that the client did not cause. `Display` prints the whole error chain, for the log and for operators.
#[derive(Debug)]
pub struct Fault {
    kind: FaultKind,
    message: String,
    source: Option<Source>,
}

/// The kind of a fault, which determines the status of the response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// A dependency is temporarily unavailable; a retry may succeed.
    Unavailable,
    /// A bug or a broken environment.
    Internal,
}

impl Fault {
    /// A dependency is temporarily unavailable.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self {
            kind: FaultKind::Unavailable,
            message: message.into(),
            source: None,
        }
    }

    /// A bug or a broken environment.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            kind: FaultKind::Internal,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the error that caused the fault.
    pub fn caused_by(self, source: impl Into<Source>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// The kind of the fault.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut source = self.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
