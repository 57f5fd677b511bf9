//! The workload that poolcfg.toml names: its files, the numbers that they need, and where the file says others.
//!
//! - here: what differs, told and written
//! - `read`: all that it names; `tables`: what the file says; `files`: the files that it means

pub(crate) mod files;
mod read;
mod tables;

use std::ops::Range;

use poolcfg_core::file::Diagnostic;
use poolcfg_core::{Code, Size};

use crate::cli::args::Missing;
use crate::cli::error::{Error, Mistake, Source, all, diagnostic};
use crate::cli::exit::Exit;
use crate::cli::path::shown;
use crate::cli::shell::Shell;
use crate::inspect::beyond::{COMPONENTS, NeededKey, NoComponents, component};
use crate::inspect::workload::PerInstance;
use crate::project::Member;
use crate::project::edit::{Edit, set_count, set_text};
use crate::project::pool_tables::{edited, header, pool_header};
use files::WorkloadFiles;
pub(crate) use read::FileWorkload;
use tables::WorkloadTables;

/// A number that is not what the files need.
#[derive(Clone, Debug)]
pub(crate) struct NumberDifference {
    path: Vec<String>,
    /// The bytes of the value; those of the list where nothing is said.
    span: Range<usize>,
    pub(crate) key: &'static str,
    /// The same where it is no count of an instance.
    beyond: Option<NeededKey>,
    pub(crate) said: Option<u64>,
    pub(crate) needed: u64,
    /// The file that needs it, as messages show it.
    file: String,
}

impl NumberDifference {
    /// The header of the table that holds the key.
    pub(crate) fn table(&self) -> String {
        match self.is_of_pool() {
            true => pool_header(&self.path),
            false => header(&self.path),
        }
    }

    fn is_of_pool(&self) -> bool {
        self.beyond.is_some_and(NeededKey::is_of_pool)
    }

    fn shown(&self, value: u64) -> String {
        self.beyond
            .map_or_else(|| value.to_string(), |key| key.shown(value))
    }

    fn diagnostic(&self) -> Diagnostic {
        let Self { key, file, .. } = self;
        let needed = self.shown(self.needed);
        let message = match self.said {
            Some(said) => format!(
                "`{key}` is {}, and the workload needs {needed}",
                self.shown(said)
            ),
            None => format!(
                "`{}` says no `{key}`, and the workload needs {needed}",
                self.table()
            ),
        };
        let help = match self.is_of_pool() {
            true => format!("set it to \"{needed}\" or more; `sync` leaves it to you"),
            false => "`cargo poolcfg sync` writes what it needs".to_owned(),
        };
        Diagnostic {
            span: Some(self.span.clone()),
            label: format!("`{file}` needs {needed}"),
            ..diagnostic(Code::OutOfWorkload, message, help)
        }
    }

    /// What is written in its place, and what was there.
    fn line(&self) -> String {
        let Self { key, file, .. } = self;
        let was = self
            .said
            .map_or_else(String::new, |said| format!(", was {}", self.shown(said)));
        let needed = match self.beyond.is_some_and(NeededKey::is_size) {
            true => format!("\"{}\"", self.shown(self.needed)),
            false => self.needed.to_string(),
        };
        format!("{} {key} = {needed}{was}: `{file}` needs it", self.table())
    }
}

/// Whether poolcfg.toml names a workload.
pub(crate) fn has_workload(source: &str) -> bool {
    WorkloadTables::new(source)
        .0
        .iter()
        .any(|table| table.list.is_some())
}

/// Where the numbers of a package are not those that its workload needs.
///
/// # Errors
/// Where a file is not there, or cannot be inspected.
pub(crate) fn differences(
    shell: &Shell,
    source: &Source,
    missing: Missing,
    unsaid: Unsaid<'_>,
) -> Result<Vec<NumberDifference>, Error> {
    FileWorkload::read(shell, source, missing)?.differences(source, unsaid)
}

/// The least that the pool of this name has of a number on those targets for which no table says it; `None` where there
/// are none.
pub(crate) type Unsaid<'u> = &'u dyn Fn(&str, NeededKey) -> Option<u64>;

/// What the flags say of pools below what the files of a workload need.
pub(crate) type Flagged<'f> = &'f dyn Fn(&FileWorkload) -> Vec<Mistake>;

/// Holds the numbers of a package, and those of flags, to its workload.
///
/// # Errors
/// With [`Exit::Misfit`] where they disagree; as for [`differences`].
pub(crate) fn hold(
    shell: &Shell,
    member: &Member,
    missing: Missing,
    unsaid: Unsaid<'_>,
    flagged: Flagged<'_>,
) -> Result<(), Error> {
    let Some(source) = &member.source else {
        return Ok(());
    };
    let workload = FileWorkload::read(shell, source, missing)?;
    let found = workload.differences(source, unsaid);
    let mistakes = flagged(&workload);
    let flags = match mistakes.is_empty() {
        true => Ok(()),
        false => Err(Error::from(mistakes).exiting(Exit::Misfit)),
    };
    let file = found.and_then(|found| disagreement(source, &found));
    all([file, flags]).map(drop)
}

/// What says that the numbers and the workload disagree.
///
/// # Errors
/// Where there is anything to say.
pub(crate) fn disagreement(source: &Source, found: &[NumberDifference]) -> Result<(), Error> {
    let list: Vec<_> = found.iter().map(NumberDifference::diagnostic).collect();
    match list.is_empty() {
        true => Ok(()),
        false => Err(Error::of(list, Some(source)).exiting(Exit::Misfit)),
    }
}

