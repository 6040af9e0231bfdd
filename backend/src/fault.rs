//! A failure that is not the client's doing: the log gets the reason, the client only learns that it can try again.

use std::error::Error;
use std::fmt::{self, Display};

type Source = Box<dyn Error + Send + Sync>;

/// Why the server cannot do what was asked of it. `Display` is the whole chain of causes, for the log and for operators.
#[derive(Debug)]
pub struct Fault {
    kind: FaultKind,
    what: String,
    source: Option<Source>,
}

/// Whether a retry may help.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// Something the server depends on does not work at the moment.
    Unavailable,
    /// A bug or a broken environment.
    Internal,
}

impl Fault {
    /// Something the server depends on does not work at the moment, for this reason.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self {
            kind: FaultKind::Unavailable,
            what: reason.into(),
            source: None,
        }
    }

    /// `what` should have worked: a bug or a broken environment.
    pub fn internal(what: impl Into<String>) -> Self {
        Self {
            kind: FaultKind::Internal,
            what: what.into(),
            source: None,
        }
    }

    /// The error that caused it.
    pub fn caused_by(self, source: impl Into<Source>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// Whether a retry may help.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
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
