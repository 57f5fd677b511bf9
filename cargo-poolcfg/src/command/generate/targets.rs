//! The targets that are asked for, and those of each package.

use poolcfg_core::Code;
use poolcfg_core::codegen::cfg_predicate;

use crate::cli::args::{Emit, Generate, MachineFlags};
use crate::cli::error::Error;
use crate::cli::invoked_as::InvokedAs;
use crate::context::Context;
use crate::given::Given;
use crate::host::Host;
use crate::project::Member;
use crate::target::rustc::Rustc;
use crate::target::{NamedTarget, facts, here, named};

/// Targets, and whether they are there only because nothing else was named.
pub(super) struct AskedTargets {
    targets: Vec<NamedTarget>,
    is_host: bool,
}

impl AskedTargets {
    pub(super) fn new(
        program: InvokedAs,
        names: &[String],
        machine: &MachineFlags,
        given: &Given,
        rustc: &Rustc,
    ) -> Result<Self, Error> {
        Ok(Self {
            targets: match (given.target(), machine.here) {
                (Some(target), _) => vec![NamedTarget::of(target)],
                (None, true) => here(program, rustc)?,
                (None, false) => facts(names, rustc)?,
            },
            is_host: names.is_empty(),
        })
    }
}

/// What flags or configuration call the targets; nothing for the host.
pub(super) fn names(context: &Context<'_>, machine: &MachineFlags) -> Vec<String> {
    match machine.here {
        true => Vec::new(),
        false => named(&machine.target, context.config.as_ref()),
    }
}

/// Whether the target that is asked for is the only one: that of a program, or that of a text for a host.
pub(super) fn is_only(machine: &MachineFlags, arguments: &Generate) -> bool {
    machine.program.is_some() || host(arguments).is_some() && !machine.target.is_empty()
}

/// The targets of one package: those that were asked for and those with tables in its poolcfg.toml, or
/// else the host.
pub(super) fn arms(
    context: &Context<'_>,
    member: &Member,
    asked: &AskedTargets,
    machine: &MachineFlags,
    arguments: &Generate,
) -> Result<Vec<NamedTarget>, Error> {
    let mut targets = asked.targets.clone();
    let triples: Vec<&str> = member.file.triples().collect();
    if !machine.here && !is_only(machine, arguments) && !triples.is_empty() {
        if asked.is_host {
            targets.clear();
        }
        let more: Vec<String> = triples
            .iter()
            .filter(|triple| !targets.iter().any(|target| target.name == **triple))
            .map(|triple| (*triple).to_owned())
            .collect();
        if !more.is_empty() {
            targets.extend(facts(&more, &context.rustc())?);
        }
    }
    if arguments.emit() == Emit::Rust && arguments.template.is_none() {
        distinct(&targets)?;
    }
    Ok(targets)
}

/// The compiler takes the arm whose cfg holds, so no two may hold at once.
fn distinct(targets: &[NamedTarget]) -> Result<(), Error> {
    for (index, target) in targets.iter().enumerate() {
        let predicate = cfg_predicate(&target.facts).to_string();
        let same = targets[..index]
            .iter()
            .find(|other| cfg_predicate(&other.facts).to_string() == predicate);
        if let Some(other) = same {
            return Err(Error::new(
                Code::SameTarget,
                format!("`{}` and `{}` have the same cfgs", target.name, other.name),
                "name only one of them: it serves both",
            ));
        }
    }
    Ok(())
}

/// The host that the text is for, if there is one.
pub(super) fn host(arguments: &Generate) -> Option<&'static Host> {
    match arguments.emit() {
        Emit::Host(host) if arguments.template.is_none() => Some(host),
        _ => None,
    }
}
