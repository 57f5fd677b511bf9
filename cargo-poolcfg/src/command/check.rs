//! `check`: do the pools fit every target that the project names?

use crate::cli::args::Check;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::command::{look, tell_ways};
use crate::context::Context;
use crate::wasmtime::resolve::Lock;

/// Says of every chosen package and target whether it fits, and holds counts to the workload.
///
/// # Errors
/// As for [`look`].
pub(crate) fn run(context: &Context<'_>, arguments: &Check) -> Result<Exit, Error> {
    let missing = arguments.workload.missing();
    look(
        context,
        &arguments.look,
        Lock::Needed,
        Some(missing),
        |answers| {
            for line in answers.iter().flat_map(|answer| answer.lines()) {
                context.shell.say(&line);
            }
            answers
                .iter()
                .for_each(|answer| tell_ways(context, answer, None));
            Ok(())
        },
    )
}
