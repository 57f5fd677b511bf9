//! `--here --check FILE`: do the numbers that a file records still fit this machine, under the limits of this
//! process? Nothing is generated, so that a service may ask before it starts.

use std::path::PathBuf;

use poolcfg_core::file::Diagnostic;
use poolcfg_core::{Code, Plan};

use crate::cli::args::{Emit, Generate};
use crate::cli::error::{Error, Mistake, all};
use crate::cli::exit::Exit;
use crate::cli::path::shown;
use crate::context::Context;
use crate::here::record::{self, Record};
use crate::here::{self, Here};
use crate::project::members;
use crate::render::rust_file::RUST_FILE;
use crate::target::rustc::built_for;

/// Judges every record of the file.
///
/// # Errors
/// When the file records nothing that can be judged; with [`Exit::Misfit`] what does not fit, and why.
pub(crate) fn run(context: &Context<'_>, arguments: &Generate) -> Result<Exit, Error> {
    let path = place(context, arguments)?;
    let here = Here::measure();
    let records = record::read(&path)?;
    let lines = all(records.iter().map(|record| judge(record, &here)))?;
    for line in lines.into_iter().flatten() {
        context.shell.say(&format!("{}: {line}", shown(&path)));
    }
    Ok(Exit::Fits)
}

/// The file that is judged.
fn place(context: &Context<'_>, arguments: &Generate) -> Result<PathBuf, Error> {
    if let Some(path) = arguments.place() {
        return Ok(path.clone());
    }
    let members = members(context.program, context.shared, &arguments.packages)?;
    match &members[..] {
        [member] if arguments.emit == Emit::Rust && member.has_manifest => {
            Ok(member.dir.join(RUST_FILE))
        }
        _ => Err(Error::new(
            Code::Stale,
            "there is no file to check",
            "name it with `--check FILE`",
        )
        .exiting(Exit::Usage)),
    }
}

/// A line for each pool that fits.
fn judge(record: &Record, machine: &Here) -> Result<Vec<String>, Error> {
    let facts = built_for()?;
    let settings = record.file.settings(&facts);
    let source = Some(&record.source);
    let case = settings.case(facts.target()).map_err(|faults| {
        let list = faults
            .iter()
            .map(|fault| Diagnostic::from_fault(&fault, &record.file))
            .collect();
        Error::of(list, source)
    })?;
    let case = machine.case(case, &settings.space());
    let plan = Plan::new(&case);
    if let Some(misfit) = &plan.misfit {
        let mut diagnostic = Diagnostic::from_misfit(misfit, &case, &record.file);
        diagnostic.help = Some(here::advice(misfit, &case));
        return Err(Error::Mistakes {
            mistakes: vec![Mistake {
                diagnostic,
                source: source.cloned(),
            }],
            exit: Exit::Misfit,
        });
    }
    let pools = case.pools().iter().zip(plan.guaranteed());
    Ok(pools
        .map(|(pool, limits)| {
            let name = match pool.name {
                "" => String::new(),
                name => format!("pool `{name}`: "),
            };
            format!(
                "{name}{} instances, {} each, fit {}",
                limits.max_instances,
                limits.memory_reservation,
                machine.name(&case)
            )
        })
        .collect())
}
