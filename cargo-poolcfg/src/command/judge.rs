//! `--here --check FILE`: do the numbers that a file records still fit this machine, under the limits of this
//! process? Nothing is generated, so that a service may ask before it starts.

use std::path::PathBuf;

use poolcfg_core::file::{Diagnostic, TargetFacts};
use poolcfg_core::{Code, Fit, Os, Plan, PlanMisfit, ResolvedProcess, Settings};

use crate::cli::args::{Emit, Generate};
use crate::cli::error::{Error, all};
use crate::cli::exit::Exit;
use crate::cli::header;
use crate::cli::path::shown;
use crate::context::Context;
use crate::project::FileUse;
use crate::render::envelope::Results;
use crate::render::footprint::instances;
use crate::render::owner::Owner;
use crate::render::report::{PoolResult, results};
use crate::target::here::record::{self, Record};
use crate::target::here::{self, Here};
use crate::target::rustc::built_for;

/// Judges every record of the file.
///
/// # Errors
/// When the file records nothing that can be judged; with [`Exit::Misfit`] what does not fit, and why.
pub(crate) fn run(context: &Context<'_>, arguments: &Generate) -> Result<Exit, Error> {
    if !arguments.machine.says_nothing() || arguments.template.is_some() {
        return Err(Error::usage(
            "`--here --check` judges the numbers that the file records, which no other flag changes: leave out the other \
             flags, or write the file anew without `--check`",
        ));
    }
    let (path, owner) = place(context, arguments)?;
    let here = Here::measure();
    let records = record::read(&path)?;
    let mut judged = Vec::new();
    let mut again = Vec::new();
    let lines = all(records.iter().map(|record| {
        let facts = built_for()?;
        let settings = record.file.settings(&facts);
        let case = case(record, &here, &settings, &facts)?;
        let plan = Plan::new(&case);
        if context.shell.is_json {
            let mut results = results(&owner, facts.triple(), &case, &plan);
            if record.is_on_demand {
                results.iter_mut().for_each(PoolResult::recorded_on_demand);
            }
            judged.extend(results);
        }
        let lines = judge(record, &here, &case, &plan)?;
        again.push(record::text(&case, &plan, record.is_on_demand));
        Ok(lines)
    }));
    let mut envelope = context.envelope.borrow_mut();
    envelope.here = Some(here.report(again));
    envelope.results = Results::Pools(judged);
    for line in lines?.into_iter().flatten() {
        context.shell.say(&format!("{}: {line}", shown(&path)));
    }
    Ok(Exit::Fits)
}

/// The file that is judged, and whose it is where the package is known.
fn place(context: &Context<'_>, arguments: &Generate) -> Result<(PathBuf, Owner), Error> {
    if let Some(path) = arguments.place() {
        return Ok((path.clone(), Owner::default()));
    }
    let members = context.members(&arguments.packages, FileUse::Read)?;
    match &members[..] {
        [member] if arguments.emit() == Emit::Rust && member.has_manifest => {
            Ok((member.rust_file(), Owner::of(member)))
        }
        _ => Err(Error::new(
            Code::Stale,
            "no file to check",
            "name it with `--check FILE`",
        )
        .exiting(Exit::Usage)),
    }
}

/// What a record says, on this machine.
fn case<'a>(
    record: &Record,
    machine: &Here,
    settings: &Settings<'a>,
    facts: &TargetFacts,
) -> Result<ResolvedProcess<'a>, Error> {
    let case = settings.resolve(facts.target()).map_err(|_| {
        let faults = settings.faults(facts.target());
        let list = faults
            .iter()
            .map(|fault| Diagnostic::from_fault(fault, &record.file))
            .collect();
        Error::of(list, Some(&record.source))
    })?;
    // A record says the headroom where the program has decided it.
    Ok(machine.case(case, &settings.space(), |_, _| None))
}

/// A line for each pool that fits.
fn judge(
    record: &Record,
    machine: &Here,
    case: &ResolvedProcess<'_>,
    plan: &Plan,
) -> Result<Vec<String>, Error> {
    if let Some(misfit) = &plan.misfit {
        let mut diagnostic = Diagnostic::from_misfit(misfit, case, &record.file);
        diagnostic.help = Some(advice(record, misfit, case));
        if record.is_on_demand {
            diagnostic.message = format!("{} {}", on_demand(misfit, case), misfit.needs(case));
            // How many instances there are, the record says by its pools.
            let pools = record.file.span(case.pools()[misfit.pool].pools_at);
            diagnostic.span = pools.or(diagnostic.span);
        }
        return Err(Error::of(vec![diagnostic], Some(&record.source)).exiting(Exit::Misfit));
    }
    let pools = case.pools().iter().zip(plan.guaranteed());
    Ok(pools
        .map(|(pool, limits)| {
            let name = match pool.name {
                "" => String::new(),
                name => format!("pool `{name}`: "),
            };
            let size = limits.memory_reservation.available();
            let machine = machine.name(case);
            if record.is_on_demand {
                let instances = instances(limits.pools);
                return format!(
                    "{name}ok: no pool, {instances} × {size} on demand fit at once ({machine})"
                );
            }
            let pools = match limits.pools {
                1 => String::new(),
                pools => format!("{pools} pools of "),
            };
            let instances = instances(limits.max_instances);
            format!("{name}ok: {pools}{instances} × {size} fit ({machine})")
        })
        .collect())
}

