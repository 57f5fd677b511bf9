//! What is wrong with a file when its Wasmtime and its counts are in line.

use std::collections::BTreeSet;

use poolcfg_core::Plan;
use poolcfg_core::file::{ConfigFile, Diagnostic, TargetFacts};

use super::edits::Edits;
use crate::cli::args::Sync;
use crate::cli::error::{Error, Source, all};
use crate::context::Context;
use crate::project::Member;
use crate::project::wasmtime_tables::place;
use crate::project::workload::has_workload;

/// Judges each file as it is after a run that wrote. A pool that does not fit is only a warning: the file is in line, as
/// was asked for, and whether it fits is for `check` to judge.
///
/// # Errors
/// As for [`resolves`].
pub(super) fn left(
    context: &Context<'_>,
    members: &[Member],
    arguments: &Sync,
    edits: &Edits,
) -> Result<(), Error> {
    let held = files(members)
        .filter(|(_, source)| has_workload(&source.text) || place(&source.text).is_some());
    let judged = held.map(|(member, source)| {
        let (source, file) = edits.read(member, source);
        let targets = targets(context, member, arguments)?;
        resolves(&source, &file, &targets)?;
        for facts in &targets {
            tell_misfit(context, member, &file, facts);
        }
        Ok(())
    });
    all(judged).map(drop)
}

/// The files of packages that are not passed over, each with the first package that has it.
pub(super) fn files(members: &[Member]) -> impl Iterator<Item = (&Member, &Source)> {
    let mut seen = BTreeSet::new();
    members
        .iter()
        .filter(|member| !member.is_passed_over)
        .filter_map(|member| Some((member, member.source.as_ref()?)))
        .filter(move |(_, source)| seen.insert(&source.path))
}

/// Warns of pools that do not fit a target.
fn tell_misfit(context: &Context<'_>, member: &Member, file: &ConfigFile, facts: &TargetFacts) {
    let Ok(case) = file.settings(facts).resolve(facts.target()) else {
        return;
    };
    if let Some(misfit) = Plan::new(&case).misfit {
        let found = Diagnostic::from_misfit(&misfit, &case, file);
        let text = format!(
            "{}{} on `{}`: `cargo poolcfg check` says more",
            member.heading_of_mistake(),
            found.message,
            facts.triple()
        );
        context.shell.warn(found.code, &text);
    }
}

/// The targets of a package, as `check` takes them; none where only a compiler knows the host, and there is none.
pub(super) fn targets(
    context: &Context<'_>,
    member: &Member,
    arguments: &Sync,
) -> Result<Vec<TargetFacts>, Error> {
    let flags = arguments.target.as_slice();
    let named = match context.named_targets(member, flags) {
        Err(_) if flags.is_empty() => Vec::new(),
        named => named?,
    };
    Ok(named.into_iter().map(|target| target.facts).collect())
}

/// What is wrong with a file for any of the targets, each once: what `check` refuses it for.
pub(super) fn faults(file: &ConfigFile, targets: &[TargetFacts]) -> Vec<Diagnostic> {
    let mut all: Vec<Diagnostic> = Vec::new();
    for facts in targets {
        let settings = file.settings(facts);
        for fault in settings.faults(facts.target()).iter() {
            let fault = Diagnostic::from_fault(fault, file);
            let is_told =
                |told: &Diagnostic| (&told.message, &told.span) == (&fault.message, &fault.span);
            if !all.iter().any(is_told) {
                all.push(fault);
            }
        }
    }
    all
}

/// That no target refuses a file which agrees with all else.
///
/// # Errors
/// At each number that one refuses, as `check` does.
pub(super) fn resolves(
    source: &Source,
    file: &ConfigFile,
    targets: &[TargetFacts],
) -> Result<(), Error> {
    let list = faults(file, targets);
    match list.is_empty() {
        true => Ok(()),
        false => Err(Error::of(list, Some(source))),
    }
}
