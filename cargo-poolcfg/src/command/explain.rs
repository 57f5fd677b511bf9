//! `explain`: the address space as a picture, the budget and the footprint line by line.

use std::fmt::Write as _;

use poolcfg_core::Fit;

use crate::cli::args::Look;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::shell::{Shell, Verbosity};
use crate::cli::terminal::{Canvas, canvas, columns};
use crate::cli::wrap::wrapped;
use crate::command::{Origins, look};
use crate::context::Context;
use crate::render::figures::{Detail, figures, summary};
use crate::render::picture::{Fold, draw};
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
    let origins = match context.shell.verbosity {
        Verbosity::Verbose => Origins::Told,
        Verbosity::Quiet | Verbosity::Normal => Origins::InPicture,
    };
    look(
        context,
        arguments,
        LockNeed::Wanted,
        None,
        origins,
        |outcomes| {
            let pictures = outcomes
                .iter()
                .map(|outcome| match context.shell.verbosity {
                    Verbosity::Verbose => in_full(outcome),
                    Verbosity::Quiet | Verbosity::Normal => picture(context.shell, outcome),
                });
            let text = pictures.collect::<Vec<_>>().join("\n");
            context.shell.draw(&text)
        },
    )
}

/// How a picture and what is said of it become shorter, step by step: which limits decide is said in a sentence or with
/// their names alone, the rows of a pool become one, then all pools become one, and last what is outside the holes has one
/// word.
const STEPS: [(Detail, BoundsDetail, Fold); 8] = [
    (Detail::Full, BoundsDetail::Sentences, Fold::Parts),
    (Detail::Full, BoundsDetail::Limits, Fold::Parts),
    (Detail::Pools, BoundsDetail::Limits, Fold::Parts),
    (Detail::Pools, BoundsDetail::Limits, Fold::Pools),
    (Detail::All, BoundsDetail::Limits, Fold::Pools),
    (Detail::All, BoundsDetail::Limits, Fold::All),
    (Detail::All, BoundsDetail::Limits, Fold::Least),
    (Detail::All, BoundsDetail::None, Fold::Least),
];

/// How much is said of what decides.
#[derive(Clone, Copy, Debug)]
enum BoundsDetail {
    Sentences,
    Limits,
    None,
}

/// The picture, and below it what it does not say: the first step that goes into the terminal, with the error that is told
/// after it, or the last one.
fn picture(shell: &Shell, outcome: &TargetOutcome<'_>) -> String {
    let (case, plan) = (&outcome.case, &outcome.plan);
    let heading = wrapped(&heading(outcome), columns());
    let error = outcome.misfit();
    let room = canvas().beside(&heading);
    let of_step = |(detail, bounds, fold)| {
        let below = wrapped(&below(outcome, detail, bounds), columns());
        let mut canvas = room.beside(&below);
        if error.is_some() {
            // Nothing is drawn that has a size, and the error has to be seen as well.
            canvas.height = 0;
        }
        draw(case, plan, canvas, fold) + &below
    };
    let told = error.as_ref().map_or(0, |error| shell.lines_of(error));
    let (whole, height) = (
        canvas().height.saturating_sub(told),
        room.height.saturating_sub(told),
    );
    // In a pipe nothing is left out.
    let fits = |text: &String| columns().is_none() || text.lines().count() <= height;
    let [.., last] = STEPS;
    let fitting = STEPS.into_iter().map(of_step).find(fits);
    match (fitting, &error) {
        (Some(text), _) => heading + &text,
        (None, None) => heading + &of_step(last),
        // The error says which machine it is, what is asked, and what would fit.
        (None, Some(_)) => {
            let none = Canvas { height: 0, ..room };
            let text = format!(
                "{}\n{}",
                outcome.target(),
                draw(case, plan, none, Fold::Least)
            );
            let text = wrapped(&text, columns());
            match text.lines().count() < whole {
                true => text + "`cargo poolcfg explain -v` lists more\n",
                false => text,
            }
        }
    }
}

/// What is said below a picture.
fn below(outcome: &TargetOutcome<'_>, detail: Detail, bounds: BoundsDetail) -> String {
    let mut lines = summary(&outcome.case, &outcome.plan, detail);
    let bounds = match bounds {
        BoundsDetail::Sentences => outcome.bounds(),
        BoundsDetail::Limits => outcome.bounds_in_short(),
        BoundsDetail::None => Vec::new(),
    };
    for line in bounds {
        let _ = writeln!(lines, "{line}");
    }
    lines += match outcome.ways(None).is_empty() {
        true => "`cargo poolcfg explain -v` lists budget and footprint\n",
        false => "`cargo poolcfg explain -v` lists budget, footprint, and what else fits\n",
    };
    lines
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
    let picture = draw(case, plan, canvas().beside(&heading), Fold::Parts);
    [&heading, &picture, &wrapped(&lines, columns())[..]].concat()
}

/// What is drawn.
fn heading(outcome: &TargetOutcome<'_>) -> String {
    let case = &outcome.case;
    let (arch, machine) = (case.target.arch.name(), case.machine());
    format!("{}: {arch} {machine}\n", outcome.target())
}
