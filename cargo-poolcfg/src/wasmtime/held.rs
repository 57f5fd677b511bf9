//! poolcfg.toml, held to the Wasmtime that the package uses.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;

use poolcfg_core::file::{Diagnostic, TargetFacts, known_targets};
use poolcfg_core::{Code, PoolKeys, WasmtimeVersion};

use crate::cli::error::{Error, diagnostic};
use crate::cli::exit::Exit;
use crate::given::wish::is_of_wasmtime;
use crate::project::Member;
use crate::project::difference::{Difference, Fact};
use crate::project::wasmtime_tables::{Used, differences};

/// How to do without the project, for the commands that have the flag.
pub(super) fn flag(version: impl Display) -> String {
    format!("; or pass `--engine-version {version}` for this run")
}

/// Whether a command has that flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionFlag {
    Has,
    Lacks,
}

impl Member {
    /// Whether the file names a version for every pool of Wasmtime's, on every target, or on the one that is looked at.
    pub(crate) fn names_version(&self, platform: Option<&TargetFacts>) -> bool {
        targets(platform).iter().all(|facts| {
            let settings = self.file.settings(facts);
            let mut pools = settings.pools().iter();
            pools.all(|keys| !is_of_wasmtime(keys) || keys.wasmtime.version.is_some())
        })
    }

    /// Where poolcfg.toml is not as the package is: in all of its tables, or where one platform is looked
    /// at, in what holds for that.
    ///
    /// # Errors
    /// Where the package uses several versions and nothing tells which is meant.
    pub(crate) fn differences(
        &self,
        platform: Option<&TargetFacts>,
        flag: VersionFlag,
    ) -> Result<Vec<Difference>, Error> {
        let Some(source) = &self.source else {
            return Ok(Vec::new());
        };
        if self.wasmtime.is_empty() {
            return Ok(Vec::new());
        }
        let ambiguous = |span, said| self.ambiguous(Some(span), said, flag);
        let unsaid = |at: &Range<usize>, fact| {
            targets(platform)
                .iter()
                .any(|facts| self.lacks(facts, at, fact))
        };
        let mut found = differences(&source.text, &self.wasmtime, &unsaid, ambiguous)
            .map_err(|list| self.undecided(list))?;
        if let Some(facts) = platform {
            let holds = self.that_hold(facts);
            found.retain(|difference| holds.contains(&difference.span.start));
        }
        Ok(found)
    }

    /// Whether a target has a pool whose engine or version stands at these bytes, and of which no table says a fact.
    fn lacks(&self, facts: &TargetFacts, at: &Range<usize>, fact: Fact) -> bool {
        let settings = self.file.settings(facts);
        let is_here = |place| self.file.span(place).as_ref() == Some(at);
        settings.pools().iter().any(|keys| {
            let (version, features) = (keys.wasmtime.version, keys.wasmtime.features);
            let is_engine = keys.engine.is_some_and(|engine| is_here(engine.place));
            let is_version = version.is_some_and(|version| is_here(version.place));
            match fact {
                Fact::Version { .. } => is_engine && version.is_none(),
                Fact::Features { used, .. } => {
                    (is_engine || is_version) && features.is_none_or(|said| said.value != used)
                }
            }
        })
    }

    /// The values that hold for a target, by their first bytes.
    fn that_hold(&self, facts: &TargetFacts) -> BTreeSet<usize> {
        let settings = self.file.settings(facts);
        let places = settings.pools().iter().flat_map(|keys| {
            [
                keys.engine.map(|setting| setting.place),
                keys.wasmtime.version.map(|setting| setting.place),
                keys.wasmtime.features.map(|setting| setting.place),
            ]
        });
        let spans = places.flatten().filter_map(|place| self.file.span(place));
        spans.map(|span| span.start).collect()
    }

    /// What says that the file and Cargo.lock disagree.
    ///
    /// # Errors
    /// Where there is anything to say.
    pub(crate) fn disagreement<'d>(
        &self,
        differences: impl Iterator<Item = &'d Difference>,
    ) -> Result<(), Error> {
        let sync = match &self.named {
            Some(name) if !self.shares_file => format!("cargo poolcfg sync -p {name}"),
            _ => "cargo poolcfg sync".to_owned(),
        };
        let list: Vec<_> = differences
            .map(|difference| difference.diagnostic(&sync))
            .collect();
        match list.is_empty() {
            true => Ok(()),
            false => Err(Error::of(list, self.source.as_ref()).exiting(Exit::Misfit)),
        }
    }

    /// Whether a pool with these keys has one Wasmtime and not several.
    pub(super) fn is_told(&self, keys: &PoolKeys) -> Result<(), Error> {
        let version = keys.wasmtime.version;
        let said = version.map(|setting| setting.value);
        if self.wasmtime.is_empty() || Used::meant(&self.wasmtime, said).is_some() {
            return Ok(());
        }
        let places = [
            version.map(|setting| setting.place),
            keys.engine.map(|setting| setting.place),
        ];
        let mut spans = places.into_iter().flatten();
        let span = spans.find_map(|place| self.file.span(place));
        Err(self.undecided(vec![self.ambiguous(span, said, VersionFlag::Has)]))
    }

    fn ambiguous(
        &self,
        span: Option<Range<usize>>,
        said: Option<WasmtimeVersion>,
        with: VersionFlag,
    ) -> Diagnostic {
        let name = self
            .package
            .as_ref()
            .map_or("the package", |package| &package.name);
        let versions: Vec<_> = self
            .wasmtime
            .iter()
            .map(|used| used.version.to_string())
            .collect();
        let versions = versions.join(" and ");
        let majors: BTreeSet<_> = self
            .wasmtime
            .iter()
            .map(|used| used.version.major)
            .collect();
        let write: Vec<_> = self
            .wasmtime
            .iter()
            .map(|used| match majors.len() == self.wasmtime.len() {
                true => format!("`version = \"{}\"`", used.version.major),
                false => format!("`version = \"{}\"`", used.version),
            })
            .collect();
        let (code, message) = match said {
            Some(said) => (
                Code::OutOfSync,
                format!("the file names Wasmtime {said}, but `{name}` uses {versions}"),
            ),
            None => (
                Code::NoWasmtime,
                format!(
                    "`{name}` uses Wasmtime {versions}, all equally near in its dependency graph"
                ),
            ),
        };
        let flag = match (with, majors.last()) {
            (VersionFlag::Has, Some(newest)) => flag(newest),
            _ => String::new(),
        };
        let help = format!(
            "write {} into the pool's `wasmtime` table{flag}",
            write.join(" or ")
        );
        Diagnostic {
            span,
            label: "which one?".to_owned(),
            ..diagnostic(code, message, help)
        }
    }

    fn undecided(&self, list: Vec<Diagnostic>) -> Error {
        let is_said = list
            .iter()
            .all(|diagnostic| diagnostic.code == Code::OutOfSync);
        let exit = match is_said {
            true => Exit::Misfit,
            false => Exit::Failed,
        };
        Error::of(list, self.source.as_ref()).exiting(exit)
    }
}

/// The targets that are looked at.
fn targets(platform: Option<&TargetFacts>) -> &[TargetFacts] {
    match platform {
        Some(facts) => std::slice::from_ref(facts),
        None => known_targets(),
    }
}
