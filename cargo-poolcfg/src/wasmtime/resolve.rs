//! The engine of a package's pools: whether poolcfg.toml names the Wasmtime that the package uses.

use std::collections::BTreeSet;
use std::ops::Range;

use poolcfg_core::file::{Diagnostic, TargetFacts, known_targets};
use poolcfg_core::{Code, PoolKeys, WasmtimeVersion};

use crate::cli::error::{Error, all, diagnostic};
use crate::cli::exit::Exit;
use crate::context::Context;
use crate::given::wish::{Wish, is_of_wasmtime};
use crate::project::Member;
use crate::project::difference::{Difference, Fact};
use crate::project::wasmtime_tables::{Used, differences};
use crate::wasmtime::graph::Wasmtimes;
use crate::wasmtime::lookup::{look_up, resolved, versions};
use crate::wasmtime::shared::{Sharer, pass_over};

/// How to do without the project, for the commands that have the flag.
const FLAG: &str = "; or pass `--engine-version 48` for this run";

/// Whether a command works without Cargo.lock if poolcfg.toml names the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockNeed {
    /// It does not: nothing is guaranteed without Cargo.lock.
    Needed,
    /// It does: the version in poolcfg.toml is good enough to look at.
    Wanted,
}

/// Asks cargo for the Wasmtime version of every package with a Wasmtime pool, and compares poolcfg.toml with it. With
/// `--engine-version` cargo is not asked, and without cargo the version in poolcfg.toml is used.
///
/// # Errors
/// If cargo does not know, and with [`Exit::Misfit`] if poolcfg.toml differs.
pub(crate) fn resolve(
    context: &Context<'_>,
    members: &mut [Member],
    targets: &[Vec<TargetFacts>],
    wish: &Wish,
    platform: Option<&TargetFacts>,
    lock: LockNeed,
) -> Result<(), Error> {
    let mut of_wasmtime: Vec<(&mut Member, bool, Vec<PoolKeys>)> = Vec::new();
    let mut unsaid: Vec<&Member> = Vec::new();
    for (member, targets) in members.iter_mut().zip(targets) {
        let mut pools = Vec::new();
        let (mut says_engine, mut is_mixed) = (false, false);
        for facts in targets {
            let settings = wish.settings(member, facts);
            let keys = settings.pools().iter();
            says_engine |= keys.clone().any(|keys| keys.engine.is_some());
            is_mixed |= keys.clone().any(|keys| !is_of_wasmtime(keys));
            pools.extend(keys.filter(|keys| is_of_wasmtime(keys)).copied());
        }
        if !pools.is_empty() {
            of_wasmtime.push((member, is_mixed, pools));
        } else if !says_engine {
            unsaid.push(member);
        }
    }
    if of_wasmtime.is_empty() {
        not_for_native(wish)?;
    }
    if wish.engine_version.is_some() {
        return Ok(());
    }
    // What a program is has nothing to do with the project, and a flag outranks it.
    let is_of_flag = |keys: &PoolKeys| {
        let version = keys.wasmtime.version;
        version.is_some_and(|version| version.place.as_flag().is_some())
    };
    of_wasmtime.retain(|(.., pools)| !pools.iter().all(is_of_flag));
    if wish.given.program.is_some() {
        return Ok(());
    }
    note_native(context, &unsaid, platform);
    let mut known = of_wasmtime
        .iter()
        .filter_map(|(member, ..)| Some((&**member, member.package.as_ref()?)));
    let Some((first, package)) = known.next() else {
        return Ok(());
    };
    let others: Vec<&str> = known.map(|(_, other)| other.name.as_str()).collect();
    let metadata = resolved(context, first, package, platform);
    let metadata = metadata.map_err(|unknown| unknown.with_others(&others));
    let (sharers, pools): (Vec<_>, Vec<_>) =
        all(of_wasmtime.into_iter().map(|(member, is_mixed, pools)| {
            let found = match &metadata {
                Ok(metadata) => look_up(context, member, metadata, platform)?,
                Err(unknown) => Err(unknown.clone()),
            };
            let sharer = Sharer {
                member,
                is_mixed,
                found,
            };
            Ok((sharer, pools))
        }))?
        .into_iter()
        .unzip();
    let mut sharers = sharers;
    pass_over(context, &mut sharers);
    let each = sharers.iter().zip(&pools);
    // What is not resolved is so for all of them.
    let mut lacks_lock = false;
    let held = each.map(|(sharer, pools)| match &sharer.found {
        Err(unknown) if unknown.lacks_lock && lacks_lock => Ok(None),
        found => {
            let held = hold(sharer, pools, platform, lock);
            let is_of_lock = matches!(found, Err(unknown) if unknown.lacks_lock);
            lacks_lock |= is_of_lock && held.is_err();
            held
        }
    });
    let warnings = all(held)?;
    let mut said = BTreeSet::new();
    for (code, warning) in warnings.into_iter().flatten() {
        // Packages that share a file lack the same.
        if said.insert(warning.clone()) {
            context.shell.warn(code, &warning);
        }
    }
    Ok(())
}

