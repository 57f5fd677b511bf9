//! What the tables of pools say of a workload, and of the numbers that it decides.

use std::ops::Range;

use poolcfg_core::file::{PoolTable, PoolTables, TargetFacts, WORKLOAD};
use poolcfg_core::{
    Arch, InstanceDefaults, Limits, Os, Size, Target, WasmtimeFeature, WasmtimeFeatures,
    WasmtimeVersion,
};
use toml_edit::{Document, Item, TableLike};

use crate::inspect::beyond::NeededKey;
use crate::inspect::workload::PerInstance;
use crate::project::pool_tables::{WASMTIME, features, table};

/// A list of files.
pub(super) struct List {
    /// Each entry, and where it stands.
    pub(super) entries: Vec<(String, Range<usize>)>,
    pub(super) span: Range<usize>,
}

/// A number that a table says, and where; sizes are bytes.
#[derive(Clone, Debug)]
pub(super) struct SpannedNumber {
    pub(super) value: u64,
    pub(super) span: Range<usize>,
}

/// What the table of a pool says.
pub(super) struct WorkloadTable {
    /// The workload that it names.
    pub(super) list: Option<List>,
    /// What its `wasmtime` table and it say, in this order.
    said: [Vec<(String, SpannedNumber)>; 2],
    version: Option<WasmtimeVersion>,
    /// Whether it says that the pool is Wasmtime's, or another's.
    pub(super) is_of_wasmtime: Option<bool>,
    /// The features that it lists, and where.
    pub(super) features: Option<(WasmtimeFeatures, Range<usize>)>,
}

impl WorkloadTable {
    fn new(pool: &dyn TableLike) -> Self {
        let own = table(pool, WASMTIME);
        let version = own.and_then(|own| own.get("version")?.as_str()?.parse().ok());
        Self {
            list: own.and_then(list),
            said: [own.map_or_else(Vec::new, said), said(pool)],
            version,
            is_of_wasmtime: pool
                .get("engine")
                .and_then(Item::as_str)
                .map(|engine| engine == WASMTIME),
            features: own.and_then(features),
        }
    }

    /// What its `wasmtime` table says of a count.
    pub(super) fn count(&self, key: &str) -> Option<&SpannedNumber> {
        self.find(0, key)
    }

    /// All that its `wasmtime` table says in numbers.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&str, &SpannedNumber)> {
        self.said[0].iter().map(|(key, said)| (key.as_str(), said))
    }

    /// What it says itself of a number that is no count.
    pub(super) fn number(&self, key: NeededKey) -> Option<&SpannedNumber> {
        self.find(usize::from(key.is_of_pool()), key.word())
    }

    fn find(&self, index: usize, key: &str) -> Option<&SpannedNumber> {
        let mut said = self.said[index].iter();
        said.find_map(|(name, said)| (name == key).then_some(said))
    }
}

/// The tables of pools, each after those that it starts from.
pub(super) struct WorkloadTables(PoolTables<WorkloadTable>);

impl WorkloadTables {
    pub(super) fn new(source: &str) -> Self {
        let document = Document::parse(source);
        Self(document.map_or(PoolTables::none(), |document| {
            PoolTables::new(document.as_table(), WorkloadTable::new)
        }))
    }

    /// Where each of them stands, with it.
    pub(super) fn placed(&self) -> impl ExactSizeIterator<Item = (&PoolTable, &WorkloadTable)> {
        self.0.iter()
    }

