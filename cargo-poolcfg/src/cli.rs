//! The command line: what it says, what is answered on it, and how the program ends.

pub(crate) mod args;
pub(crate) mod color;
pub(crate) mod diagnostic;
pub(crate) mod elsewhere;
pub(crate) mod error;
pub(crate) mod exit;
pub(crate) mod fit;
pub(crate) mod header;
pub(crate) mod invoked_as;
pub(crate) mod markdown;
pub(crate) mod path;
pub(crate) mod progress;
pub(crate) mod shell;
pub(crate) mod terminal;
pub(crate) mod wrap;
