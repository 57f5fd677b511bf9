//! `check`: do the pools fit every target that the project names?

use crate::args::Look;
use crate::command::{Context, look};
use crate::engine::Lock;
use crate::error::Error;
use crate::exit::Exit;

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
