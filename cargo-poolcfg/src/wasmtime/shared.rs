//! One poolcfg.toml that several packages share: its Wasmtime is that of the packages that depend on one.

use std::path::PathBuf;

use crate::context::Context;
use crate::project::Member;
use crate::project::wasmtime_tables::Used;
use crate::wasmtime::lookup::Lookup;

/// A package of whose pools some are Wasmtime's.
pub(crate) struct Sharer<'m> {
    pub(crate) member: &'m mut Member,
    /// Whether it has pools of its own beside them.
    pub(crate) is_mixed: bool,
    /// What cargo says of its Wasmtime.
    pub(crate) found: Lookup,
}

/// Passes over packages that do not depend on Wasmtime, where another one that shares the file does. Those that have
/// pools of their own beside Wasmtime's stay, with the Wasmtime of that other one.
pub(crate) fn pass_over(context: &Context<'_>, sharers: &mut [Sharer<'_>]) {
    let users: Vec<(PathBuf, String, Vec<Used>)> = sharers
        .iter()
        .filter(|sharer| sharer.found.unknown().is_none() && !sharer.member.wasmtime.is_empty())
        .filter_map(|Sharer { member, .. }| {
            let (source, package) = (member.source.as_ref()?, member.package.as_ref()?);
            let wasmtime = member.wasmtime.clone();
            Some((source.path.clone(), package.name.clone(), wasmtime))
        })
        .collect();
    for sharer in sharers {
        let has_none = matches!(sharer.found.unknown(), Some(unknown) if !unknown.lacks_lock);
        let Some(source) = sharer.member.source.as_ref().filter(|_| has_none) else {
            continue;
        };
        let user = users.iter().find(|(path, ..)| *path == source.path);
        let Some((_, user, wasmtime)) = user else {
            continue;
        };
        let so = match sharer.is_mixed {
            true => "its Wasmtime pools are those of",
            false => "skipped, because the file belongs to",
        };
        context.shell.detail(&format!(
            "{}does not depend on `wasmtime`: {so} `{user}`, which shares {} with it",
            sharer.member.heading(),
            source.shown
        ));
        sharer.member.wasmtime.clone_from(wasmtime);
        sharer.member.is_passed_over = !sharer.is_mixed;
        sharer.found = Lookup::Known;
    }
}
