//! `explain`: the address space as a picture, the budget and the footprint line by line.

use std::fmt::Write as _;

use crate::answer::Answer;
use crate::args::Look;
use crate::command::{Context, look};
use crate::engine::Lock;
use crate::error::Error;
use crate::exit::Exit;
use crate::picture::{draw, figures};
use crate::shell::{print, width};

/// Draws every target of every chosen package.
///
/// # Errors
/// As for [`look`].
pub(crate) fn run(context: &Context<'_>, arguments: &Look) -> Result<Exit, Error> {
    look(context, arguments, Lock::Wanted, |answers| {
        let pictures: Vec<String> = answers.iter().map(|answer| picture(answer)).collect();
        print(&pictures.join("\n"))
    })
}

fn picture(answer: &Answer<'_>) -> String {
    let case = &answer.case;
    let limits = answer.plan.guaranteed();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: {} {}\n",
        answer.facts.triple(),
        case.target.arch.name(),
        case.machine(),
    );
    text += &draw(case, limits, width());
    text.push('\n');
    text += &figures(case, limits);
    for line in answer.bounds() {
        let _ = writeln!(text, "{line}");
    }
    text
}
