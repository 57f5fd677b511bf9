//! The commands. Each returns how the program ends, or why it stops.

pub(crate) mod check;
pub(crate) mod codes;
pub(crate) mod completions;
pub(crate) mod explain;
pub(crate) mod generate;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod judge;
pub(crate) mod man;
pub(crate) mod overview;
pub(crate) mod probe;
pub(crate) mod profiles;
mod sources;
pub(crate) mod sync;
#[cfg_attr(not(has_tracer), path = "command/why_elsewhere.rs")]
pub(crate) mod why;

use poolcfg_core::Code;
use poolcfg_core::file::TargetFacts;

use crate::cli::args::{Emit, Look, Missing};
use crate::cli::error::{Error, all, sound};
use crate::cli::exit::Exit;
use crate::cli::path::shown;
use crate::context::Context;
use crate::given::Given;
use crate::given::program::PoolsOf;
use crate::given::wish::Wish;
use crate::host::Host;
use crate::inspect::beyond::NeededKey;
use crate::project::workload::{FileWorkload, hold};
use crate::project::{Member, SHARED};
use crate::render::envelope::Results;
use crate::render::owner::Unowned;
use crate::target_outcome::{TargetOutcome, misfits};
use crate::wasmtime::resolve::{LockNeed, resolve};

/// The outcomes of one package for its targets.
///
/// # Errors
/// Every fault of its numbers on any of them.
pub(crate) fn outcomes<'a>(
    member: &'a Member,
    targets: &'a [TargetFacts],
    wish: &'a Wish,
) -> Result<Vec<TargetOutcome<'a>>, Error> {
    all(targets
        .iter()
        .map(|facts| TargetOutcome::new(member, facts, wish)))
}

/// Keeps the outcomes for programs and templates.
pub(crate) fn keep<'a>(
    context: &Context<'_>,
    outcomes: impl Iterator<Item = &'a TargetOutcome<'a>> + Clone,
    wish: &Wish,
) {
    let mut envelope = context.envelope.borrow_mut();
    let records = outcomes.clone().filter_map(TargetOutcome::record).collect();
    envelope.here = wish.here.as_ref().map(|here| here.report(records));
    envelope.inspected = wish
        .given
        .reports()
        .into_iter()
        .map(Unowned::from)
        .collect();
    envelope.results = Results::Pools(outcomes.flat_map(TargetOutcome::results).collect());
}

/// Says what fits where less does than is asked. Of a native pool that fits the rest is tried at start.
pub(crate) fn tell_ways(context: &Context<'_>, outcome: &TargetOutcome<'_>, host: Option<&Host>) {
    if outcome.plan.misfit.is_none() && !outcome.has_wasmtime() {
        return;
    }
    for line in outcome.ways(host) {
        context.shell.say(&line);
    }
}

/// Whether it is said which numbers come from files that flags name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origins {
    Told,
    /// Only what should be done about it: the picture has the numbers, and is to stay in sight.
    InPicture,
}

