//! The context: what every command goes by.

use std::cell::{RefCell, RefMut};
use std::path::Path;

use poolcfg_core::file::TargetFacts;

use crate::cli::args::{MachineFlags, Packages, SharedFlags};
use crate::cli::error::Error;
use crate::cli::invoked_as::InvokedAs;
use crate::cli::path::relative;
use crate::cli::shell::Shell;
use crate::given::Given;
use crate::project::workload::NumberDifference;
use crate::project::{FileUse, Member, members, sound_members};
use crate::render::envelope::{Envelope, Results};
use crate::render::files::ChangeReport;
use crate::target::executable::{Executable, Linking, crt_static};
use crate::target::rustc::Rustc;
use crate::target::{NamedTarget, facts, here, named};

/// What every command goes by.
pub(crate) struct Context<'a> {
    pub(crate) program: InvokedAs,
    pub(crate) shared: &'a SharedFlags,
    pub(crate) shell: &'a Shell,
    /// What the run has found out for programs.
    pub(crate) envelope: &'a RefCell<Envelope>,
    /// Cargo's configuration; none on a machine without cargo.
    pub(crate) config: Option<cargo_config2::Config>,
}

impl Context<'_> {
    /// Keeps the results for the JSON object, where a program asked for it.
    pub(crate) fn found(&self, results: impl FnOnce() -> Results) {
        if self.shell.is_json {
            self.envelope.borrow_mut().results = results();
        }
    }

    /// Keeps what was changed of a poolcfg.toml for the JSON object.
    pub(crate) fn changed(&self, file: &Path, state: &'static str, found: &[NumberDifference]) {
        if let Results::Files(files) = &mut self.envelope.borrow_mut().results {
            let path = relative(file);
            for result in files.iter_mut().filter(|result| result.file == path) {
                result.state = state;
                result
                    .changes
                    .extend(found.iter().map(ChangeReport::of_number));
            }
        }
    }

    /// What the run has found out up to now.
    pub(crate) fn envelope(&self) -> RefMut<'_, Envelope> {
        let mut envelope = self.envelope.borrow_mut();
        envelope.diagnostics = self.shell.diagnostics();
        envelope
    }

    /// The packages that flags choose.
    ///
    /// # Errors
    /// As for [`members`].
    pub(crate) fn members(
        &self,
        packages: &Packages,
        file_use: FileUse,
    ) -> Result<Vec<Member>, Error> {
        members(self.program, self.shared, packages, file_use)
    }

    /// The same without those whose poolcfg.toml is faulty, and every mistake of these.
    ///
    /// # Errors
    /// As for [`sound_members`].
    pub(crate) fn sound_members(
        &self,
        packages: &Packages,
    ) -> Result<(Vec<Member>, Result<(), Error>), Error> {
        sound_members(self.program, self.shared, packages, FileUse::Read)
    }

    pub(crate) fn rustc(&self) -> Rustc {
        Rustc::new(self.config.as_ref())
    }

    /// The targets of one package: that of the program that is given, those that are named by flags, or else those with tables in its
    /// poolcfg.toml and that of cargo's configuration, or else the host. `--here` is the host, which is
    /// all that can be measured.
    pub(crate) fn targets(
        &self,
        member: &Member,
        machine: &MachineFlags,
        given: &Given,
    ) -> Result<Vec<NamedTarget>, Error> {
        if let Some(target) = given.target() {
            return Ok(vec![NamedTarget::of(target)]);
        }
        if machine.here {
            return here(self.program, &self.rustc());
        }
        self.named_targets(member, &machine.target)
    }

    /// The same where flags name nothing else.
    ///
    /// # Errors
    /// Every name that is not a target.
    pub(crate) fn named_targets(
        &self,
        member: &Member,
        flags: &[String],
    ) -> Result<Vec<NamedTarget>, Error> {
        let mut names = named(flags, self.config.as_ref());
        if flags.is_empty() {
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

    /// What a build of the package makes for a target; `None` if there is no package to build, or only
    /// cargo understands its configuration.
    pub(crate) fn executable(&self, member: &Member, facts: &TargetFacts) -> Option<Executable> {
        let flags = self.rustflags(member, facts)?;
        let linking = Linking::of(facts);
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
        machine: &MachineFlags,
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
