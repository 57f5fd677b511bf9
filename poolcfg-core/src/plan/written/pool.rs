//! One pool of a generated file, made of its consts, and whether they agree with each other.

use crate::base::consts::wide;
use crate::base::size::{GRAIN, Size};
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{Totals, Wasmtime, WasmtimeFeatures, WasmtimeVersion, WrittenTotals};
use crate::plan::refusal::Refusal;
use crate::setting::Keep;

/// One pool as the file says it, made of its consts.
#[allow(
    missing_docs,
    non_snake_case,
    reason = "a field is the const of its name, which the file then has to name once"
)]
#[derive(Clone, Copy, Debug)]
pub struct WrittenPool {
    /// Its name; empty if poolcfg.toml names none.
    pub name: &'static str,
    /// Which number stays when the pool shrinks.
    pub keep: Keep,
    pub MAX_INSTANCES: u32,
    pub ASKED_MAX_INSTANCES: u32,
    pub MIN_INSTANCES: u32,
    pub POOLS: u32,
    pub MEMORY_RESERVATION: u64,
    pub ASKED_MEMORY_RESERVATION: u64,
    pub MAX_MEMORY_SIZE: u64,
    pub ASKED_MAX_MEMORY_SIZE: u64,
    pub GUARD_SIZE: u64,
    /// What it has besides.
    pub engine: WrittenEngine,
}

/// The consts that a pool of one engine has besides.
#[allow(missing_docs, non_snake_case, reason = "as those of the pool")]
#[derive(Clone, Copy, Debug)]
pub enum WrittenEngine {
    /// Our own pool.
    Native {
        GUARD_BEFORE: bool,
        TABLE_RESERVATION: u64,
        STACK_RESERVATION: u64,
    },
    /// Wasmtime's.
    Wasmtime {
        version: WasmtimeVersion,
        features: WasmtimeFeatures,
        tables_per_instance: Option<u32>,
        core_instances_per_instance: Option<u32>,
        gc_heaps_per_instance: Option<u32>,
        /// How many instances the totals give; `None` if these follow from the instances.
        totals_for: Option<u32>,
        element_bytes: u32,
        maps_stacks: bool,
        TOTAL_MEMORIES: u32,
        TOTAL_TABLES: u32,
        TOTAL_STACKS: u32,
        TOTAL_CORE_INSTANCES: u32,
        TOTAL_COMPONENT_INSTANCES: u32,
        TOTAL_GC_HEAPS: u32,
        MAX_MEMORIES_PER_MODULE: u32,
        MEMORY_PROTECTION_KEYS: u32,
        TABLE_ELEMENTS: u64,
        ASYNC_STACK_SIZE: u64,
        MAX_WASM_STACK: u64,
        MAX_CORE_INSTANCE_SIZE: u64,
        MAX_COMPONENT_INSTANCE_SIZE: u64,
        LINEAR_MEMORY_KEEP_RESIDENT: u64,
        TABLE_KEEP_RESIDENT: u64,
        GUARD_BEFORE_LINEAR_MEMORY: bool,
        MEMORY_PROTECTION_KEYS_AUTO: bool,
        PAGEMAP_SCAN: bool,
    },
}

impl WrittenPool {
    /// What is guaranteed; `None` if a sum is above 2^64 - 1.
    pub(super) const fn guaranteed(&self) -> Option<Limits> {
        let (before, table, stack) = match self.engine {
            WrittenEngine::Native {
                GUARD_BEFORE,
                TABLE_RESERVATION,
                STACK_RESERVATION,
            } => (GUARD_BEFORE, Some(TABLE_RESERVATION), STACK_RESERVATION),
            WrittenEngine::Wasmtime {
                element_bytes,
                TOTAL_STACKS,
                TABLE_ELEMENTS,
                ASYNC_STACK_SIZE,
                ..
            } => (
                true,
                TABLE_ELEMENTS.checked_mul(wide(element_bytes)),
                if TOTAL_STACKS > 0 {
                    ASYNC_STACK_SIZE
                } else {
                    0
                },
            ),
        };
        let Some(table) = table else {
            return None;
        };
        Some(Limits {
            max_instances: self.MAX_INSTANCES,
            memory_reservation: Size::bytes(self.MEMORY_RESERVATION),
            max_memory_size: Size::bytes(self.MAX_MEMORY_SIZE),
            guard_size: Size::bytes(self.GUARD_SIZE),
            guard_before: before,
            table_reservation: Size::bytes(table),
            stack_reservation: Size::bytes(stack),
            pools: self.POOLS,
            wasmtime: self.engine.wasmtime(),
        })
    }

    /// Why the numbers do not agree with each other; `None` if they do.
    pub(super) const fn refusal(&self, guaranteed: &Limits) -> Option<Refusal> {
        if self.MAX_MEMORY_SIZE > self.MEMORY_RESERVATION {
            return Some(Refusal::MemoryAboveReservation);
        }
        if !guaranteed.memory_reservation.is_multiple_of(GRAIN) {
            return Some(Refusal::NotMultiple);
        }
        if self.MIN_INSTANCES > self.MAX_INSTANCES {
            return Some(Refusal::MinAboveMax);
        }
        if self.is_above_asked() || !self.is_possible() {
            return Some(Refusal::Changed);
        }
        let Some(written) = self.engine.totals() else {
            return None;
        };
        if let WrittenEngine::Wasmtime {
            ASYNC_STACK_SIZE,
            MAX_WASM_STACK,
            ..
        } = self.engine
        {
            if MAX_WASM_STACK > ASYNC_STACK_SIZE {
                return Some(Refusal::StackTooSmall);
            }
        }
        let of_instances = match &guaranteed.wasmtime {
            Some(wasmtime) => wasmtime.totals(guaranteed),
            None => None,
        };
        match of_instances {
            Some(totals) if totals.are(&written) => None,
            _ => Some(Refusal::Changed),
        }
    }

