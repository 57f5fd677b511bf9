//! `check`: do the pools fit every target that the project names?

use crate::cli::args::Check;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::command::{Origins, look, tell_ways};
use crate::context::Context;
use crate::wasmtime::resolve::LockNeed;

/// Says of every chosen package and target whether it fits, and holds counts to the workload.
///
/// # Errors
/// As for [`look`].
pub(crate) fn run(context: &Context<'_>, arguments: &Check) -> Result<Exit, Error> {
    let missing = arguments.workload.missing();
    look(
        context,
        &arguments.look,
        LockNeed::Needed,
        Some(missing),
        Origins::Told,
        |outcomes| {
            for line in outcomes.iter().flat_map(|outcome| outcome.lines()) {
                context.shell.say(&line);
            }
            outcomes
                .iter()
                .for_each(|outcome| tell_ways(context, outcome, None));
            Ok(())
        },
    )
}
