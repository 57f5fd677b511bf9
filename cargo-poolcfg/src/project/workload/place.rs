//! One table of a pool: its numbers, held to the files that it runs.

use std::ops::Range;

use poolcfg_core::file::Diagnostic;
use poolcfg_core::{Code, WasmtimeVersion};

use super::files::WorkloadFiles;
use super::tables::WorkloadTables;
use super::{NumberDifference, Unsaid};
use crate::cli::error::diagnostic;
use crate::cli::path::shown;
use crate::inspect::beyond::NeededKey;
use crate::inspect::taken::{NoneBy, TakenKind};
use crate::inspect::workload::{GC_HEAPS, PerInstance};

/// The table of a pool, and the files of its workload, which it names or which one names that it starts from.
pub(super) struct Place<'t> {
    pub(super) tables: &'t WorkloadTables,
    pub(super) index: usize,
    /// The table that names the workload.
    pub(super) owner: usize,
    pub(super) files: &'t WorkloadFiles,
    pub(super) unsaid: Unsaid<'t>,
}

impl Place<'_> {
    /// The counts that are not those of the files. A pool that starts from the table of the workload may say more.
    pub(super) fn counts(&self) -> Vec<NumberDifference> {
        let files = &self.files.files;
        let Some(counts) = self.needed() else {
            return Vec::new();
        };
        let of_file = |key: &str, needed: u64| {
            let first = PerInstance::first_with(key, needed, files);
            first.map_or_else(String::new, shown)
        };
        let is_own = self.owner == self.index;
        let (place, table) = self.tables.get(self.index);
        let (of_owner, _) = self.tables.get(self.owner);
        let is_exact = self.files.is_whole && place.is_of_pool_of(of_owner);
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
                path: place.path().to_vec(),
                span: said.map_or_else(|| self.list(), |said| said.span.clone()),
                key,
                beyond: None,
                said: said.map(|said| said.value),
                needed: Some(needed),
                file: of_file(key, needed),
                pool: String::new(),
            })
        });
        // No count of heaps stands for none.
        let spare = table.count(GC_HEAPS);
        let spare = spare.filter(|_| is_exact && counts.gc_heaps.is_none());
        let spare = spare.map(|said| NumberDifference {
            path: place.path().to_vec(),
            span: said.span.clone(),
            key: GC_HEAPS,
            beyond: None,
            said: Some(said.value),
            needed: None,
            file: String::new(),
            pool: String::new(),
        });
        differs.chain(spare).collect()
    }

    /// How many of each kind an instance needs.
    pub(super) fn needed(&self) -> Option<PerInstance> {
        let files = self.files.files.iter();
        let counts = PerInstance::of(files.map(|(_, file)| file))?;
        Some(counts.under(self.version()))
    }

    /// The other numbers that are below what a file needs.
    pub(super) fn beyond(&self) -> impl Iterator<Item = NumberDifference> {
        let (place, table) = self.tables.get(self.index);
        NeededKey::ALL.into_iter().filter_map(|key| {
            let version = self.version();
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
                path: place.path().to_vec(),
                span: said.map_or_else(|| self.list(), |said| said.span.clone()),
                key: key.word(),
                beyond: Some(key),
                said: said.map(|said| said.value),
                needed: Some(need.most),
                file: shown(need.path),
                pool: String::new(),
            })
        })
    }

    /// What the file says that may be below what a file needs.
    pub(super) fn doubts(&self) -> Vec<String> {
        let version = self.version();
        let doubt = |key: NeededKey| {
            let said = self.tables.number(self.index, key)?;
            let need = key.most(self.files.needs(), version)?;
            // What is too little is no doubt.
            let is_enough = said.value >= need.least;
            key.doubt(said.value, self.files.needs(), version)
                .filter(|_| is_enough)
        };
        NeededKey::ALL.into_iter().filter_map(doubt).collect()
    }

    /// Why no instance of a file fits, where features or totals of the file say so.
    pub(super) fn impossible(&self) -> Vec<Diagnostic> {
        let mut all = Vec::new();
        all.extend(TakenKind::ALL.iter().filter_map(|taken| self.none(*taken)));
        all.extend(self.small_totals());
        all
    }

    /// That the pool has none of what a file takes.
    fn none(&self, taken: TakenKind) -> Option<Diagnostic> {
        let version = self.version();
        let path = taken.first(self.files.needs(), version)?;
        let total = self.tables.count(self.index, taken.total());
        let total = total.filter(|said| said.value == 0);
        let total = total.map(|said| (NoneBy::Total, &said.span));
        let features = self.tables.without(self.index, taken.feature());
        let (why, span) = total.or(features.map(|span| (NoneBy::Feature, span)))?;
        let (message, help) = taken.message(why, path);
        let label = match taken {
            TakenKind::Component => "no component can be instantiated",
            TakenKind::Heap => "no instance has a heap",
        };
        Some(at(span, label.to_owned(), message, help))
    }

    /// The totals of which not one instance has what it needs.
    fn small_totals(&self) -> Vec<Diagnostic> {
        let files = &self.files.files;
        let counts = self.needed().into_iter().flat_map(PerInstance::keys);
        let small = |(key, needed): (&'static str, u64)| {
            let total = PerInstance::total(key)?;
            let said = self.tables.count(self.index, total)?;
            let is_told = total == TakenKind::Heap.total() && said.value == 0;
            if said.value >= needed || is_told {
                return None;
            }
            let file = shown(PerInstance::first_with(key, needed, files)?);
            let message = format!(
                "`{total}` is {}, but an instance of `{file}` needs {needed}",
                said.value
            );
            let help = format!("set it to {needed} or more, or leave it out");
            Some(at(
                &said.span,
                format!("`{file}` needs {needed}"),
                message,
                help,
            ))
        };
        counts.filter_map(small).collect()
    }

    /// The name of the pool, empty for the one without; `None` in the table of a target.
    fn pool(&self) -> Option<&str> {
        match self.tables.get(self.index).0.path() {
            [pool] if pool == "pooling_allocator" => Some(""),
            [pool, name] if pool == "pool" => Some(name),
            _ => None,
        }
    }

    /// The version of Wasmtime that counts.
    pub(super) fn version(&self) -> WasmtimeVersion {
        self.tables.version(self.index, self.owner)
    }

    /// What there is of a number that nothing says.
    fn of_itself(&self, key: NeededKey) -> Option<u64> {
        let resolved = self.pool().and_then(|pool| (self.unsaid)(pool, key));
        resolved.or_else(|| self.tables.of_itself(self.index, key))
    }

    /// Where the list stands.
    fn list(&self) -> Range<usize> {
        let list = self.tables.get(self.owner).1.list.as_ref();
        list.map_or(0..0, |list| list.span.clone())
    }
}

fn at(span: &Range<usize>, label: String, message: String, help: String) -> Diagnostic {
    Diagnostic {
        span: Some(span.clone()),
        label,
        ..diagnostic(Code::OutOfWorkload, message, help)
    }
}
