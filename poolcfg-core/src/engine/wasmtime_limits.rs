//! What the limits of a pool are to Wasmtime: the settings and totals that its configuration takes, what its formula works
//! on, and the advisories that apply.

use crate::base::consts::wide;
use crate::base::size::Size;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{
    Advisory, AdvisoryCondition, STACK, Totals, Wasmtime, WasmtimeFeature, own_total,
};
use crate::model::wasmtime_pools::Pooling;

#[doc(hidden)]
impl Wasmtime {
    /// The smallest slot without checks of 32-bit addresses: any of them lies in it.
    pub const ELIDED: Size = Size::gib(4);

    /// Whether a slot of these limits is large enough for the checks of 32-bit addresses to be elided.
    /// Source: crates/cranelift/src/bounds_checks.rs:182-310 (v48); up to 38 the reservation alone counts
    /// (PR #11973).
    #[must_use]
    pub const fn elides_bounds_checks(&self, limits: &Limits) -> bool {
        let reservation = limits.memory_reservation.get();
        let counted = if self.counts_guard() {
            reservation.saturating_add(limits.guard_size.get())
        } else {
            reservation
        };
        counted >= Self::ELIDED.get()
    }

    /// Whether the guard counts for that.
    pub(crate) const fn counts_guard(&self) -> bool {
        self.version.major >= 39
    }

    /// `memory_may_move` as it is best set: Wasmtime's own default, and where bounds checks are not elided
    /// false, since memories of a pool never move and the checks then compare with a constant.
    #[must_use]
    pub const fn memory_may_move(&self, limits: &Limits) -> bool {
        self.elides_bounds_checks(limits)
    }

    /// `table_elements`: the elements of one table.
    #[must_use]
    pub const fn table_elements(&self, limits: &Limits) -> u64 {
        limits.table_reservation.get() / self.element_size.get()
    }

    /// `async_stack_size`: the stack, or where the pool has none Wasmtime's own default, which must not be
    /// below `max_wasm_stack`.
    #[must_use]
    pub const fn async_stack_size(&self, limits: &Limits) -> Size {
        if !limits.stack_reservation.is_zero() {
            return limits.stack_reservation;
        }
        if self.max_wasm_stack.get() > STACK.get() {
            self.max_wasm_stack
        } else {
            STACK
        }
    }

    /// The totals of so many instances; `None` if one is above 2^32 - 1.
    #[must_use]
    pub const fn totals(&self, limits: &Limits) -> Option<Totals> {
        match (self.counted(limits), &self.written) {
            (Some(counted), Some(written)) => Some(written.of(limits.max_instances, &counted)),
            (counted, _) => counted,
        }
    }

    /// Whether calls run on stacks of the pool.
    pub(crate) const fn has_stacks(&self, limits: &Limits) -> bool {
        self.has(WasmtimeFeature::Async) && !limits.stack_reservation.is_zero()
    }

    /// Whether every store takes a heap when something is instantiated in it, and not only those with a module that
    /// needs one: up to 31. Source: `Instance::new_raw` in crates/wasmtime/src/runtime/instance.rs (v20 to v32).
    #[must_use]
    pub const fn every_store_has_heap(&self) -> bool {
        self.has(WasmtimeFeature::Gc) && self.version.major < 32
    }

    /// In how many memories' places one instance lies: its memories, and the heaps that take such a place; `None` if
    /// that is above 2^32 - 1.
    pub(crate) const fn memories_of_one(&self) -> Option<u32> {
        match self.gc_heaps_per_instance {
            Some(heaps) if self.has(WasmtimeFeature::Gc) && self.heaps_are_memories() => {
                self.memories_per_instance.checked_add(heaps)
            }
            _ => Some(self.memories_per_instance),
        }
    }

    /// The totals that so many instances need, whatever is written; `None` if one is above 2^32 - 1.
    pub(crate) const fn counted(&self, limits: &Limits) -> Option<Totals> {
        let instances = limits.max_instances;
        let heaps = match self.gc_heaps_per_instance {
            _ if !self.has(WasmtimeFeature::Gc) => 0,
            Some(heaps) => heaps,
            None => 1,
        };
        let stacks = if self.has_stacks(limits) {
            instances
        } else {
            0
        };
        let memories = match self.memories_of_one() {
            Some(each) => instances.checked_mul(each),
            None => None,
        };
        // Wasmtime's own total and one each at least.
        let own = own_total(self.is_64_bit(), self.version.major);
        let at_least_own = if instances > own { instances } else { own };
        let tables = match self.tables_per_instance {
            Some(each) => instances.checked_mul(each),
            None => Some(at_least_own),
        };
        let core_instances = match self.core_instances_per_instance {
            // They are only counted: more than can be counted is no bound. A number that somebody wrote and
            // that leads there is refused (`checks`).
            Some(each) => instances.saturating_mul(each),
            None => at_least_own,
        };
        match (memories, tables, instances.checked_mul(heaps)) {
            (Some(memories), Some(tables), Some(gc_heaps)) => Some(Totals {
                memories,
                tables,
                stacks,
                core_instances,
                component_instances: instances,
                gc_heaps,
            }),
            _ => None,
        }
    }

    /// What the formula works on; `None` if a total is above 2^32 - 1.
    pub(crate) const fn pooling(&self, limits: &Limits) -> Option<Pooling> {
        let Some(totals) = self.totals(limits) else {
            return None;
        };
        Some(Pooling {
            major: wide(self.version.major),
            memories: wide(totals.memories),
            tables: wide(totals.tables),
            stacks: wide(totals.stacks),
            heaps: if self.heaps_are_memories() {
                0
            } else {
                wide(totals.gc_heaps)
            },
            reservation: limits.memory_reservation.get(),
            max_memory_size: limits.max_memory_size.get(),
            guard_size: limits.guard_size.get(),
            guard_before: self.guard_before_linear_memory,
            keys: wide(self.memory_protection_keys),
            keys_auto: self.memory_protection_keys_auto,
            table: limits.table_reservation.get(),
            stack: if self.maps_stacks {
                limits.stack_reservation.get()
            } else {
                0
            },
            pools: wide(limits.pools),
        })
    }
}

#[doc(hidden)]
impl AdvisoryCondition {
    /// Whether the limits of a Wasmtime pool have these settings.
    #[must_use]
    pub const fn holds(self, wasmtime: &Wasmtime, limits: &Limits) -> bool {
        match self {
            Self::NoGuard => {
                limits.guard_size.is_zero()
                    && limits.memory_reservation.get() < Wasmtime::ELIDED.get()
            }
            Self::PagemapScan => wasmtime.pagemap_scan,
        }
    }
}

#[doc(hidden)]
impl Limits {
    /// The advisories that apply to these limits, by their version of Wasmtime and their settings.
    pub fn advisories(&self) -> impl Iterator<Item = Advisory> {
        let limits = *self;
        Advisory::ALL.into_iter().filter(move |advisory| {
            let wasmtime = limits.wasmtime.as_ref();
            wasmtime.is_some_and(|wasmtime| {
                advisory.affects(wasmtime.version) && advisory.condition.holds(wasmtime, &limits)
            })
        })
    }
}
