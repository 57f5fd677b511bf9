//! `generate`: the limits as a file of Rust consts, as JSON, as a text for a host or through a template.

mod possible;
mod targets;

use std::path::PathBuf;

use poolcfg_core::Code;
use poolcfg_core::codegen::Arm;
use poolcfg_core::file::TargetFacts;

use crate::cli::args::{Emit, Generate, MessageFormat};
use crate::cli::error::{Error, all};
use crate::cli::exit::Exit;
use crate::command::{Origins, judge, keep, outcomes, sources, tell_ways, warn};
use crate::context::Context;
use crate::given::Given;
use crate::given::wish::Wish;
use crate::host::Host;
use crate::output::host_file::Chosen;
use crate::output::mark::Mark;
use crate::output::recorded;
use crate::output::{Output, check};
use crate::project::{FileUse, Member};
use crate::render::rust_file::{self, Header};
use crate::render::template::render_file;
use crate::target::NamedTarget;
use crate::target::beside::Beside;
use crate::target_outcome::{TargetOutcome, misfits};
use crate::wasmtime::resolve::{LockNeed, resolve};
use possible::possible;
use targets::{AskedTargets, arms, host, is_only, names};

/// Works out every chosen package, writes what fits, and tells what does not.
///
/// # Errors
/// Every mistake of the files and flags; every misfit, with [`Exit::Misfit`]; stale files likewise.
pub(crate) fn run(context: &Context<'_>, arguments: &Generate) -> Result<Exit, Error> {
    if arguments.check.is_some() && arguments.machine.here {
        return judge::run(context, arguments);
    }
    write(context, &of_recorded_kind(arguments))
}

/// Writes what fits, of the kind that is said.
fn write(context: &Context<'_>, arguments: &Generate) -> Result<Exit, Error> {
    let given = said(context, arguments)?;
    let (mut members, asked) = project(context, arguments, given.as_ref())?;
    possible(context, &members, arguments)?;
    let recorded = recorded(&members, arguments);
    let was_here = |recorded: &Generate| recorded.machine.here;
    if arguments.check.is_some() && recorded.as_ref().is_some_and(was_here) {
        // What was measured then is not what would be measured now.
        return judge::run(context, arguments);
    }
    let (machine, pool) = match &recorded {
        Some(recorded) => {
            let pool = arguments.pool.as_ref().or(recorded.pool.as_ref());
            (&recorded.machine, pool)
        }
        None => (&arguments.machine, arguments.pool.as_ref()),
    };
    let (given, asked) = match (given, asked) {
        (Some(given), Some(asked)) => (given, asked),
        _ => {
            let given = Given::read(context.shell, machine, arguments.emit())?;
            let names = names(context, machine);
            let rustc = context.rustc();
            let asked = AskedTargets::new(context.program, &names, machine, &given, &rustc)?;
            (given, asked)
        }
    };
    let host = host(arguments);
    let wish = Wish::new(machine, given)?.for_host(host);
    wish.lay_over(&mut members)?;
    let targets = all(members
        .iter()
        .map(|member| arms(context, member, &asked, machine, arguments)))?;
    let facts: Vec<Vec<TargetFacts>> = targets
        .iter()
        .map(|targets| targets.iter().map(|target| target.facts.clone()).collect())
        .collect();
    let repeated = recorded.as_ref().and_then(|_| place(&members, arguments));
    let repeated = repeated.as_deref();
    sources::tell(context, &members, &facts, machine, &wish, false, repeated);
    let and_tables = !is_only(machine, arguments);
    let platform = context.platform(&members, machine, and_tables, &facts);
    resolve(
        context,
        &mut members,
        &facts,
        &wish,
        platform.as_ref(),
        LockNeed::Needed,
    )?;
    let results = all(members
        .iter()
        .zip(&facts)
        .filter(|(member, _)| !member.is_passed_over)
        .map(|(member, facts)| Ok((member, outcomes(member, facts, &wish)?))))?;
    let targets = of_results(&members, targets);
    let outcomes = results.iter().flat_map(|(_, outcomes)| outcomes);
    if context.shell.is_json || arguments.template.is_some() {
        keep(context, outcomes.clone(), &wish);
    }
    warn(context, &results, &wish, Origins::Told);
    if misfits(&results).is_err() {
        outcomes
            .clone()
            .for_each(|outcome| tell_ways(context, outcome, host));
    }
    let (outputs, notes) = outputs(context, arguments, &results, &targets, pool, &wish)?;
    if arguments.check.is_some() {
        all([misfits(&results), check(context, &outputs)])?;
    } else {
        put(context, arguments, &outputs)?;
        tell(context, host, outcomes, &notes);
    }
    misfits(&results)?;
    Ok(Exit::Fits)
}

/// Puts every text where it goes.
fn put(context: &Context<'_>, arguments: &Generate, outputs: &[Output]) -> Result<(), Error> {
    for output in outputs {
        output.put(context)?;
    }
    // Asked for twice, it is printed as well.
    let only_file = context.shared.message_format == MessageFormat::Human;
    let to_file = |output: &Output| output.place.is_some();
    context.envelope.borrow_mut().is_written =
        arguments.emit() == Emit::Json && only_file && outputs.iter().any(to_file);
    Ok(())
}

/// The targets of the packages that are not passed over.
fn of_results(members: &[Member], targets: Vec<Vec<NamedTarget>>) -> Vec<Vec<NamedTarget>> {
    let each = members.iter().zip(targets);
    let each = each.filter(|(member, _)| !member.is_passed_over);
    each.map(|(_, targets)| targets).collect()
}