    /// Whether poolcfg.toml may say so, where no other number tells.
    const fn is_possible(&self) -> bool {
        let most = match self.engine {
            WrittenEngine::Wasmtime { TABLE_ELEMENTS, .. } => TABLE_ELEMENTS,
            WrittenEngine::Native { .. } => 0,
        };
        self.POOLS > 0
            && self.MIN_INSTANCES > 0
            && Size::bytes(self.ASKED_MEMORY_RESERVATION).is_multiple_of(GRAIN)
            && most <= wide(u32::MAX)
    }

    /// Whether more is guaranteed than is asked, or more is asked of a memory than of its reservation.
    const fn is_above_asked(&self) -> bool {
        self.MAX_INSTANCES > self.ASKED_MAX_INSTANCES
            || self.MEMORY_RESERVATION > self.ASKED_MEMORY_RESERVATION
            || self.MAX_MEMORY_SIZE > self.ASKED_MAX_MEMORY_SIZE
            || self.ASKED_MAX_MEMORY_SIZE > self.ASKED_MEMORY_RESERVATION
    }
}

impl WrittenEngine {
    /// The settings of a pool of Wasmtime's; `None` for a native one.
    const fn wasmtime(&self) -> Option<Wasmtime> {
        match *self {
            Self::Native { .. } => None,
            Self::Wasmtime {
                version,
                features,
                tables_per_instance,
                core_instances_per_instance,
                gc_heaps_per_instance,
                totals_for,
                element_bytes,
                maps_stacks,
                MAX_MEMORIES_PER_MODULE,
                MEMORY_PROTECTION_KEYS,
                MAX_WASM_STACK,
                MAX_CORE_INSTANCE_SIZE,
                MAX_COMPONENT_INSTANCE_SIZE,
                LINEAR_MEMORY_KEEP_RESIDENT,
                TABLE_KEEP_RESIDENT,
                GUARD_BEFORE_LINEAR_MEMORY,
                MEMORY_PROTECTION_KEYS_AUTO,
                PAGEMAP_SCAN,
                ..
            } => Some(Wasmtime {
                version,
                features,
                memories_per_instance: MAX_MEMORIES_PER_MODULE,
                tables_per_instance,
                core_instances_per_instance,
                gc_heaps_per_instance,
                written: self.written_totals(totals_for),
                guard_before_linear_memory: GUARD_BEFORE_LINEAR_MEMORY,
                memory_protection_keys: MEMORY_PROTECTION_KEYS,
                memory_protection_keys_auto: MEMORY_PROTECTION_KEYS_AUTO,
                max_wasm_stack: Size::bytes(MAX_WASM_STACK),
                max_core_instance_size: Size::bytes(MAX_CORE_INSTANCE_SIZE),
                max_component_instance_size: Size::bytes(MAX_COMPONENT_INSTANCE_SIZE),
                memory_keep_resident: Size::bytes(LINEAR_MEMORY_KEEP_RESIDENT),
                table_keep_resident: Size::bytes(TABLE_KEEP_RESIDENT),
                pagemap_scan: PAGEMAP_SCAN,
                element_size: Size::bytes(wide(element_bytes)),
                maps_stacks,
            }),
        }
    }

    /// The totals where poolcfg.toml writes some, for so many instances; `None` if they follow from the instances.
    const fn written_totals(&self, instances: Option<u32>) -> Option<WrittenTotals> {
        match (instances, self.totals()) {
            (Some(instances), Some(totals)) => Some(WrittenTotals { instances, totals }),
            _ => None,
        }
    }

    /// The totals of a pool of Wasmtime's; `None` for a native one.
    const fn totals(&self) -> Option<Totals> {
        match *self {
            Self::Native { .. } => None,
            Self::Wasmtime {
                TOTAL_MEMORIES,
                TOTAL_TABLES,
                TOTAL_STACKS,
                TOTAL_CORE_INSTANCES,
                TOTAL_COMPONENT_INSTANCES,
                TOTAL_GC_HEAPS,
                ..
            } => Some(Totals {
                memories: TOTAL_MEMORIES,
                tables: TOTAL_TABLES,
                stacks: TOTAL_STACKS,
                core_instances: TOTAL_CORE_INSTANCES,
                component_instances: TOTAL_COMPONENT_INSTANCES,
                gc_heaps: TOTAL_GC_HEAPS,
            }),
        }
    }
}

impl Totals {
    /// Whether they are the same as these.
    const fn are(&self, other: &Self) -> bool {
        self.memories == other.memories
            && self.tables == other.tables
            && self.stacks == other.stacks
            && self.core_instances == other.core_instances
            && self.component_instances == other.component_instances
            && self.gc_heaps == other.gc_heaps
    }
}
