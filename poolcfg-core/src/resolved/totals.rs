//! Totals that poolcfg.toml writes: how many instances they give, and what the totals are that it does not write.

use crate::base::size::Size;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{
    InstanceDefaults, Totals, Wasmtime, WasmtimeFeature, WrittenTotals, own_total,
};
use crate::fault::{Fault, Faults};
use crate::setting::{FilePlace, PoolKeys, WasmtimeKeys, place_if, value_or};

/// One total, and what of it one instance takes.
struct Share {
    key: &'static str,
    place: Option<FilePlace>,
    total: u32,
    /// None of it where it bounds nothing.
    each: u32,
}

impl WasmtimeKeys {
    /// Where the first total is written; `None` if none is.
    pub(crate) const fn first_total(&self) -> Option<FilePlace> {
        let all = [
            place_if(&self.total_memories),
            place_if(&self.total_tables),
            place_if(&self.total_stacks),
            place_if(&self.total_core_instances),
            place_if(&self.total_component_instances),
            place_if(&self.total_gc_heaps),
        ];
        let mut i = 0;
        while i < all.len() {
            if all[i].is_some() {
                return all[i];
            }
            i += 1;
        }
        None
    }
}

impl InstanceDefaults {
    /// What an instance has where poolcfg.toml does not say, where its totals have room for that.
    pub(super) const fn within(self, keys: &WasmtimeKeys) -> Self {
        Self {
            core_instances: match &keys.total_core_instances {
                Some(total) if total.value < self.core_instances => at_least_one(total.value),
                _ => self.core_instances,
            },
            tables: match &keys.total_tables {
                Some(total) if total.value < self.tables => total.value,
                _ => self.tables,
            },
            ..self
        }
    }
}

impl Wasmtime {
    /// The limits with the totals that the keys write, and as many instances as they give. Those that are not written
    /// follow from `max_instances` where that is written, and are Wasmtime's own otherwise; where they may be lowered,
    /// they are what the instances need.
    pub(super) const fn with_totals(
        self,
        limits: Limits,
        keys: &PoolKeys,
        lowered: bool,
    ) -> Limits {
        if keys.wasmtime.first_total().is_none() {
            return limits;
        }
        // More than can be counted is a fault, told by `check`.
        let Some(totals) = self.of_keys(&limits, keys) else {
            return limits;
        };
        let (instances, _) = self.given(&limits, keys, &totals);
        let limits = limits.with_instances(instances);
        let mut wasmtime = self;
        if let (Some(most), None) = (
            totals.tables.checked_div(instances),
            &keys.wasmtime.tables_per_instance,
        ) {
            match wasmtime.tables_per_instance {
                Some(tables) if most < tables => wasmtime.tables_per_instance = Some(most),
                None if totals.tables == 0 => wasmtime.tables_per_instance = Some(0),
                _ => {}
            }
        }
        let totals = match wasmtime.counted(&limits) {
            Some(counted) if lowered => written_or(&keys.wasmtime, &counted),
            _ => totals,
        };
        wasmtime.written = Some(WrittenTotals { instances, totals });
        Limits {
            wasmtime: Some(wasmtime),
            ..limits
        }
    }

    /// Every total; `None` if one is above 2^32 - 1.
    const fn of_keys(&self, limits: &Limits, keys: &PoolKeys) -> Option<Totals> {
        let own = own_total(self.is_64_bit(), self.version.major);
        let others = match self.counted(limits) {
            Some(counted) if keys.max_instances.is_some() => counted,
            None if keys.max_instances.is_some() => return None,
            _ => Totals {
                memories: own,
                tables: own,
                stacks: if self.has_stacks(limits) { own } else { 0 },
                core_instances: own,
                component_instances: own,
                gc_heaps: if self.has(WasmtimeFeature::Gc) {
                    own
                } else {
                    0
                },
            },
        };
        Some(written_or(&keys.wasmtime, &others))
    }

    /// How many instances these totals give, and which of them gives no more; `None` if it is `max_instances`.
    const fn given(
        &self,
        limits: &Limits,
        keys: &PoolKeys,
        totals: &Totals,
    ) -> (u32, Option<LeastTotal>) {
        let mut instances = value_or(&keys.max_instances, u32::MAX);
        let mut least = None;
        let shares = self.shares(limits, &keys.wasmtime, totals);
        let mut i = 0;
        while i < shares.len() {
            let Share {
                key, total, each, ..
            } = shares[i];
            if let Some(given) = total.checked_div(each) {
                if given < instances {
                    instances = given;
                    least = Some(LeastTotal { key, total, each });
                }
            }
            i += 1;
        }
        (instances, least)
    }