/// The same flags, with the kind of text that the file says which they name, where they say none themselves.
fn of_recorded_kind(arguments: &Generate) -> Generate {
    let place = arguments.place();
    let place = place.filter(|_| arguments.emit.is_none() && arguments.repeats());
    let recorded = place.and_then(|place| recorded::read(place));
    Generate {
        emit: arguments
            .emit
            .or_else(|| recorded.and_then(|recorded| recorded.emit)),
        ..arguments.clone()
    }
}

/// The command that is repeated, where the flags leave it to the file that is there.
fn recorded(members: &[Member], arguments: &Generate) -> Option<Generate> {
    let place = place(members, arguments).filter(|_| arguments.repeats())?;
    recorded::read(&place)
}

/// What the files tell that the flags name; `None` if what is asked for stands in a file that is checked.
fn said(context: &Context<'_>, arguments: &Generate) -> Result<Option<Given>, Error> {
    if arguments.repeats() {
        return Ok(None);
    }
    Given::read(context.shell, &arguments.machine, arguments.emit()).map(Some)
}

/// What is written, and what has to be said of it. Nothing is written of Rust or for a host of what does not fit.
fn outputs(
    context: &Context<'_>,
    arguments: &Generate,
    results: &[(&Member, Vec<TargetOutcome<'_>>)],
    targets: &[Vec<NamedTarget>],
    pool: Option<&String>,
    wish: &Wish,
) -> Result<(Vec<Output>, Vec<String>), Error> {
    let place = arguments.place().cloned();
    let of_data = arguments.template.is_some() || arguments.emit() == Emit::Json;
    match (misfits(results), of_data) {
        (Err(error), true) => context.shell.keep_error(&error),
        (misfits, _) => misfits?,
    }
    if let Some(template) = &arguments.template {
        let text = render_file(template, &*context.envelope())?;
        let mark = Mark::of_template(&text);
        return Ok((vec![Output::new(place, text, mark)], Vec::new()));
    }
    if arguments.emit() == Emit::Json {
        let text = context.envelope().text()?;
        return Ok((vec![Output::new(place, text, Mark::Envelope)], Vec::new()));
    }
    let Some(host) = host(arguments) else {
        let files = results
            .iter()
            .zip(targets)
            .map(|((member, outcomes), targets)| {
                rust_output(member, outcomes, targets, wish, arguments)
            });
        return Ok((all(files)?, Vec::new()));
    };
    let chosen = Chosen::new(results, pool.map(String::as_str), arguments.emit().name())?;
    let command = recorded::host(&chosen, targets, pool, wish, arguments)?;
    let text = chosen.render(host, &command)?;
    for warning in &text.warnings {
        context.shell.warn(Code::HostCannot, warning);
    }
    let output = Output::new(place, text.text, Mark::Begins(host.begin()));
    Ok((vec![output], text.notes))
}

/// Tells people what was written.
fn tell<'a>(
    context: &Context<'_>,
    host: Option<&Host>,
    outcomes: impl Iterator<Item = &'a TargetOutcome<'a>> + Clone,
    notes: &[String],
) {
    for line in outcomes.clone().flat_map(TargetOutcome::lines) {
        context.shell.say(&line);
    }
    for note in notes {
        context.shell.note(note);
    }
    for outcome in outcomes
        .clone()
        .filter(|outcome| outcome.plan.misfit.is_none())
    {
        tell_ways(context, outcome, host);
    }
    if host.is_some_and(|host| !host.marked) {
        // There is no room for it in the text.
        for line in outcomes.clone().flat_map(TargetOutcome::conditions) {
            context.shell.note(&line);
        }
    }
    for outcome in outcomes {
        context.shell.detail(&outcome.details());
    }
}

/// The packages, and the targets that the command line or cargo's configuration names; the host where
/// they name none. cargo and rustc are asked side by side. Nothing of targets where no files are given.
fn project(
    context: &Context<'_>,
    arguments: &Generate,
    given: Option<&Given>,
) -> Result<(Vec<Member>, Option<AskedTargets>), Error> {
    let names = names(context, &arguments.machine);
    let rustc = context.rustc();
    let program = context.program;
    std::thread::scope(|scope| {
        let ask = || match given {
            Some(given) => {
                AskedTargets::new(program, &names, &arguments.machine, given, &rustc).map(Some)
            }
            None => Ok(None),
        };
        let asked = Beside::new(scope, ask);
        let members = context.members(&arguments.packages, FileUse::Read);
        match (members, asked.end()) {
            (Ok(members), Ok(asked)) => Ok((members, asked)),
            (Err(error), Err(other)) => Err(error.and(other)),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        }
    })
}

/// The file that is checked, where there can be only one.
fn place(members: &[Member], arguments: &Generate) -> Option<PathBuf> {
    let [member] = members else {
        return None;
    };
    let own = (arguments.emit() == Emit::Rust).then(|| member.rust_file());
    arguments.place().cloned().or(own)
}

/// The file of one package.
fn rust_output(
    member: &Member,
    outcomes: &[TargetOutcome<'_>],
    targets: &[NamedTarget],
    wish: &Wish,
    arguments: &Generate,
) -> Result<Output, Error> {
    let arms: Vec<Arm<'_>> = outcomes
        .iter()
        .map(|outcome| Arm {
            facts: outcome.facts,
            case: &outcome.case,
            plan: &outcome.plan,
        })
        .collect();
    let header = Header {
        command: &recorded::rust(member, targets, wish)?,
        runtime: member
            .runtime
            .name_on(outcomes.iter().map(|outcome| outcome.facts)),
        measured: outcomes.iter().flat_map(TargetOutcome::measured).collect(),
    };
    let text = rust_file::render(&arms, &header);
    // Without a package there is no place of its own.
    let own = member.has_manifest.then(|| member.rust_file());
    let place = arguments.place().cloned().or(own);
    Ok(Output::new(place, text, Mark::Begins(rust_file::MARK)).of(member))
}
