//! `profiles`: every VA profile there is, or those of some targets.

use crate::args::{MessageFormat, Profiles};
use crate::command::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::json;
use crate::shell::print;
use crate::table::{profiles, rows};
use crate::target::facts;

/// Lists them.
///
/// # Errors
/// Targets that nobody knows.
pub(crate) fn run(context: &Context<'_>, arguments: &Profiles) -> Result<Exit, Error> {
    let targets = if arguments.target.is_empty() {
        Vec::new()
    } else {
        let named = facts(&arguments.target, &context.rustc())?;
        named.iter().map(|target| target.facts.target()).collect()
    };
    match arguments.format.message_format {
        MessageFormat::Json => print(&json(&rows(&targets))?)?,
        MessageFormat::Human => print(&profiles(&targets))?,
    }
    Ok(Exit::Fits)
}
