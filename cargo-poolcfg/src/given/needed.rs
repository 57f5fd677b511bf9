//! What the files of a workload need: beyond the counts it is set where nothing says as much, and told where nothing
//! can; a flag's count below it is reported.

use std::path::{Path, PathBuf};

use poolcfg_core::file::Diagnostic;
use poolcfg_core::{
    Code, FilePlace, Fit, Limits, PoolKeys, ResolvedPool, ResolvedProcess, Setting, Settings, Size,
    WasmtimeKeys, WasmtimeVersion,
};

use crate::cli::error::diagnostic;
use crate::cli::path::shown;
use crate::given::Given;
use crate::inspect::beyond::{self, Need, NeededKey};
use crate::inspect::taken::{NoneBy, TakenKind};
use crate::inspect::workload::PerInstance;
use crate::inspect::{Inspected, Needs};

/// Settings in which there is room for a workload, and what has to be said of it.
pub(crate) struct Raised<'a> {
    pub(crate) settings: Settings<'a>,
    pub(crate) notes: Vec<String>,
}

/// A mistake, and where it stands; nowhere if nothing that is written is wrong.
pub(crate) type Refused = (Diagnostic, Option<FilePlace>);

/// The settings with what the files need. A flag outranks the files, and is reported where it is too little.
///
/// # Errors
/// Where no pool takes a file, or a flag says less than it needs.
pub(crate) fn raised<'a>(
    given: &Given,
    settings: &Settings<'a>,
    case: &ResolvedProcess<'_>,
    fit: Option<Fit>,
) -> Result<Raised<'a>, Vec<Refused>> {
    let mut raised = Raised {
        settings: *settings,
        notes: Vec::new(),
    };
    let mut refused = Vec::new();
    let mut versions = case.pools().iter().filter_map(|pool| pool.asked.wasmtime);
    let newest = versions
        .clone()
        .map(|wasmtime| wasmtime.version)
        .max_by_key(|version| version.major);
    let has_pool = versions.next().is_some() && fit != Some(Fit::NoPool);
    if let (Some(path), Some(version)) = (beyond::shared(given.workload()), newest) {
        let switch = beyond::switches_on_shared(version);
        match (has_pool, switch) {
            (true, _) => refused.push((shared(path, switch), None)),
            (false, Some(switch)) => raised.notes.push(format!(
                "from --workload: `{}` has a shared memory, which Wasmtime {version} makes only with {switch}",
                shown(path)
            )),
            (false, None) => {}
        }
    }
    for (index, pool) in case.pools().iter().enumerate() {
        let Some(wasmtime) = pool.asked.wasmtime else {
            continue;
        };
        let keys = &settings.pools()[index];
        if has_pool {
            refused.extend(none(given.workload(), keys, wasmtime.version));
        }
        refused.extend(too_few(&given.workload, keys));
        raised
            .notes
            .extend(doubts(given.workload(), keys, wasmtime.version));
        for key in NeededKey::ALL {
            match missing(key, given, pool, keys, case) {
                None => {}
                Some(Err(fault)) => refused.push(fault),
                Some(Ok((need, keys))) => {
                    raised.settings = raised.settings.pool(index, keys);
                    raised.notes.push(note(key, &need));
                }
            }
        }
    }
    match refused.is_empty() {
        true => Ok(raised),
        false => Err(refused),
    }
}

/// That no pool takes a file with a shared memory, and what helps.
fn shared(path: &Path, switch: Option<&str>) -> Diagnostic {
    let message = format!("`{}` has a shared memory, which no pool takes", shown(path));
    let switch = switch.map_or_else(String::new, |switch| format!(", and {switch}"));
    let help = format!(
        "leave it out, or run it without a pool: `cargo poolcfg --emit wasmtime-toml --fit no-pool` with the same flags{switch}"
    );
    diagnostic(Code::OutOfWorkload, message, help)
}

/// What flags say of a pool that may be below what these files need.
fn doubts<'f>(
    files: impl IntoIterator<Item = (&'f Path, &'f Needs)> + Clone,
    keys: &PoolKeys,
    version: WasmtimeVersion,
) -> impl Iterator<Item = String> {
    NeededKey::ALL.into_iter().filter_map(move |key| {
        let said = key.said(keys)?;
        said.place.as_flag()?;
        key.doubt(said.value, files.clone(), version)
    })
}

/// What flags say of a pool below what these files need.
pub(crate) fn flagged(
    files: &[(PathBuf, Inspected)],
    pool: &ResolvedPool<'_>,
    keys: &PoolKeys,
) -> Vec<Refused> {
    let Some(wasmtime) = pool.asked.wasmtime else {
        return Vec::new();
    };
    let needs = || {
        let files = files.iter();
        files.filter_map(|(path, file)| Some((path.as_path(), file.needs()?)))
    };
    let too_low = |key: NeededKey| {
        let said = key.said(keys)?;
        said.place.as_flag()?;
        let need = key.most(needs(), wasmtime.version)?;
        (said.value < need.least).then(|| {
            let refused = key.below(said.value, &need);
            (refused, Some(said.place))
        })
    };
    let none = none(needs(), keys, wasmtime.version).into_iter();
    let is_of_flag =
        |place: &Option<FilePlace>| place.is_some_and(|place| place.as_flag().is_some());
    let mut refused = too_few(files, keys);
    refused.extend(NeededKey::ALL.into_iter().filter_map(too_low));
    refused.extend(none.filter(|(_, place)| is_of_flag(place)));
    refused
}