/// What says that numbers of a pool as a whole, which are its owner's to write, and the workload disagree.
///
/// # Errors
/// Where there is anything to say.
pub(crate) fn unwritten(source: &Source, found: &[NumberDifference]) -> Result<(), Error> {
    let left = found.iter().filter(|difference| difference.is_of_pool());
    disagreement(source, &left.cloned().collect::<Vec<_>>())
}

/// The file with every number put right and everything else as it is, and a line for each.
///
/// # Errors
/// When a table cannot be found again, which is a fault of ours.
pub(crate) fn rewritten(
    source: &str,
    found: &[NumberDifference],
) -> Result<(String, Vec<String>), Error> {
    let mut edit = Edit::new(source);
    for difference in found {
        let table = edited(&mut edit, &difference.path, difference.span.start)?;
        match difference.beyond.is_some_and(NeededKey::is_size) {
            true => {
                let size = Size::bytes(difference.needed).exact();
                set_text(table, difference.key, size.as_str());
            }
            false => set_count(table, difference.key, difference.needed),
        }
    }
    let lines = found.iter().map(NumberDifference::line).collect();
    Ok((edit.text(), lines))
}

/// The table of a pool, and the files of its workload, which it names or which one names that it starts from.
struct Place<'t> {
    tables: &'t WorkloadTables,
    index: usize,
    /// The table that names the workload.
    owner: usize,
    files: &'t WorkloadFiles,
    unsaid: Unsaid<'t>,
}

impl Place<'_> {
    /// The counts that are not those of the files. A pool that starts from the table of the workload may say more.
    fn counts(&self) -> Vec<NumberDifference> {
        let files = &self.files.files;
        let Some(counts) = PerInstance::of(files.iter().map(|(_, file)| file)) else {
            return Vec::new();
        };
        let of_file = |key: &str, needed: u64| {
            let first = PerInstance::first_with(key, needed, files);
            first.map_or_else(String::new, shown)
        };
        let is_own = self.owner == self.index;
        let table = &self.tables.0[self.index];
        let owner = &self.tables.0[self.owner];
        let is_exact = self.files.is_whole && table.place.is_of_pool_of(&owner.place);
        let differs = counts.keys().filter_map(|(key, needed)| {
            let said = table.count(key);
            let is_right = match said {
                Some(said) if is_exact => said.value == needed,
                Some(said) => said.value >= needed,
                // What is not there may need all that there is.
                None if is_own && !self.files.is_whole => {
                    self.tables.count_or_default(self.index, key) >= needed
                }
                None => !is_own,
            };
            (!is_right).then(|| NumberDifference {
                path: table.place.path().to_vec(),
                span: said.map_or_else(|| self.list(), |said| said.span.clone()),
                key,
                beyond: None,
                said: said.map(|said| said.value),
                needed,
                file: of_file(key, needed),
            })
        });
        differs.collect()
    }

    /// The other numbers that are below what a file needs.
    fn beyond(&self) -> impl Iterator<Item = NumberDifference> {
        let table = &self.tables.0[self.index];
        NeededKey::ALL.into_iter().filter_map(|key| {
            let version = self.tables.version(self.index);
            let need = key.most(self.files.needs(), version)?;
            let said = match self.owner == self.index {
                true => self.tables.number(self.index, key),
                false => Some(table.number(key)?),
            };
            let has = match said {
                Some(said) => said.value,
                None => self.of_itself(key)?,
            };
            (has < need.least).then(|| NumberDifference {
                path: table.place.path().to_vec(),
                span: said.map_or_else(|| self.list(), |said| said.span.clone()),
                key: key.word(),
                beyond: Some(key),
                said: said.map(|said| said.value),
                needed: need.most,
                file: shown(need.path),
            })
        })
    }

    /// That the pool takes no components, where the file says so and there is one.
    fn no_components(&self) -> Option<Diagnostic> {
        let total = self.tables.count(self.index, COMPONENTS);
        let total = total.filter(|said| said.value == 0);
        let total = total.map(|said| (NoComponents::Total, &said.span));
        let features = self.tables.without_components(self.index);
        let (why, span) = total.or(features.map(|span| (NoComponents::Feature, span)))?;
        let (message, help) = why.message(component(self.files.needs())?);
        Some(Diagnostic {
            span: Some(span.clone()),
            label: "no component can be instantiated".to_owned(),
            ..diagnostic(Code::OutOfWorkload, message, help)
        })
    }

    /// The name of the pool, empty for the one without; `None` in the table of a target.
    fn pool(&self) -> Option<&str> {
        match self.tables.0[self.index].place.path() {
            [pool] if pool == "pooling_allocator" => Some(""),
            [pool, name] if pool == "pool" => Some(name),
            _ => None,
        }
    }

    /// What there is of a number that nothing says.
    fn of_itself(&self, key: NeededKey) -> Option<u64> {
        let resolved = self.pool().and_then(|pool| (self.unsaid)(pool, key));
        resolved.or_else(|| self.tables.of_itself(self.index, key))
    }

    /// Where the list stands.
    fn list(&self) -> Range<usize> {
        let list = self.tables.0[self.owner].list.as_ref();
        list.map_or(0..0, |list| list.span.clone())
    }
}
