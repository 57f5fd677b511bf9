//! `check`: do the pools fit every target that the project names?

use poolcfg_core::file::TargetFacts;

use crate::answer::{Answer, Wish, misfits};
use crate::args::{Check, MessageFormat};
use crate::command::{Context, answers};
use crate::error::{Error, all};
use crate::exit::Exit;
use crate::project::{Member, members};
use crate::report::{Report, json};
use crate::shell::print;

/// Checks every chosen package on every target.
///
/// # Errors
/// Every mistake of the files and flags; every misfit, with [`Exit::Misfit`].
pub(crate) fn run(context: &Context<'_>, arguments: &Check) -> Result<Exit, Error> {
    let wish = Wish::new(&arguments.machine)?;
    let members = members(context.program, context.shared, &arguments.packages)?;
    let targets = all(members.iter().map(|member| {
        let targets = context.targets(member, &arguments.machine)?;
        Ok(targets
            .into_iter()
            .map(|target| target.facts)
            .collect::<Vec<TargetFacts>>())
    }))?;
    let results: Vec<(&Member, Vec<Answer<'_>>)> = all(members
        .iter()
        .zip(&targets)
        .map(|(member, targets)| Ok((member, answers(member, targets, &wish)?))))?;
    let every = || results.iter().flat_map(|(_, answers)| answers);
    match arguments.format.message_format {
        MessageFormat::Json => {
            let report = Report::new(every().flat_map(Answer::results).collect());
            print(&json(&report)?)?;
        }
        MessageFormat::Human => {
            for line in every().flat_map(Answer::lines) {
                context.shell.say(&line);
            }
        }
    }
    misfits(&results)?;
    Ok(Exit::Fits)
}
