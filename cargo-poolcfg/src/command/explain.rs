//! `explain`: the address space as a picture, the budget and the footprint line by line.

use std::fmt::Write as _;

use poolcfg_core::Fit;

use crate::cli::args::Look;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::shell::Verbosity;
use crate::cli::terminal::{canvas, columns};
use crate::cli::wrap::wrapped;
use crate::command::look;
use crate::context::Context;
use crate::render::figures::{figures, summary};
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
        let pictures = outcomes
            .iter()
            .map(|outcome| match context.shell.verbosity {
                Verbosity::Verbose => in_full(outcome),
                Verbosity::Quiet | Verbosity::Normal => picture(outcome),
            });
        let text = pictures.collect::<Vec<_>>().join("\n");
        context.shell.draw(&text)
    })
}

/// The picture, and below it what it does not say: as much as goes into the terminal with it.
fn picture(outcome: &TargetOutcome<'_>) -> String {
    let (case, plan) = (&outcome.case, &outcome.plan);
    let mut lines = summary(case, plan);
    for line in outcome.bounds() {
        let _ = writeln!(lines, "{line}");
    }
    let more = match outcome.ways(None).is_empty() {
        true => "`cargo poolcfg explain -v` lists budget and footprint\n",
        false => "`cargo poolcfg explain -v` lists budget, footprint, and what else fits\n",
    };
    let heading = wrapped(&heading(outcome), columns());
    let below = wrapped(&(lines + more), columns());
    let mut canvas = canvas().beside(&heading).beside(&below);
    if plan.misfit.is_some() {
        // Nothing is drawn that has a size, and the error has to be seen as well.
        canvas.height = 0;
    }
    heading + &draw(case, plan, canvas) + &below
}

/// The picture, and every figure.
fn in_full(outcome: &TargetOutcome<'_>) -> String {
    let (case, plan) = (&outcome.case, &outcome.plan);
    let mut lines = figures(case, plan);
    let said = [outcome.bounds(), outcome.ways(None), outcome.conditions()];
    for line in said.iter().flatten() {
        let _ = writeln!(lines, "{line}");
    }
    let heading = wrapped(&heading(outcome), columns());
    let picture = draw(case, plan, canvas().beside(&heading));
    [&heading, &picture, &wrapped(&lines, columns())[..]].concat()
}

/// What is drawn.
fn heading(outcome: &TargetOutcome<'_>) -> String {
    let case = &outcome.case;
    let (arch, machine) = (case.target.arch.name(), case.machine());
    format!("{}: {arch} {machine}\n", outcome.target())
}
