//! `explain`: the address space as a picture, the budget and the footprint line by line.

use std::fmt::Write as _;

use poolcfg_core::Fit;

use crate::cli::args::Look;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::terminal::{canvas, wrapped};
use crate::command::look;
use crate::context::Context;
use crate::render::figures::{NOTES, figures};
use crate::render::picture::draw;
use crate::target_outcome::TargetOutcome;
use crate::wasmtime::resolve::LockNeed;

/// Draws every target of every chosen package.
///
/// # Errors
/// As for [`look`].
pub(crate) fn run(context: &Context<'_>, arguments: &Look) -> Result<Exit, Error> {
    if arguments.machine.fit.fit == Some(Fit::NoPool) {
        return Err(Error::usage(
            "`--fit no-pool` leaves no pool to draw: `cargo poolcfg check --fit no-pool` says what fits",
        ));
    }
    look(context, arguments, LockNeed::Wanted, None, |outcomes| {
        let pictures: Vec<String> = outcomes.iter().map(|outcome| picture(outcome)).collect();
        context.shell.draw(&pictures.join("\n"))
    })
}

fn picture(outcome: &TargetOutcome<'_>) -> String {
    let (case, plan) = (&outcome.case, &outcome.plan);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: {} {}\n",
        outcome.target(),
        case.target.arch.name(),
        case.machine(),
    );
    text += &draw(case, plan, canvas());
    text.push('\n');
    for line in figures(case, plan).lines() {
        let _ = writeln!(text, "{}", wrapped(line, NOTES));
    }
    let ways = outcome.ways(None);
    for line in outcome
        .bounds()
        .into_iter()
        .chain(ways)
        .chain(outcome.conditions())
    {
        let _ = writeln!(text, "{}", wrapped(&line, 4));
    }
    text
}
