//! `check`: do the pools fit every target that the project names?

use crate::cli::args::Look;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::command::look;
use crate::context::Context;
use crate::wasmtime::resolve::Lock;

/// Says of every chosen package and target whether it fits.
///
/// # Errors
/// As for [`look`].
pub(crate) fn run(context: &Context<'_>, arguments: &Look) -> Result<Exit, Error> {
    look(context, arguments, Lock::Needed, |answers| {
        for line in answers.iter().flat_map(|answer| answer.lines()) {
            context.shell.say(&line);
        }
        Ok(())
    })
}