/// Holds poolcfg.toml to what was found; what is said where the version in it is good enough.
fn hold(
    sharer: &Sharer<'_>,
    pools: &[PoolKeys],
    platform: Option<&TargetFacts>,
    lock: LockNeed,
) -> Result<Option<(Code, String)>, Error> {
    let member = &*sharer.member;
    let Err(unknown) = &sharer.found else {
        let differences = member.differences(platform, FLAG)?;
        let wrong = differences
            .iter()
            .filter(|difference| !difference.is_missing());
        member.disagreement(wrong)?;
        // A flag may have made a pool Wasmtime's of which the file says nothing.
        all(pools.iter().map(|keys| member.is_told(keys)))?;
        return Ok(None);
    };
    let is_said = pools.iter().all(|keys| keys.wasmtime.version.is_some());
    let version = unknown.version;
    let to_file = match member.source.is_some() && !is_said && !unknown.lacks_lock {
        true => format!(", or write `version = \"{version}\"` into the pool's `wasmtime` table"),
        false => String::new(),
    };
    if !is_said || (unknown.lacks_lock && lock == LockNeed::Needed) {
        let flag = format!("; or pass `--engine-version {version}` for this run");
        return Err(unknown.error(member, &format!("{to_file}{flag}")));
    }
    let warning = format!("{}: using the version in poolcfg.toml", unknown.message);
    Ok(Some((unknown.code, warning)))
}

/// Refuses flags that are for pools of Wasmtime, where there are none.
fn not_for_native(wish: &Wish) -> Result<(), Error> {
    let flags = [
        ("--engine-version", wish.engine_version.is_some()),
        ("--workload", wish.given.has_workload()),
    ];
    match flags.iter().find(|(_, is_said)| *is_said) {
        None => Ok(()),
        Some((flag, _)) => Err(Error::new(
            Code::OtherEngine,
            format!("`{flag}` is for pools with `engine = \"wasmtime\"`, and there is none"),
            "pass `--engine wasmtime` too, to make every pool one",
        )
        .exiting(Exit::Usage)),
    }
}

/// Notes each package that depends on Wasmtime and has pools of its own by default: its author may have meant
/// Wasmtime's. Where cargo does not know, nothing is said.
fn note_native(context: &Context<'_>, members: &[&Member], platform: Option<&TargetFacts>) {
    let packages = members
        .iter()
        .filter_map(|member| Some((*member, member.package.as_ref()?)));
    let mut packages = packages.filter(|(_, package)| package.has_wasmtime_beside());
    let Some((first, package)) = packages.next() else {
        return;
    };
    let Ok(metadata) = resolved(context, first, package, platform) else {
        return;
    };
    for (member, package) in std::iter::once((first, package)).chain(packages) {
        let Some(found) = Wasmtimes::of(&metadata, &package.id) else {
            continue;
        };
        let help = match &member.source {
            Some(source) => format!(
                "set `engine = \"wasmtime\"` in {}, or `engine = \"native\"` if that is meant",
                source.shown
            ),
            None => "`cargo poolcfg init` writes a poolcfg.toml for Wasmtime's".to_owned(),
        };
        context.shell.note(&format!(
            "`{}` depends on Wasmtime {}, but its pools are native ones: {help}",
            package.name,
            versions(&found.nearest)
        ));
    }
}

impl Member {
    /// Where poolcfg.toml is not as the package is: in all of its tables, or where one platform is looked
    /// at, in what holds for that.
    ///
    /// # Errors
    /// Where the package uses several versions and nothing tells which is meant.
    pub(crate) fn differences(
        &self,
        platform: Option<&TargetFacts>,
        flag: &str,
    ) -> Result<Vec<Difference>, Error> {
        let Some(source) = &self.source else {
            return Ok(Vec::new());
        };
        if self.wasmtime.is_empty() {
            return Ok(Vec::new());
        }
        let ambiguous = |span, said| self.ambiguous(Some(span), said, flag);
        let targets = match platform {
            Some(facts) => std::slice::from_ref(facts),
            None => known_targets(),
        };
        let unsaid =
            |at: &Range<usize>, fact| targets.iter().any(|facts| self.lacks(facts, at, fact));
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
    fn is_told(&self, keys: &PoolKeys) -> Result<(), Error> {
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
        Err(self.undecided(vec![self.ambiguous(span, said, FLAG)]))
    }

    fn ambiguous(
        &self,
        span: Option<Range<usize>>,
        said: Option<WasmtimeVersion>,
        flag: &str,
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