    /// Those that are said of a pool on a target of [`PoolTable::on`] of a table: the first that says something wins.
    pub(super) fn of_pool_on<'t>(
        &'t self,
        target: Option<usize>,
        of: &'t PoolTable,
        pool: &'t str,
    ) -> impl Iterator<Item = (usize, &'t WorkloadTable)> {
        self.0.of_pool_on(target, of, pool)
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &WorkloadTable> {
        self.0.iter().map(|(_, table)| table)
    }

    /// The one with this index, and where it stands.
    pub(super) fn get(&self, index: usize) -> (&PoolTable, &WorkloadTable) {
        self.0.get(index)
    }

    /// Whether the pool of this table is said to be another engine's, of which nothing is counted.
    pub(super) fn is_of_other(&self, index: usize) -> bool {
        let said = self
            .0
            .of_table(index)
            .find_map(|(_, table)| table.is_of_wasmtime);
        said == Some(false)
    }

    /// The table whose list is the workload of the pool of this table.
    pub(super) fn owner(&self, index: usize) -> Option<usize> {
        let mut chain = self.0.of_table(index);
        chain.find_map(|(other, table)| table.list.is_some().then_some(other))
    }

    /// The table whose list is the workload of the pool of this name on a target.
    pub(super) fn owner_on(&self, facts: &TargetFacts, pool: &str) -> Option<usize> {
        let mut tables = self.0.of_pool(facts, pool);
        tables.find_map(|(index, table)| table.list.is_some().then_some(index))
    }

    /// What is said of a number in this table or one that it starts from.
    pub(super) fn number(&self, index: usize, key: NeededKey) -> Option<&SpannedNumber> {
        self.0
            .of_table(index)
            .find_map(|(_, table)| table.number(key))
    }

    /// What is said of a count in this table or one that it starts from.
    pub(super) fn count(&self, index: usize, key: &str) -> Option<&SpannedNumber> {
        self.0
            .of_table(index)
            .find_map(|(_, table)| table.count(key))
    }

    /// The same, or the default where none of them says it: none of heaps, which take the places of memories.
    pub(super) fn count_or_default(&self, index: usize, key: &str) -> u64 {
        if let Some(said) = self.count(index, key) {
            return said.value;
        }
        let components = match self.without(index, WasmtimeFeature::ComponentModel) {
            Some(_) => None,
            None => Some(InstanceDefaults::COMPONENT),
        };
        PerInstance::unsaid(components)
            .keys()
            .find_map(|(name, count)| (name == key).then_some(count))
            .unwrap_or_default()
    }

    /// Where the features that count for this table stand, if this one is not among them.
    pub(super) fn without(&self, index: usize, feature: WasmtimeFeature) -> Option<&Range<usize>> {
        let mut chain = self.0.of_table(index);
        let (features, span) = chain.find_map(|(_, table)| table.features.as_ref())?;
        (!features.has(feature)).then_some(span)
    }

    /// The version of a pool for which this table and that of its workload speak.
    pub(super) fn version(&self, index: usize, owner: usize) -> WasmtimeVersion {
        let [own, owner] = [index, owner].map(|of| {
            let mut chain = self.0.of_table(of);
            chain.find_map(|(at, table)| Some((at, table.version?)))
        });
        let latest = own.into_iter().chain(owner).max_by_key(|(at, _)| *at);
        let version = latest.map(|(_, version)| version);
        version.unwrap_or(WasmtimeVersion::major(WasmtimeVersion::NEWEST))
    }

    /// What Wasmtime takes where nothing is said.
    pub(super) fn of_itself(&self, index: usize, key: NeededKey) -> Option<u64> {
        let target = target(self.0.get(index).0);
        key.of(&Limits::of_wasmtime(self.version(index, index), target))
    }
}

/// The target that a table is for; a usual one where it names none.
fn target(of: &PoolTable) -> Target {
    let path = of.path();
    let triple = path.get(1).filter(|_| path[0] == "target");
    let facts = triple.and_then(|triple| TargetFacts::builtin(triple));
    facts.map_or(Target::new(Arch::X86_64, Os::Linux, 64), |facts| {
        facts.target()
    })
}

fn list(own: &dyn TableLike) -> Option<List> {
    let list = own.get(WORKLOAD)?;
    let span = list.span()?;
    let entries = list.as_array()?.iter().filter_map(|entry| {
        let at = entry.span().unwrap_or_else(|| span.clone());
        Some((entry.as_str()?.to_owned(), at))
    });
    Some(List {
        entries: entries.collect(),
        span,
    })
}

/// The counts and sizes of a table.
fn said(of: &dyn TableLike) -> Vec<(String, SpannedNumber)> {
    let said = of.iter().filter_map(|(key, item)| {
        let value = number(item)?;
        let span = item.span()?;
        Some((key.to_owned(), SpannedNumber { value, span }))
    });
    said.collect()
}

fn number(item: &Item) -> Option<u64> {
    match (item.as_integer(), item.as_str()) {
        (Some(count), _) => u64::try_from(count).ok(),
        (None, Some(text)) => Size::parse(text).ok().map(Size::get),
        (None, None) => None,
    }
}