/// The counts of a pool that a flag says below what an instance of a file needs.
fn too_few(files: &[(PathBuf, Inspected)], keys: &PoolKeys) -> Vec<Refused> {
    let counts = PerInstance::of(files.iter().map(|(_, file)| file));
    let refused = |(key, needed): (&'static str, u64)| {
        let said = PerInstance::said(key, &keys.wasmtime)?;
        said.place.as_flag()?;
        if u64::from(said.value) >= needed {
            return None;
        }
        let file = PerInstance::first_with(key, needed, files)?;
        let (has, needed) = (said.value.to_string(), needed.to_string());
        Some((below(key, &has, file, &needed, &needed), Some(said.place)))
    };
    let counts = counts.into_iter().flat_map(PerInstance::keys);
    counts.filter_map(refused).collect()
}

/// That a number is below what a file needs, and what helps.
fn below(key: &str, has: &str, file: &Path, needed: &str, enough: &str) -> Diagnostic {
    let file = shown(file);
    diagnostic(
        Code::OutOfWorkload,
        format!("`{key}` is {has}, but `{file}` needs {needed}"),
        format!("set it to {enough} or more, or leave it out"),
    )
}

impl NeededKey {
    fn below(self, has: u64, need: &Need<'_>) -> Diagnostic {
        let [has, needed] = [has, need.least].map(|value| self.shown(value));
        let enough = self.typed(need.most);
        below(self.word(), &has, need.path, &needed, &enough)
    }
}

/// What instances of some files take and a pool has none of, where a total or its features say so.
fn none<'f>(
    files: impl IntoIterator<Item = (&'f Path, &'f Needs)> + Clone,
    keys: &PoolKeys,
    version: WasmtimeVersion,
) -> Vec<Refused> {
    let own = &keys.wasmtime;
    let refused = |taken: TakenKind| {
        let total = taken.said(own).filter(|total| total.value == 0);
        let total = total.map(|total| (NoneBy::Total, total.place));
        let features = own.features;
        let features = features.filter(|features| !features.value.has(taken.feature()));
        let features = features.map(|features| (NoneBy::Feature, features.place));
        let (why, place) = total.or(features)?;
        let (message, help) = taken.message(why, taken.first(files.clone(), version)?);
        Some((diagnostic(Code::OutOfWorkload, message, help), Some(place)))
    };
    TakenKind::ALL.into_iter().filter_map(refused).collect()
}

fn note(key: NeededKey, need: &Need<'_>) -> String {
    let (word, file) = (key.word(), shown(need.path));
    format!(
        "from --workload: `{word}` = {}, which `{file}` needs",
        key.shown(need.most)
    )
}

/// What a key has to be set to, and for which file; `None` if it is enough.
fn missing<'f>(
    key: NeededKey,
    given: &'f Given,
    pool: &ResolvedPool<'_>,
    keys: &PoolKeys,
    case: &ResolvedProcess<'_>,
) -> Option<Result<(Need<'f>, PoolKeys), Refused>> {
    let version = pool.asked.wasmtime?.version;
    let need = key.most(given.workload(), version)?;
    let has = key.of(&pool.asked)?;
    let said = key.place(keys);
    let own = key.of(&Limits::of_wasmtime(version, case.target))?;
    // A pool that shrinks goes back to Wasmtime's own where nobody says more.
    let may_shrink = key == NeededKey::TableElements && said.is_none() && need.most > own;
    if need.most <= has && !may_shrink {
        return None;
    }
    let flag = said.filter(|place| place.as_flag().is_some());
    // `doubts` reports what may be too little.
    if flag.is_some() && need.least <= has {
        return None;
    }
    let set = set(key, need.most, pool, said.is_some());
    Some(match (flag, set) {
        (None, Some(keys)) => Ok((need, keys)),
        (flag, set) => {
            let refused = match set {
                Some(_) => key.below(has, &need),
                None => {
                    let (word, file) = (key.word(), shown(need.path));
                    let needed = key.shown(need.least);
                    diagnostic(
                        Code::OutOfWorkload,
                        format!(
                            "`{file}` needs `{word}` = {needed}, which is more than may be set"
                        ),
                        "leave the file out: no pool takes it",
                    )
                }
            };
            Err((refused, flag))
        }
    })
}

/// A key with this value; `None` if it takes none so large.
fn set(key: NeededKey, value: u64, pool: &ResolvedPool<'_>, is_said: bool) -> Option<PoolKeys> {
    let size = Some(Setting::given(Size::bytes(value)));
    let mut wasmtime = WasmtimeKeys::EMPTY;
    let mut keys = PoolKeys::EMPTY;
    match key {
        NeededKey::TableElements => {
            wasmtime.table_elements = Some(Setting::given(u32::try_from(value).ok()?));
        }
        NeededKey::MaxCoreInstanceSize => wasmtime.max_core_instance_size = size,
        NeededKey::MaxComponentInstanceSize => wasmtime.max_component_instance_size = size,
        NeededKey::MemoryReservation => {
            keys.memory_reservation = size;
            if !is_said {
                // A reservation that somebody says is not lowered; nobody has said this one.
                keys.on_misfit = Some(Setting::given(pool.on_misfit));
                keys.keep = Some(Setting::given(pool.keep));
            }
        }
        NeededKey::MaxMemorySize => keys.max_memory_size = size,
    }
    Some(PoolKeys { wasmtime, ..keys })
}
