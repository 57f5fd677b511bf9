//! `completions`: the script by which a shell completes the command line of `poolcfg`.

use crate::cli::args::Completions;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::context::Context;
use crate::entry::{NAME, alone};

/// Prints it.
///
/// # Errors
/// When stdout takes nothing.
pub(crate) fn run(context: &Context<'_>, arguments: &Completions) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut alone(), NAME, &mut script);
    context.shell.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Fits)
}
