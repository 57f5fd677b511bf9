//! The workload of a poolcfg.toml as it was read: its tables, and the files of each.

use std::path::PathBuf;

use poolcfg_core::file::{Diagnostic, TargetFacts};

use super::files::WorkloadFiles;
use super::place::Place;
use super::tables::WorkloadTables;
use super::{NumberDifference, Unsaid};
use crate::cli::args::Missing;
use crate::cli::error::{Error, Source, all};
use crate::cli::exit::Exit;
use crate::cli::shell::Shell;
use crate::inspect::Inspected;

/// The workload that a poolcfg.toml names, with what its files are.
pub(crate) struct FileWorkload {
    pub(super) tables: WorkloadTables,
    /// Those of each table that names some.
    pub(super) files: Vec<Option<WorkloadFiles>>,
}

impl FileWorkload {
    /// # Errors
    /// Where a file is not there, or cannot be inspected.
    pub(super) fn read(shell: &Shell, source: &Source, missing: Missing) -> Result<Self, Error> {
        let tables = WorkloadTables::new(&source.text);
        let files = all(tables.iter().map(|table| match &table.list {
            Some(list) => WorkloadFiles::read(shell, source, list, missing).map(Some),
            None => Ok(None),
        }))?;
        Ok(Self { tables, files })
    }

    /// The files that the pool of this name runs on a target; none where no table that applies names any.
    pub(crate) fn of_pool(&self, facts: &TargetFacts, pool: &str) -> &[(PathBuf, Inspected)] {
        let files = self.tables.owner_on(facts, pool);
        let files = files.and_then(|owner| self.files[owner].as_ref());
        files.map_or(&[], |files| &files.files)
    }

    /// Each table whose pool runs files.
    fn places<'t>(&'t self, unsaid: Unsaid<'t>) -> impl Iterator<Item = Place<'t>> {
        let tables = &self.tables;
        let of_wasmtime = (0..tables.iter().len()).filter(|index| !tables.is_of_other(*index));
        of_wasmtime.filter_map(move |index| {
            let owner = tables.owner(index)?;
            Some(Place {
                tables,
                index,
                owner,
                files: self.files[owner].as_ref()?,
                unsaid,
            })
        })
    }

    /// What the file says that may be too little, each once, and the lists that do not count.
    pub(super) fn doubts(&self) -> Vec<String> {
        let mut doubts = self.tables.replaced();
        for doubt in self.places(&|_, _| None).flat_map(|place| place.doubts()) {
            if !doubts.contains(&doubt) {
                doubts.push(doubt);
            }
        }
        doubts
    }

    pub(super) fn differences(
        &self,
        source: &Source,
        unsaid: Unsaid<'_>,
    ) -> Result<Vec<NumberDifference>, Error> {
        let mut found = Vec::new();
        let mut refused: Vec<Diagnostic> = Vec::new();
        for at in self.places(unsaid) {
            found.extend(at.counts());
            found.extend(at.beyond());
            // Pools that start from one table have the same.
            let told = |one: &Diagnostic| refused.iter().any(|other| other.span == one.span);
            let mistakes = at.impossible().into_iter();
            let mistakes: Vec<_> = mistakes.filter(|one| !told(one)).collect();
            refused.extend(mistakes);
        }
        self.lift(&mut found);
        refused.extend(self.overlaid_impossible());
        match refused.is_empty() {
            true => Ok(found),
            false => Err(Error::of(refused, Some(source)).exiting(Exit::Misfit)),
        }
    }
}
