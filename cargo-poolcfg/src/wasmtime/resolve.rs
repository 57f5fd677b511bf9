//! The engine of a package's pools: whether poolcfg.toml names the Wasmtime that the package uses.

use std::collections::BTreeSet;

use poolcfg_core::file::TargetFacts;
use poolcfg_core::{Code, PoolKeys};

use crate::cli::error::{Error, all};
use crate::cli::exit::Exit;
use crate::context::Context;
use crate::given::wish::{Wish, is_of_wasmtime};
use crate::project::Member;
use crate::wasmtime::graph::Wasmtimes;
use crate::wasmtime::held::{VersionFlag, flag};
use crate::wasmtime::lookup::{Lookup, look_up, resolved, versions};
use crate::wasmtime::shared::{Sharer, pass_over};

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
/// If cargo does not know, and with [`Exit::Misfit`] if poolcfg.toml differs. Where it is of single packages, those are
/// [refused](Member::is_refused).
pub(crate) fn resolve(
    context: &Context<'_>,
    members: &mut [Member],
    targets: &[Vec<TargetFacts>],
    wish: &Wish,
    platform: Option<&TargetFacts>,
    lock: LockNeed,
) -> Result<(), Error> {
    let (mut of_wasmtime, unsaid) = by_engine(members, targets, wish);
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
    of_wasmtime.retain(|user| !user.pools.iter().all(is_of_flag));
    if wish.given.program.is_some() {
        return Ok(());
    }
    note_native(context, &unsaid, platform);
    let mut known = of_wasmtime
        .iter()
        .filter_map(|user| Some((&*user.member, user.member.package.as_ref()?)));
    let Some((first, package)) = known.next() else {
        return Ok(());
    };
    let others: Vec<&str> = known.map(|(_, other)| other.name.as_str()).collect();
    let metadata = resolved(context, first, package, platform);
    let metadata = metadata.map_err(|unknown| unknown.with_others(&others));
    let (mut sharers, pools): (Vec<_>, Vec<_>) = all(of_wasmtime.into_iter().map(|user| {
        let found = match &metadata {
            Ok(metadata) => look_up(context, user.member, metadata, platform)?,
            Err(unknown) => Lookup::Unknown(unknown.clone()),
        };
        let sharer = Sharer {
            member: user.member,
            is_mixed: user.is_mixed,
            found,
        };
        Ok((sharer, user.pools))
    }))?
    .into_iter()
    .unzip();
    pass_over(context, &mut sharers);
    let each = sharers.iter().zip(&pools);
    // What is not resolved is so for all of them.
    let mut lacks_lock = false;
    let held = each.map(|(sharer, pools)| {
        let is_of_lock = matches!(sharer.found.unknown(), Some(unknown) if unknown.lacks_lock);
        if is_of_lock && lacks_lock {
            return (Ok(None), true);
        }
        let held = hold(sharer, pools, platform, lock);
        let is_refused = held.is_err();
        lacks_lock |= is_of_lock && is_refused;
        (held, is_refused)
    });
    let (held, refused): (Vec<_>, Vec<bool>) = held.unzip();
    for (sharer, is_refused) in sharers.iter_mut().zip(refused) {
        sharer.member.is_refused = is_refused;
    }
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

/// A package with pools of Wasmtime's.
struct WasmtimeUser<'m> {
    member: &'m mut Member,
    /// Whether it has pools of its own beside them.
    is_mixed: bool,
    /// The keys of those of Wasmtime's, on every target.
    pools: Vec<PoolKeys>,
}

/// The packages with pools of Wasmtime's, and those of whose pools no engine is said.
fn by_engine<'m>(
    members: &'m mut [Member],
    targets: &[Vec<TargetFacts>],
    wish: &Wish,
) -> (Vec<WasmtimeUser<'m>>, Vec<&'m Member>) {
    let mut of_wasmtime = Vec::new();
    let mut unsaid = Vec::new();
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
            of_wasmtime.push(WasmtimeUser {
                member,
                is_mixed,
                pools,
            });
        } else if !says_engine {
            unsaid.push(&*member);
        }
    }
    (of_wasmtime, unsaid)
}

/// Holds poolcfg.toml to what was found; what is said where the version in it is good enough.
fn hold(
    sharer: &Sharer<'_>,
    pools: &[PoolKeys],
    platform: Option<&TargetFacts>,
    lock: LockNeed,
) -> Result<Option<(Code, String)>, Error> {
    let member = &*sharer.member;
    let Some(unknown) = sharer.found.unknown() else {
        let differences = member.differences(platform, VersionFlag::Has)?;
        let wrong = differences
            .iter()
            .filter(|difference| !difference.is_missing());
        member.disagreement(wrong)?;
        // A flag may have made a pool Wasmtime's of which the file says nothing.
        all(pools.iter().map(|keys| member.is_told(keys)))?;
        return Ok(None);
    };
    let said = pools.iter().map(|keys| keys.wasmtime.version);
    let is_said = said.clone().all(|version| version.is_some());
    // What the file names is no worse known than an example.
    let version = said.flatten().next();
    let version = version.map_or_else(
        || unknown.version.to_string(),
        |version| version.value.to_string(),
    );
    let to_file = match member.source.is_some() && !is_said && !unknown.lacks_lock {
        true => format!(", or write `version = \"{version}\"` into the pool's `wasmtime` table"),
        false => String::new(),
    };
    if !is_said || (unknown.lacks_lock && lock == LockNeed::Needed) {
        return Err(unknown.error(member, &format!("{to_file}{}", flag(&version))));
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
    let mut said = BTreeSet::new();
    for (member, package) in std::iter::once((first, package)).chain(packages) {
        let Some(found) = Wasmtimes::of(&metadata, &package.id) else {
            continue;
        };
        // The first that depends on it stands for all that share its file.
        if !said.insert(&member.place) {
            continue;
        }
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
