//! Why a command is not traced.

use std::io;

/// Why a command is not traced.
#[derive(Debug)]
pub(crate) enum TraceError {
    /// A word of it has a NUL.
    Nul,
    /// The system refuses something; what, and the error.
    System(String, Option<i32>),
    /// The command cannot be executed.
    NotExecuted(io::Error),
    /// The tracer has gone, and the command with it.
    TracerKilled,
}

impl TraceError {
    pub(super) fn system(what: &str, error: &io::Error) -> Self {
        Self::System(format!("{what}: {error}"), error.raw_os_error())
    }
}
