//! A workload: several files that one pool runs, and the keys of poolcfg.toml to set for all of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use poolcfg_core::{
    InstanceDefaults, RelocationModel, Setting, Target, WasmtimeKeys, WasmtimeVersion,
};
use serde::Serialize;

use crate::host::WASMTIME;
use crate::inspect::beyond::NeededKey;
use crate::inspect::taken::TakenKind;
use crate::inspect::{Inspected, Needs};

/// How many of each kind an instance may have, so that each file's does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PerInstance {
    pub(crate) core_instances: u64,
    pub(crate) memories: u64,
    pub(crate) tables: u64,
    /// None where no file needs a heap.
    pub(crate) gc_heaps: Option<u64>,
}

impl PerInstance {
    /// The most of each over the files, and one where no file has any; `None` if none is WebAssembly.
    pub(crate) fn of<'f>(files: impl IntoIterator<Item = &'f Inspected>) -> Option<Self> {
        let each = files
            .into_iter()
            .filter_map(Inspected::needs)
            .map(Self::of_one);
        each.reduce(|one, other| Self {
            core_instances: one.core_instances.max(other.core_instances),
            memories: one.memories.max(other.memories),
            tables: one.tables.max(other.tables),
            gc_heaps: one.gc_heaps.max(other.gc_heaps),
        })
    }

    fn of_one(needs: &Needs) -> Self {
        Self {
            core_instances: needs.core_instances.max(1),
            // What a module has is bounded by them, too.
            memories: needs.memories.max(needs.memories_of_module).max(1),
            tables: needs.tables.max(needs.tables_of_module).max(1),
            gc_heaps: needs.gc.then_some(1),
        }
    }

    /// The same under a version of Wasmtime, which may know no heaps.
    pub(crate) fn under(self, version: WasmtimeVersion) -> Self {
        let gc_heaps = self
            .gc_heaps
            .filter(|_| TakenKind::Heap.feature().is_in(version));
        Self { gc_heaps, ..self }
    }

    /// What an instance may have where poolcfg.toml does not say; `components` is what one has, where there may be any.
    pub(crate) fn unsaid(components: Option<InstanceDefaults>) -> Self {
        let (core_instances, tables) =
            components.map_or((1, 1), |each| (each.core_instances, each.tables));
        Self {
            core_instances: core_instances.into(),
            memories: 1,
            tables: tables.into(),
            gc_heaps: None,
        }
    }

    /// The keys of a pool's `wasmtime` table with their values.
    pub(crate) fn keys(self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            (MEMORIES, Some(self.memories)),
            (TABLES, Some(self.tables)),
            (CORE_INSTANCES, Some(self.core_instances)),
            (GC_HEAPS, self.gc_heaps),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
    }

    /// The first of some files that needs so many of a key.
    pub(crate) fn first_with<'f>(
        key: &str,
        needed: u64,
        files: &'f [(PathBuf, Inspected)],
    ) -> Option<&'f Path> {
        let needs = |file: &Inspected| {
            let counts = Self::of([file]);
            counts.is_some_and(|counts| counts.keys().any(|one| one == (key, needed)))
        };
        let (path, _) = files.iter().find(|(_, file)| needs(file))?;
        Some(path)
    }

    /// The key of the total of what one of the keys counts.
    pub(crate) fn total(key: &str) -> Option<&'static str> {
        Some(match key {
            MEMORIES => "total_memories",
            TABLES => "total_tables",
            CORE_INSTANCES => "total_core_instances",
            GC_HEAPS => TakenKind::Heap.total(),
            _ => return None,
        })
    }

    /// What is said of one of the keys.
    pub(crate) fn said(key: &str, keys: &WasmtimeKeys) -> Option<Setting<u32>> {
        match key {
            MEMORIES => keys.memories_per_instance,
            TABLES => keys.tables_per_instance,
            CORE_INSTANCES => keys.core_instances_per_instance,
            GC_HEAPS => keys.gc_heaps_per_instance,
            _ => None,
        }
    }

    /// Says one of the keys.
    pub(crate) fn set(key: &str, said: Setting<u32>, keys: &mut WasmtimeKeys) {
        let to = match key {
            MEMORIES => &mut keys.memories_per_instance,
            TABLES => &mut keys.tables_per_instance,
            CORE_INSTANCES => &mut keys.core_instances_per_instance,
            GC_HEAPS => &mut keys.gc_heaps_per_instance,
            _ => return,
        };
        *to = Some(said);
    }
}

const MEMORIES: &str = "memories_per_instance";
const TABLES: &str = "tables_per_instance";
const CORE_INSTANCES: &str = "core_instances_per_instance";
pub(crate) const GC_HEAPS: &str = "gc_heaps_per_instance";

