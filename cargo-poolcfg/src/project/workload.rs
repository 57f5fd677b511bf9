//! The workload that poolcfg.toml names: its files, the numbers that they need, and where the file says others.
//!
//! - here: what differs, told and written
//! - `read`: all that it names; `tables`: what the file says; `files`: the files that it means; `place`: one table, held
//!   to its files; `overlaid`: one table, held to those of a pool that it does not start from

pub(crate) mod files;
mod overlaid;
mod pattern;
mod place;
mod read;
mod tables;

use std::ops::Range;

use poolcfg_core::file::Diagnostic;
use poolcfg_core::{Code, Size};

use crate::cli::args::Missing;
use crate::cli::error::{Error, Mistake, Source, all, diagnostic};
use crate::cli::exit::Exit;
use crate::cli::shell::Shell;
use crate::inspect::beyond::NeededKey;
use crate::project::Member;
use crate::project::edit::{Edit, set_count, set_text, without};
use crate::project::pool_tables::{WASMTIME, edited, header, pool_header};
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
    /// `None` of a key that is taken out, since no file needs any.
    pub(crate) needed: Option<u64>,
    /// The file that needs it, as messages show it; empty where none does.
    file: String,
    /// The named pool whose workload that is, where it stands in a table that this one does not start from.
    pool: String,
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

    fn typed(&self, value: u64) -> String {
        self.beyond
            .map_or_else(|| value.to_string(), |key| key.typed(value))
    }

    fn diagnostic(&self) -> Diagnostic {
        let Self { key, file, .. } = self;
        let Some(needed) = self.needed else {
            return self.spare();
        };
        let (needed, typed) = (self.shown(needed), self.typed(needed));
        let of_pool = match self.pool.as_str() {
            "" => String::new(),
            pool => format!(" of pool `{pool}`"),
        };
        let message = match self.said {
            Some(said) => format!(
                "`{key}` is {}, but the workload{of_pool} needs {needed}",
                self.shown(said)
            ),
            None => format!(
                "`{}` does not set `{key}`, but the workload needs {needed}",
                self.table()
            ),
        };
        let help = match self.is_of_pool() {
            true => format!("set it to {typed} or more; `sync` leaves it to you"),
            false => "`cargo poolcfg sync` writes what it needs".to_owned(),
        };
        Diagnostic {
            span: Some(self.span.clone()),
            label: format!("`{file}` needs {needed}"),
            ..diagnostic(Code::OutOfWorkload, message, help)
        }
    }

    /// That no file needs any.
    fn spare(&self) -> Diagnostic {
        let said = self.said.unwrap_or_default();
        let message = format!("`{}` is {said}, but the workload needs none", self.key);
        let help = "`cargo poolcfg sync` removes it".to_owned();
        Diagnostic {
            span: Some(self.span.clone()),
            label: "no file needs any".to_owned(),
            ..diagnostic(Code::OutOfWorkload, message, help)
        }
    }

    /// What is written in its place, and what was there.
    fn line(&self) -> String {
        let Self { key, file, .. } = self;
        let was = self
            .said
            .map_or_else(String::new, |said| format!(", was {}", self.typed(said)));
        let Some(needed) = self.needed else {
            return format!("{} {key} is removed{was}: no file needs any", self.table());
        };
        let needed = self.typed(needed);
        format!("{} {key} = {needed}{was}: `{file}` needs it", self.table())
    }
}

/// Whether poolcfg.toml names a workload of a pool that may be Wasmtime's.
pub(crate) fn has_workload(source: &str) -> bool {
    let tables = WorkloadTables::new(source);
    let mut indices = 0..tables.iter().len();
    indices.any(|index| tables.owner(index).is_some() && !tables.is_of_other(index))
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
    let workload = FileWorkload::read(shell, source, missing)?;
    workload.doubts().iter().for_each(|doubt| shell.note(doubt));
    workload.differences(source, unsaid)
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
    workload.doubts().iter().for_each(|doubt| shell.note(doubt));
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

/// What says that a file with the numbers put right would be refused, and why.
pub(crate) fn refused(source: &Source, found: &[NumberDifference], fault: &Diagnostic) -> Error {
    let first = found.first();
    let message = format!(
        "the numbers that the workload needs do not go with the rest of the file: {}",
        fault.message
    );
    let help = "change what is in their way, or remove the file from `workload`".to_owned();
    let list = vec![Diagnostic {
        span: first.map(|difference| difference.span.clone()),
        label: first.map_or_else(String::new, |difference| {
            format!("`{}` is refused", difference.key)
        }),
        ..diagnostic(Code::OutOfWorkload, message, help)
    }];
    Error::of(list, Some(source)).exiting(Exit::Misfit)
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
    let mut spare = Vec::new();
    for difference in found {
        let Some(needed) = difference.needed else {
            spare.push(difference);
            continue;
        };
        let table = edited(&mut edit, &difference.path, difference.span.start)?;
        match difference.beyond.is_some_and(NeededKey::is_size) {
            true => {
                let size = Size::bytes(needed).exact();
                set_text(table, difference.key, size.as_str());
            }
            false => set_count(table, difference.key, needed),
        }
    }
    let text = spare.iter().fold(edit.text(), |text, difference| {
        let path = difference.path.iter().map(String::as_str);
        let path: Vec<&str> = path.chain([WASMTIME]).collect();
        without(&text, &path, difference.key)
    });
    let lines = found.iter().map(NumberDifference::line).collect();
    Ok((text, lines))
}