/// How the file gets what fits: it is not edited, and this command takes no flag that would change it.
fn advice(record: &Record, misfit: &PlanMisfit, case: &ResolvedProcess<'_>) -> String {
    let fitting = match record.is_on_demand {
        true => on_demand_fitting(misfit, case),
        false => misfit.fitting(case).to_string(),
    };
    let raised = here::raised(misfit, case);
    let is_of_headroom = misfit.is_helped_by_headroom(case);
    let headroom = "--set address_space.headroom=SIZE";
    let source = &record.source;
    let command = header::again(&source.text, &source.path);
    let way = way(record, misfit, case, command.as_deref());
    let Some(command) = command else {
        let again =
            "the command that wrote the file, with `-o FILE`, writes it for what there is here";
        return format!("{fitting}{raised}; {again}");
    };
    let command = format!("{}{command}", limits(case));
    match way {
        Some(way) => {
            let further = match is_of_headroom {
                true => format!(", with `{headroom}` for another headroom"),
                false => String::new(),
            };
            format!(
                "`{command}{way}` writes the file for what there is here{further}: {fitting}{raised}"
            )
        }
        None if is_of_headroom => format!(
            "{fitting}{raised}; `{command} {headroom}` writes the file for what there is here with another headroom"
        ),
        None => format!("{fitting}{raised}"),
    }
}

/// With what further flag the command writes a file here: none where fewer instances fit; `None` if nothing fits in any way.
fn way(
    record: &Record,
    misfit: &PlanMisfit,
    case: &ResolvedProcess<'_>,
    command: Option<&str>,
) -> Option<String> {
    let fewer = match record.is_on_demand {
        true => misfit.most_pools(case) > 0,
        false => misfit.largest_fit.max_instances.is_some(),
    };
    if fewer {
        return Some(String::new());
    }
    let command = command.unwrap_or_default();
    // Of other hosts the slots have the size that they have.
    if record.is_on_demand || command.contains("--fit ") || !command.contains("--emit wasmtime-") {
        return None;
    }
    let plan = Plan::new(case);
    let pools = 0..case.pools().len();
    let fits = |fit: &Fit| {
        pools
            .clone()
            .all(|pool| plan.way(case, pool, *fit).is_some())
    };
    let way = [Fit::Smaller, Fit::NoPool].into_iter().find(fits)?;
    Some(format!(" --fit {}", way.word()))
}

/// What gives a command the limits that are in force here, before it: another shell may have none.
fn limits(case: &ResolvedProcess<'_>) -> String {
    if case.target.os != Os::Linux {
        return String::new();
    }
    let limits = &case.budget.limits;
    let flags = [("as", limits.rlimit_as), ("data", limits.rlimit_data)];
    let flags = flags.map(|(flag, limit)| {
        limit.map_or_else(String::new, |limit| format!("--{flag}={} ", limit.get()))
    });
    match flags.concat() {
        none if none.is_empty() => none,
        flags => format!("prlimit {flags}"),
    }
}

/// How many instances fit on demand, each as it is recorded.
fn on_demand_fitting(misfit: &PlanMisfit, case: &ResolvedProcess<'_>) -> String {
    match misfit.most_pools(case) {
        0 => "not one instance fits".to_owned(),
        1 => "1 instance on demand fits at once".to_owned(),
        most => format!("{most} instances on demand fit at once"),
    }
}

/// Who needs something of instances on demand, which are counted as pools of one instance.
fn on_demand(misfit: &PlanMisfit, case: &ResolvedProcess<'_>) -> String {
    let pool = &case.pools()[misfit.pool];
    let name = match pool.name {
        "" => String::new(),
        name => format!(" `{name}`"),
    };
    match (misfit.is_of_all(), pool.asked.pools) {
        (true, _) if case.pools().len() > 1 => {
            format!("instances on demand{name} and the others need")
        }
        (_, 1) => format!("an instance on demand{name} needs"),
        (true, instances) => format!("{instances} instances on demand{name} need"),
        (false, instances) => format!("each of {instances} instances on demand{name} needs"),
    }
}
