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
    tables: WorkloadTables,
    /// Those of each table that names some.
    files: Vec<Option<WorkloadFiles>>,
}

impl FileWorkload {
    /// # Errors
    /// Where a file is not there, or cannot be inspected.
    pub(super) fn read(shell: &Shell, source: &Source, missing: Missing) -> Result<Self, Error> {
        let tables = WorkloadTables::new(&source.text);
        let files = all(tables.0.iter().map(|table| match &table.list {
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

    pub(super) fn differences(
        &self,
        source: &Source,
        unsaid: Unsaid<'_>,
    ) -> Result<Vec<NumberDifference>, Error> {
        let tables = &self.tables;
        let mut found = Vec::new();
        let mut refused: Vec<Diagnostic> = Vec::new();
        for index in 0..tables.0.len() {
            let owner = tables.owner(index);
            let Some((owner, files)) =
                owner.and_then(|owner| Some((owner, self.files[owner].as_ref()?)))
            else {
                continue;
            };
            let at = Place {
                tables,
                index,
                owner,
                files,
                unsaid,
            };
            found.extend(at.counts());
            found.extend(at.beyond());
            // Pools that start from one table have the same.
            let told = |one: &Diagnostic| refused.iter().any(|other| other.span == one.span);
            let mistakes = at.impossible().into_iter();
            let mistakes: Vec<_> = mistakes.filter(|one| !told(one)).collect();
            refused.extend(mistakes);
        }
        match refused.is_empty() {
            true => Ok(found),
            false => Err(Error::of(refused, Some(source)).exiting(Exit::Misfit)),
        }
    }
}
