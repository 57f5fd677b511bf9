//! `explain`: the address space as a picture, the budget and the footprint line by line.

use std::fmt::Write as _;

use poolcfg_core::file::TargetFacts;

use crate::answer::{Answer, Wish, misfits};
use crate::args::{Explain, MessageFormat};
use crate::command::{Context, answers};
use crate::error::{Error, all};
use crate::exit::Exit;
use crate::picture::{draw, figures};
use crate::project::members;
use crate::report::{Report, json};
use crate::shell::{print, width};

/// Draws every target of every chosen package.
///
/// # Errors
/// Every mistake of the files and flags; every misfit, with [`Exit::Misfit`], after it is drawn.
pub(crate) fn run(context: &Context<'_>, arguments: &Explain) -> Result<Exit, Error> {
    let wish = Wish::new(&arguments.machine)?;
    let members = members(context.program, context.shared, &arguments.packages)?;
    let targets = all(members.iter().map(|member| {
        let targets = context.targets(member, &arguments.machine)?;
        Ok(targets
            .into_iter()
            .map(|target| target.facts)
            .collect::<Vec<TargetFacts>>())
    }))?;
    let results = all(members
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
            let pictures: Vec<String> = every().map(picture).collect();
            print(&pictures.join("\n"))?;
        }
    }
    misfits(&results)?;
    Ok(Exit::Fits)
}

fn picture(answer: &Answer<'_>) -> String {
    let case = &answer.case;
    let limits = answer.plan.guaranteed();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: {} {}, {}\n",
        answer.facts.triple(),
        case.target.arch.name(),
        case.profile.name,
        case.shape.describe(),
    );
    text += &draw(case, limits, width());
    text.push('\n');
    text += &figures(case, limits);
    text
}