/// Says what should be known of the outcomes, and what comes from files that flags name.
pub(crate) fn warn(
    context: &Context<'_>,
    results: &[(&Member, Vec<TargetOutcome<'_>>)],
    wish: &Wish,
    origins: Origins,
) {
    let outcomes = || results.iter().flat_map(|(_, outcomes)| outcomes);
    let is_told = origins == Origins::Told;
    let counted = outcomes().flat_map(|outcome| outcome.counted.iter().filter(|_| is_told));
    let notes = counted.chain(outcomes().flat_map(|outcome| &outcome.notes));
    let mut asked = Vec::new();
    for flag in outcomes().flat_map(|outcome| wish.asks_for_versions(&outcome.settings)) {
        if !asked.contains(&flag) {
            asked.push(flag);
        }
    }
    let mut noted = Vec::new();
    let model = outcomes().find_map(|outcome| wish.asks_for_model(&outcome.settings));
    // Without an outcome, nothing has said that a pool is native.
    let is_known = outcomes().next().is_some();
    let is_of_wasmtime = outcomes().any(TargetOutcome::has_wasmtime);
    let pools = match is_known && !is_of_wasmtime && wish.engine.is_none() {
        true => PoolsOf::Native,
        false => PoolsOf::AsSaid,
    };
    let taken = wish.given.note(&asked, model.as_ref(), pools);
    let taken = taken.filter(|_| is_told || !asked.is_empty() || model.is_some());
    for note in taken.into_iter().chain(notes.cloned()) {
        // Targets mostly have the same.
        if !noted.contains(&note) {
            context.shell.note(&note);
            noted.push(note);
        }
    }
    let unused = results
        .iter()
        .find_map(|(member, _)| member.unused.as_ref());
    if let Some(path) = unused {
        let text = format!("`{}` is not used: put {SHARED} to share it", shown(path));
        context.shell.note(&text);
    }
    let mut said = Vec::new();
    for (member, outcomes) in results {
        for outcome in outcomes {
            // Only of a build: who asks for the flags of one may run rustc.
            let made = match outcome.is_of_build() {
                true => context.executable(member, outcome.facts),
                false => None,
            };
            let otherwise = made
                .and_then(|made| outcome.loaded_otherwise(&made))
                .map(|text| (Code::LoadedOtherwise, text));
            for (code, warning) in outcome.warnings().into_iter().chain(otherwise) {
                // Packages of one workspace are built alike.
                if !said.contains(&warning) {
                    context.shell.warn(code, &warning);
                    said.push(warning);
                }
            }
        }
    }
}

/// Looks at every chosen package on every target that it names: `tell` tells people what it finds. The counts of its
/// poolcfg.toml are held to the workload where that is asked for.
///
/// # Errors
/// Every mistake of the files and flags; every misfit, with [`Exit::Misfit`], after it was told.
pub(crate) fn look(
    context: &Context<'_>,
    arguments: &Look,
    lock: LockNeed,
    workload: Option<Missing>,
    origins: Origins,
    tell: impl FnOnce(&[&TargetOutcome<'_>]) -> Result<(), Error>,
) -> Result<Exit, Error> {
    let machine = &arguments.machine;
    let given = Given::read(context.shell, machine, Emit::Rust)?;
    let wish = Wish::new(machine, given)?;
    // What is wrong with one package is no reason to look at no other.
    let (mut members, faults) = context.sound_members(&arguments.packages)?;
    wish.lay_over(&mut members)?;
    let targets = all(members.iter().map(|member| {
        let targets = context.targets(member, machine, &wish.given)?;
        Ok(targets
            .into_iter()
            .map(|target| target.facts)
            .collect::<Vec<TargetFacts>>())
    }));
    let targets = match targets {
        Ok(targets) => targets,
        Err(error) => return all([faults, Err(error)]).map(|_| Exit::Fits),
    };
    let is_checked = workload.is_some();
    sources::tell(
        context, &members, &targets, machine, &wish, is_checked, None,
    );
    let platform = context.platform(&members, machine, machine.target.is_empty(), &targets);
    let resolved = resolve(
        context,
        &mut members,
        &targets,
        &wish,
        platform.as_ref(),
        lock,
    );
    if let (Err(Error::Usage(_)), true) = (&resolved, faults.is_err()) {
        // Flags that go with no sound package may go with the others.
        return faults.map(|()| Exit::Fits);
    }
    // Where it is not of single packages, no version is known.
    let is_unknown = resolved.is_err() && members.iter().all(|member| !member.is_refused);
    let faults = all([faults, resolved]).map(drop);
    if is_unknown {
        return faults.map(|()| Exit::Fits);
    }
    let (results, of_numbers) = sound(
        members
            .iter()
            .zip(&targets)
            .filter(|(member, _)| !member.is_passed_over && !member.is_refused)
            .map(|(member, targets)| Ok((member, outcomes(member, targets, &wish)?))),
    );
    let faults = all([faults, of_numbers]).map(drop);
    if context.shell.is_json {
        let every = results.iter().flat_map(|(_, outcomes)| outcomes);
        keep(context, every, &wish);
    }
    let held: Vec<Result<(), Error>> = results
        .iter()
        .map(|(member, outcomes)| match workload {
            Some(missing) => held(context, member, outcomes, missing),
            None => Ok(()),
        })
        .collect();
    // Nothing is said to be guaranteed of a pool that does not take its workload.
    let told = results.iter().zip(&held).flat_map(|((_, outcomes), held)| {
        let outcomes = outcomes.iter();
        outcomes.filter(|outcome| held.is_ok() || outcome.plan.misfit.is_some())
    });
    tell(&told.collect::<Vec<_>>())?;
    warn(context, &results, &wish, origins);
    all([faults, misfits(&results), all(held).map(drop)])?;
    Ok(Exit::Fits)
}

/// Holds the numbers of a package, and those of flags, to the workload of its poolcfg.toml.
fn held(
    context: &Context<'_>,
    member: &Member,
    outcomes: &[TargetOutcome<'_>],
    missing: Missing,
) -> Result<(), Error> {
    let least = |pool: &str, key: NeededKey| {
        let each = outcomes.iter();
        each.filter_map(|outcome| outcome.unsaid(&member.file, pool, key))
            .min()
    };
    let flagged = |workload: &FileWorkload| {
        let mut mistakes = Vec::new();
        for mistake in outcomes.iter().flat_map(|one| one.flagged(workload)) {
            // Targets mostly have the same flags.
            if !mistakes.contains(&mistake) {
                mistakes.push(mistake);
            }
        }
        mistakes
    };
    hold(context.shell, member, missing, &least, &flagged)
}
