//! The commands. Each returns how the program ends, or why it stops.

pub(crate) mod check;
pub(crate) mod codes;
pub(crate) mod explain;
pub(crate) mod generate;
pub(crate) mod init;
pub(crate) mod probe;
pub(crate) mod profiles;

use poolcfg_core::file::TargetFacts;

use crate::Program;
use crate::answer::{Answer, Wish, misfits};
use crate::args::{Look, Machine, MessageFormat, Shared};
use crate::error::{Error, all};
use crate::exit::Exit;
use crate::project::{Member, members};
use crate::report::{Report, json};
use crate::rustc::Rustc;
use crate::shell::{Shell, print};
use crate::target::{NamedTarget, facts, named};

/// What every command goes by.
pub(crate) struct Context<'a> {
    pub(crate) program: Program,
    pub(crate) shared: &'a Shared,
    pub(crate) shell: Shell,
    /// Cargo's configuration; none on a machine without cargo.
    pub(crate) config: Option<cargo_config2::Config>,
}

impl Context<'_> {
    pub(crate) fn rustc(&self) -> Rustc {
        Rustc::new(self.config.as_ref())
    }

    /// The targets of one package: those that are named by flags, or else those with tables in its
    /// poolcfg.toml and that of cargo's configuration, or else the host. `--here` is the host, which is
    /// all that can be measured.
    pub(crate) fn targets(
        &self,
        member: &Member,
        machine: &Machine,
    ) -> Result<Vec<NamedTarget>, Error> {
        if machine.here {
            return facts(&[], &self.rustc());
        }
        let mut names = named(&machine.target, self.config.as_ref());
        if machine.target.is_empty() {
            let triples = member.file.triples().map(str::to_owned);
            let missing: Vec<_> = triples.filter(|triple| !names.contains(triple)).collect();
            names.extend(missing);
        }
        facts(&names, &self.rustc())
    }
}

/// The answers of one package for its targets.
///
/// # Errors
/// Every fault of its numbers on any of them.
pub(crate) fn answers<'a>(
    member: &'a Member,
    targets: &'a [TargetFacts],
    wish: &'a Wish,
) -> Result<Vec<Answer<'a>>, Error> {
    all(targets.iter().map(|facts| Answer::new(member, facts, wish)))
}

/// Says what should be known of the answers.
pub(crate) fn warn<'a, 'b: 'a>(
    context: &Context<'_>,
    answers: impl Iterator<Item = &'a Answer<'b>>,
) {
    for warning in answers.flat_map(Answer::warnings) {
        context.shell.warn(&warning);
    }
}

/// Looks at every chosen package on every target that it names: `tell` tells people what it finds, and
/// programs are given JSON.
///
/// # Errors
/// Every mistake of the files and flags; every misfit, with [`Exit::Misfit`], after it was told.
pub(crate) fn look(
    context: &Context<'_>,
    arguments: &Look,
    tell: impl FnOnce(&[&Answer<'_>]) -> Result<(), Error>,
) -> Result<Exit, Error> {
    let wish = Wish::new(&arguments.machine)?;
    let members = members(context.program, context.shared, &arguments.packages)?;
    let targets = all(members.iter().map(|member| {
        let targets = context.targets(member, &arguments.machine)?;
        Ok(targets
            .into_iter()
            .map(|target| target.facts)
            .collect::<Vec<TargetFacts>>())
    }))?;
    let results = all(members
        .iter()
        .zip(&targets)
        .map(|(member, targets)| Ok((member, answers(member, targets, &wish)?))))?;
    let every: Vec<&Answer<'_>> = results.iter().flat_map(|(_, answers)| answers).collect();
    match arguments.format.message_format {
        MessageFormat::Json => {
            let report = Report::new(every.iter().flat_map(|answer| answer.results()).collect());
            print(&json(&report)?)?;
        }
        MessageFormat::Human => tell(&every)?,
    }
    warn(context, every.iter().copied());
    misfits(&results)?;
    Ok(Exit::Fits)
}