    /// Components, stacks and heaps of which there are none bound nothing: Wasmtime starts, and no instance has them.
    const fn shares(&self, limits: &Limits, keys: &WasmtimeKeys, totals: &Totals) -> [Share; 6] {
        let components =
            self.has(WasmtimeFeature::ComponentModel) && totals.component_instances > 0;
        let stacks = self.has_stacks(limits) && totals.stacks > 0;
        [
            Share {
                key: "total_memories",
                place: place_if(&keys.total_memories),
                total: totals.memories,
                each: match self.memories_of_one() {
                    Some(each) => each,
                    None => u32::MAX,
                },
            },
            Share {
                key: "total_tables",
                place: place_if(&keys.total_tables),
                total: totals.tables,
                // As many as an instance needs where that is written; what is not gives way, down to one, or to none
                // where there is none.
                each: match &keys.tables_per_instance {
                    Some(each) => each.value,
                    None => (totals.tables > 0) as u32,
                },
            },
            Share {
                key: "total_stacks",
                place: place_if(&keys.total_stacks),
                total: totals.stacks,
                each: stacks as u32,
            },
            Share {
                key: "total_core_instances",
                place: place_if(&keys.total_core_instances),
                total: totals.core_instances,
                each: self.counts().core_instances,
            },
            Share {
                key: "total_component_instances",
                place: place_if(&keys.total_component_instances),
                total: totals.component_instances,
                each: components as u32,
            },
            Share {
                key: "total_gc_heaps",
                place: place_if(&keys.total_gc_heaps),
                total: totals.gc_heaps,
                each: match self.gc_heaps_per_instance {
                    Some(each) if self.has(WasmtimeFeature::Gc) => each,
                    _ => self.every_store_has_heap() as u32,
                },
            },
        ]
    }

    /// What is wrong with the totals that are written: one that gives not one instance, or is of a feature that is not
    /// there.
    pub(super) const fn check_totals<'a>(
        &self,
        limits: &Limits,
        keys: &PoolKeys,
        pool: &'a str,
        mut faults: Faults<'a>,
    ) -> Faults<'a> {
        if keys.wasmtime.first_total().is_none() {
            return faults;
        }
        let features = [
            (
                "total_stacks",
                &keys.wasmtime.total_stacks,
                WasmtimeFeature::Async,
            ),
            (
                "total_component_instances",
                &keys.wasmtime.total_component_instances,
                WasmtimeFeature::ComponentModel,
            ),
            (
                "total_gc_heaps",
                &keys.wasmtime.total_gc_heaps,
                WasmtimeFeature::Gc,
            ),
        ];
        let mut i = 0;
        while i < features.len() {
            let (key, said, feature) = features[i];
            if let Some(said) = said {
                if said.value > 0 && !self.has(feature) {
                    faults = faults.and(self.lacks(key, feature, pool, said.place));
                }
            }
            i += 1;
        }
        let Some(totals) = self.of_keys(limits, keys) else {
            return faults;
        };
        let shares = self.shares(limits, &keys.wasmtime, &totals);
        let mut i = 0;
        while i < shares.len() {
            let Share {
                key,
                place,
                total,
                each,
            } = shares[i];
            if total < each {
                if let Some(place) = place {
                    faults = faults.and(Fault::TotalTooSmall {
                        key,
                        total,
                        each,
                        pool,
                        place,
                    });
                }
            }
            i += 1;
        }
        faults
    }
}

/// The totals that are written, and these for the rest.
const fn written_or(keys: &WasmtimeKeys, others: &Totals) -> Totals {
    Totals {
        memories: value_or(&keys.total_memories, others.memories),
        tables: value_or(&keys.total_tables, others.tables),
        stacks: value_or(&keys.total_stacks, others.stacks),
        core_instances: value_or(&keys.total_core_instances, others.core_instances),
        component_instances: value_or(&keys.total_component_instances, others.component_instances),
        gc_heaps: value_or(&keys.total_gc_heaps, others.gc_heaps),
    }
}

const fn at_least_one(count: u32) -> u32 {
    if count == 0 { 1 } else { count }
}

impl Limits {
    /// The total that gives no more instances than these; `None` if none is written, or `max_instances` is what gives
    /// so few.
    pub(super) const fn least_total(&self, keys: &PoolKeys) -> Option<LeastTotal> {
        let Some(wasmtime) = &self.wasmtime else {
            return None;
        };
        let Some(WrittenTotals { totals, .. }) = &wasmtime.written else {
            return None;
        };
        wasmtime.given(self, keys, totals).1
    }

    /// Of sizes that add up to too much, a total of the file that makes them do so; `None` if none does.
    pub(super) const fn too_large_total(
        &self,
        keys: &WasmtimeKeys,
        page_size: Size,
    ) -> Option<(&'static str, u32, FilePlace)> {
        let Some(wasmtime) = self.wasmtime else {
            return None;
        };
        let Some(written) = wasmtime.written else {
            return None;
        };
        let all = [
            ("total_memories", &keys.total_memories),
            ("total_tables", &keys.total_tables),
            ("total_stacks", &keys.total_stacks),
        ];
        // Where several are too large, what lowers only the first adds up to too much still.
        let mut totals = written.totals;
        let mut i = 0;
        while i < all.len() {
            let (key, said) = all[i];
            if let Some(said) = said {
                match i {
                    0 => totals.memories = 1,
                    1 => totals.tables = 1,
                    _ => totals.stacks = 1,
                }
                let mut wasmtime = wasmtime;
                wasmtime.written = Some(WrittenTotals { totals, ..written });
                let without = Self {
                    wasmtime: Some(wasmtime),
                    ..*self
                };
                if without.footprint(page_size).is_ok() {
                    return Some((key, said.value, said.place));
                }
            }
            i += 1;
        }
        None
    }
}

/// A total that gives fewer instances than the others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeastTotal {
    /// The key, such as `total_core_instances`; where poolcfg.toml does not write it, it is Wasmtime's own.
    pub key: &'static str,
    /// The total.
    pub total: u32,
    /// How many of them one instance takes.
    pub each: u32,
}
