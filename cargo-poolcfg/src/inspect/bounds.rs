//! Bounds: which limits a file keeps to, of Wasmtime as it is and of the hosts that are known, and how many instances
//! each holds at once.

use poolcfg_core::{GRAIN, Target, Wasmtime, WasmtimeVersion};
use serde::Serialize;

use crate::host::{HOSTS, Number, Own, WASMTIME};
use crate::inspect::{Between, Inspected, Needs};

/// From this version on `max_component_instance_size` counts the core instances of a component, too (PR #12772).
const COUNTS_CORE_INSTANCES: u32 = 44;

/// A host as it is, and what of a file it does not hold.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct HostReport {
    /// Its name and its version of Wasmtime.
    pub host: String,
    /// How many instances its totals hold at once; 0 where it takes none.
    pub at_once: u64,
    /// Every limit that one instance has to keep to.
    pub limits: Vec<LimitReport>,
}

/// One limit of one instance.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct LimitReport {
    /// As Wasmtime calls it.
    pub name: &'static str,
    /// How much the file needs, or at most needs where that depends on the version.
    pub needs: u64,
    /// How much the host allows.
    pub allowed: u64,
    /// Whether it is enough; null where it may be.
    pub holds: Option<bool>,
}

/// What the hosts hold of a file; nothing for programs.
pub(crate) fn hosts(
    file: &Inspected,
    version: Option<WasmtimeVersion>,
    target: Target,
) -> Vec<HostReport> {
    let Some(needs) = file.needs() else {
        return Vec::new();
    };
    let is_component = matches!(file, Inspected::Component(_));
    // The others run components only.
    let others = HOSTS
        .iter()
        .filter(|host| is_component && host.has_releases());
    std::iter::once(WASMTIME)
        .chain(others.copied())
        .filter_map(|host| host.own(version, target))
        .map(|own| report(needs, &own, is_component))
        .collect()
}

fn report(needs: &Needs, own: &Own, is_component: bool) -> HostReport {
    let mut limits = limits(needs, own, is_component);
    limits.extend(short_totals(needs, own, is_component));
    let is_refused = needs.has_own_shared || limits.iter().any(|limit| limit.holds == Some(false));
    let at_once = match is_refused {
        true => 0,
        false => at_once(needs, own, is_component),
    };
    HostReport {
        host: own.name.clone(),
        at_once,
        limits,
    }
}

fn at_once(needs: &Needs, own: &Own, is_component: bool) -> u64 {
    totals(needs, own, is_component)
        .into_iter()
        .filter_map(|(total, each)| own.number(total).checked_div(each))
        .min()
        .unwrap_or(u64::MAX)
}

/// The totals of which there are too few for one instance.
fn short_totals(needs: &Needs, own: &Own, is_component: bool) -> impl Iterator<Item = LimitReport> {
    let each = totals(needs, own, is_component).into_iter();
    let each = each.map(|(total, needs)| LimitReport {
        name: name(total),
        needs,
        allowed: own.number(total),
        holds: Some(false),
    });
    each.filter(|limit| limit.allowed < limit.needs)
}

/// Each total, and how many one instance takes of it.
fn totals(needs: &Needs, own: &Own, is_component: bool) -> [(Number, u64); 4] {
    let heaps = u64::from(needs.gc && own.heaps_are_memories());
    [
        (Number::TotalCoreInstances, needs.core_instances),
        (Number::TotalMemories, needs.memories.saturating_add(heaps)),
        (Number::TotalTables, needs.tables),
        (Number::TotalComponentInstances, u64::from(is_component)),
    ]
}

fn limits(needs: &Needs, own: &Own, is_component: bool) -> Vec<LimitReport> {
    let exactly = |number: u64| Between {
        least: number,
        most: number,
    };
    let mut all = vec![
        (Number::MaxMemorySize, exactly(needs.memory(own.version))),
        (Number::TableElements, needs.table_elements),
        (
            Number::MaxMemoriesPerModule,
            exactly(needs.memories_of_module),
        ),
        (Number::MaxTablesPerModule, exactly(needs.tables_of_module)),
        (Number::MaxCoreInstanceSize, needs.largest_instance),
    ];
    if is_component {
        all.extend([
            (
                Number::MaxComponentInstanceSize,
                needs.component_size(own.version),
            ),
            (
                Number::MaxCoreInstancesPerComponent,
                exactly(needs.core_instances),
            ),
            (Number::MaxMemoriesPerComponent, exactly(needs.memories)),
            (Number::MaxTablesPerComponent, exactly(needs.tables)),
        ]);
    }
    let limits = all.into_iter();
    limits
        .map(|(number, range)| {
            let allowed = own.number(number);
            LimitReport {
                name: name(number),
                needs: range.most,
                allowed,
                holds: match (range.most <= allowed, range.least > allowed) {
                    (true, _) => Some(true),
                    (_, true) => Some(false),
                    _ => None,
                },
            }
        })
        .collect()
}

/// As the setters of Wasmtime are called.
const fn name(number: Number) -> &'static str {
    match number {
        Number::MaxCoreInstancesPerComponent => "max_core_instances_per_component",
        Number::MaxMemoriesPerComponent => "max_memories_per_component",
        Number::MaxTablesPerComponent => "max_tables_per_component",
        other => other.word(),
    }
}

impl Needs {
    /// How far a memory has to grow at the least: to what it begins with, and where a collected heap lies in one, to a page,
    /// by which it grows.
    pub(crate) fn memory(&self, version: WasmtimeVersion) -> u64 {
        let heap = match self.gc && Wasmtime::heaps_are_memories_in(version) {
            true => GRAIN.get(),
            false => 0,
        };
        self.memory_minimum.max(heap)
    }

    /// What `max_component_instance_size` of a version counts: nothing of a module.
    pub(crate) fn component_size(&self, version: WasmtimeVersion) -> Between {
        let Some(own) = self.own_size else {
            return Between::default();
        };
        match version.major >= COUNTS_CORE_INSTANCES {
            true => own.plus(self.all_instances),
            false => own,
        }
    }
}