/// The keys to set for all of some files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub(crate) struct Keys {
    /// Of the Wasmtime in the programs, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Of the programs, where they are loaded alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relocation_model: Option<&'static str>,
    /// The most memories of an instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memories_per_instance: Option<u64>,
    /// The most tables of an instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tables_per_instance: Option<u64>,
    /// The most core instances of an instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_instances_per_instance: Option<u64>,
    /// 1 where a file needs a heap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gc_heaps_per_instance: Option<u64>,
    /// Where Wasmtime's own is too few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_elements: Option<u64>,
    /// In bytes, where a memory is larger at the beginning than Wasmtime's own slots are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_reservation: Option<u64>,
    /// In bytes, where one is larger than Wasmtime's own maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory_size: Option<u64>,
    /// In bytes, where Wasmtime's own is, or may be, too small.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_core_instance_size: Option<u64>,
    /// In bytes, where Wasmtime's own is, or may be, too small.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_component_instance_size: Option<u64>,
}

impl Keys {
    /// Those of a set of files, for a version of Wasmtime.
    pub(crate) fn of(files: &[&Inspected], version: WasmtimeVersion, target: Target) -> Self {
        let mut keys = Self::default();
        keys.of_programs(files);
        let Some(counts) = PerInstance::of(files.iter().copied()) else {
            return keys;
        };
        let counts = counts.under(version);
        keys.memories_per_instance = Some(counts.memories);
        keys.tables_per_instance = Some(counts.tables);
        keys.core_instances_per_instance = Some(counts.core_instances);
        keys.gc_heaps_per_instance = counts.gc_heaps;
        let Some(own) = WASMTIME.own(Some(version), target) else {
            return keys;
        };
        for key in NeededKey::ALL {
            let needs = files.iter().filter_map(|file| file.needs());
            let most = needs.map(|needs| key.needed(needs, version).most).max();
            let most = most.filter(|most| *most > own.number(key.number()));
            *keys.beyond(key) = most.map(|most| key.rounded(most));
        }
        keys
    }

    fn of_programs(&mut self, files: &[&Inspected]) {
        let programs = files.iter().filter_map(|file| match file {
            Inspected::Program(program, versions) => Some((program, versions)),
            Inspected::Module(_) | Inspected::Component(_) => None,
        });
        let programs: Vec<_> = programs.collect();
        let versions: BTreeSet<&String> = programs
            .iter()
            .flat_map(|(_, versions)| *versions)
            .collect();
        if versions.len() == 1 {
            self.version = versions.first().map(|version| (*version).clone());
        }
        let models = programs.iter().map(|(program, _)| program.relocation_model);
        let mut models: Vec<RelocationModel> = models.collect();
        models.dedup();
        if let [model] = models[..] {
            self.relocation_model = Some(model.word());
        }
    }

    fn beyond(&mut self, key: NeededKey) -> &mut Option<u64> {
        match key {
            NeededKey::TableElements => &mut self.table_elements,
            NeededKey::MaxCoreInstanceSize => &mut self.max_core_instance_size,
            NeededKey::MaxComponentInstanceSize => &mut self.max_component_instance_size,
            NeededKey::MemoryReservation => &mut self.memory_reservation,
            NeededKey::MaxMemorySize => &mut self.max_memory_size,
        }
    }

    /// As lines of poolcfg.toml, each under the table that it belongs to; none where there is nothing to set.
    pub(crate) fn toml(&self) -> String {
        self.tables(&[])
    }

    /// The same, with these lines first of what a pool has.
    pub(super) fn tables(&self, pool: &[(&'static str, Option<String>)]) -> String {
        let count = |value: Option<u64>| value.map(|value| value.to_string());
        let text = |value: &str| format!("\"{value}\"");
        let beyond =
            |key: NeededKey, value: Option<u64>| (key.word(), value.map(|value| key.typed(value)));
        let pool: Vec<_> = pool
            .iter()
            .cloned()
            .chain([
                beyond(NeededKey::MemoryReservation, self.memory_reservation),
                beyond(NeededKey::MaxMemorySize, self.max_memory_size),
            ])
            .collect();
        let wasmtime = [
            ("version", self.version.as_deref().map(text)),
            (MEMORIES, count(self.memories_per_instance)),
            (TABLES, count(self.tables_per_instance)),
            (CORE_INSTANCES, count(self.core_instances_per_instance)),
            (GC_HEAPS, count(self.gc_heaps_per_instance)),
            beyond(NeededKey::TableElements, self.table_elements),
            beyond(NeededKey::MaxCoreInstanceSize, self.max_core_instance_size),
            beyond(
                NeededKey::MaxComponentInstanceSize,
                self.max_component_instance_size,
            ),
        ];
        table("[pooling_allocator]", &pool)
            + &table("[pooling_allocator.wasmtime]", &wasmtime)
            + &table(
                "[address_space]",
                &[("relocation_model", self.relocation_model.map(text))],
            )
    }
}

fn table(header: &str, keys: &[(&str, Option<String>)]) -> String {
    let lines = keys
        .iter()
        .filter_map(|(key, value)| Some(format!("{key} = {}\n", value.as_ref()?)));
    let lines: String = lines.collect();
    match lines.is_empty() {
        true => lines,
        false => format!("{header}\n{lines}"),
    }
}
