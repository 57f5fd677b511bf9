//! The counts of a poolcfg.toml, brought in line with its workload, or only held to it.

use poolcfg_core::file::{ConfigFile, Diagnostic, TargetFacts};

use super::edits::{Edits, ReadFile};
use super::left::{faults, files, resolves, targets};
use crate::cli::args::Sync;
use crate::cli::error::{Error, Source, all};
use crate::context::Context;
use crate::inspect::beyond::NeededKey;
use crate::project::Member;
use crate::project::wasmtime_tables::place;
use crate::project::workload::{self, NumberDifference, has_workload};

/// Whether what is not of the workload agrees with the project, so that the file may be judged as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Agrees,
    /// It does not, is not known, or is being written.
    Open,
}

/// Brings the counts of each file in line with its workload, or with `--check` only compares them.
///
/// # Errors
/// As for [`differences`]; with `--check`, with [`Exit::Misfit`] where they disagree.
pub(super) fn counts(
    context: &Context<'_>,
    members: &[Member],
    arguments: &Sync,
    edits: &mut Edits,
    rest: Rest,
) -> Result<(), Error> {
    let is_judged = rest == Rest::Agrees;
    let done = files(members).map(|(member, source)| {
        let has_workload = has_workload(&source.text);
        let is_held = has_workload || (is_judged && place(&source.text).is_some());
        if !is_held {
            return Ok(());
        }
        let (source, file) = edits.read(member, source);
        let targets = targets(context, member, arguments)?;
        if !has_workload {
            return resolves(&source, &file, &targets);
        }
        let found = differences(context, (&source, &file), &targets, arguments)?;
        if found.is_empty() {
            if is_judged {
                resolves(&source, &file, &targets)?;
            }
            let (heading, shown) = (member.heading(), &source.shown);
            context
                .shell
                .say(&format!("{heading}{shown} agrees with its workload"));
            return Ok(());
        }
        context.changed(&source.path, "stale", &found);
        if arguments.check {
            return workload::disagreement(&source, &found);
        }
        workload::unwritten(&source, &found)?;
        let (text, lines) = workload::rewritten(&source.text, &found)?;
        let edited = ReadFile::again(text)?;
        still_resolves((&source, &file), &edited.file, &targets, &found)?;
        edits.put(member, &source, edited, lines);
        Ok(())
    });
    all(done).map(drop)
}

/// Where the numbers of a file are not those that its workload needs; what it does not say is the least that any of the
/// targets has.
fn differences(
    context: &Context<'_>,
    (source, file): (&Source, &ConfigFile),
    targets: &[TargetFacts],
    arguments: &Sync,
) -> Result<Vec<NumberDifference>, Error> {
    // `check` reports what is at fault.
    let cases = targets.iter().filter_map(|facts| {
        let settings = file.settings(facts);
        Some((settings.resolve(facts.target()).ok()?, settings))
    });
    let cases: Vec<_> = cases.collect();
    let least = |pool: &str, key: NeededKey| {
        let each = cases.iter();
        each.filter_map(|(case, settings)| key.unsaid(case, settings, file, pool))
            .min()
    };
    let missing = arguments.workload.missing();
    workload::differences(context.shell, source, missing, &least)
}

/// That no target refuses the edited file which takes the file as it is.
///
/// # Errors
/// At the number that is refused, with the reason.
fn still_resolves(
    (source, file): (&Source, &ConfigFile),
    edited: &ConfigFile,
    targets: &[TargetFacts],
    found: &[NumberDifference],
) -> Result<(), Error> {
    let before = faults(file, targets);
    let is_new = |fault: &Diagnostic| !before.iter().any(|old| old.message == fault.message);
    let Some(fault) = faults(edited, targets).into_iter().find(is_new) else {
        return Ok(());
    };
    Err(workload::refused(source, found, &fault))
}
