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
use crate::answer::{Answer, Wish};
use crate::args::{Machine, Shared};
use crate::error::{Error, all};
use crate::project::Member;
use crate::rustc::Rustc;
use crate::shell::Shell;
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
