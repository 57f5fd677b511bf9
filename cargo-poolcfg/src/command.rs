//! The commands. Each returns how the program ends, or why it stops.

pub(crate) mod check;
pub(crate) mod codes;
pub(crate) mod explain;
pub(crate) mod generate;
pub(crate) mod init;
pub(crate) mod probe;
pub(crate) mod profiles;
pub(crate) mod sync;

use poolcfg_core::file::TargetFacts;

use crate::Program;
use crate::answer::{Answer, Wish, misfits};
use crate::args::{Look, Machine, MessageFormat, Shared};
use crate::engine::{Lock, supply};
use crate::error::{Error, all};
use crate::executable::{Executable, Linking, crt_static};
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
        let mut targets = facts(&names, &self.rustc())?;
        for target in &mut targets {
            if let Some(crt_static) = self.crt_static(member, &target.facts) {
                target.facts = target.facts.clone().with_crt_static(crt_static);
            }
        }
        Ok(targets)
    }

    /// The flags with which a package is built for a target; `None` where there is no package to build, or only cargo
    /// understands its configuration.
    fn rustflags(&self, member: &Member, facts: &TargetFacts) -> Option<Vec<String>> {
        let config = self.config.as_ref().filter(|_| member.has_manifest)?;
        let flags = config.rustflags(facts.triple()).ok()?;
        Some(flags.map(|flags| flags.flags).unwrap_or_default())
    }

    /// What the flags of a build say of the C library, as the compiler sees it by `target_feature = "crt-static"`.
    fn crt_static(&self, member: &Member, facts: &TargetFacts) -> Option<bool> {
        let flags = self.rustflags(member, facts)?;
        crt_static(flags.iter().map(String::as_str))
    }

    /// What a build of the package makes for a target; nothing where there is no package to build, or only
    /// cargo understands its configuration.
    fn executable(&self, member: &Member, facts: &TargetFacts) -> Option<Executable> {
        let flags = self.rustflags(member, facts)?;
        let linking = Linking::of(facts.triple());
        Some(Executable::new(linking, flags.iter().map(String::as_str)))
    }

    /// The only target that flags, configuration or, with `and_tables`, tables of the files name; nothing
    /// where there are several, or none and the host is a guess. A target spec tells cargo nothing.
    pub(crate) fn only_target(
        &self,
        members: &[Member],
        flags: &[String],
        and_tables: bool,
    ) -> Option<String> {
        let mut names = named(flags, self.config.as_ref());
        if and_tables {
            let triples = members.iter().flat_map(|member| member.file.triples());
            names.extend(triples.map(str::to_owned));
        }
        names.sort();
        names.dedup();
        let only = names.pop().filter(|name| !name.ends_with(".json"));
        only.filter(|_| names.is_empty())
    }

    /// The target of all of these, where it is the only one that is named.
    pub(crate) fn platform(
        &self,
        members: &[Member],
        machine: &Machine,
        and_tables: bool,
        targets: &[Vec<TargetFacts>],
    ) -> Option<TargetFacts> {
        if machine.here {
            return None;
        }
        self.only_target(members, &machine.target, and_tables)?;
        targets.iter().flatten().next().cloned()
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
pub(crate) fn warn(context: &Context<'_>, results: &[(&Member, Vec<Answer<'_>>)]) {
    let mut said = Vec::new();
    for (member, answers) in results {
        for answer in answers {
            let made = context.executable(member, answer.facts);
            let otherwise = made
                .and_then(|made| answer.loaded_otherwise(&made))
                .map(|text| (None, text));
            for (code, warning) in answer.warnings().into_iter().chain(otherwise) {
                // Packages of one workspace are built alike.
                if !said.contains(&warning) {
                    context.shell.warn_of(code, &warning);
                    said.push(warning);
                }
            }
        }
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
    lock: Lock,
    tell: impl FnOnce(&[&Answer<'_>]) -> Result<(), Error>,
) -> Result<Exit, Error> {
    let wish = Wish::new(&arguments.machine)?;
    let mut members = members(context.program, context.shared, &arguments.packages)?;
    let targets = all(members.iter().map(|member| {
        let targets = context.targets(member, &arguments.machine)?;
        Ok(targets
            .into_iter()
            .map(|target| target.facts)
            .collect::<Vec<TargetFacts>>())
    }))?;
    let machine = &arguments.machine;
    let platform = context.platform(&members, machine, machine.target.is_empty(), &targets);
    supply(
        context,
        &mut members,
        &targets,
        &wish,
        platform.as_ref(),
        lock,
    )?;
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
    warn(context, &results);
    misfits(&results)?;
    Ok(Exit::Fits)
}
