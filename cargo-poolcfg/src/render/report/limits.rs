//! The numbers of a pool, for programs and templates.

use poolcfg_core::{Limits, ResolvedPool};
use serde::Serialize;

/// The keys of a pool; sizes are bytes.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct LimitsReport {
    max_instances: u32,
    min_instances: u32,
    on_misfit: &'static str,
    keep: &'static str,
    memory_reservation: u64,
    max_memory_size: u64,
    guard_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    guard_before: Option<bool>,
    table_reservation: u64,
    stack_reservation: u64,
    pools: u32,
    #[serde(flatten)]
    totals: Option<TotalsReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wasmtime: Option<WasmtimeReport>,
}

/// Wasmtime's totals: how many there are of each in all; without a pool, as many as all instances have at once.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct TotalsReport {
    total_memories: u64,
    total_tables: u64,
    total_stacks: u64,
    total_core_instances: u64,
    total_component_instances: u64,
    total_gc_heaps: u64,
}

impl TotalsReport {
    fn new(limits: &Limits) -> Option<Self> {
        // A total above 32 bits is a fault of the case, found before any plan is made.
        let totals = limits.wasmtime?.totals(limits)?;
        Some(Self {
            total_memories: u64::from(totals.memories),
            total_tables: u64::from(totals.tables),
            total_stacks: u64::from(totals.stacks),
            total_core_instances: u64::from(totals.core_instances),
            total_component_instances: u64::from(totals.component_instances),
            total_gc_heaps: u64::from(totals.gc_heaps),
        })
    }

    /// Those of so many instances, where these are of one.
    fn multiply(&mut self, instances: u32) {
        for total in [
            &mut self.total_memories,
            &mut self.total_tables,
            &mut self.total_stacks,
            &mut self.total_core_instances,
            &mut self.total_component_instances,
            &mut self.total_gc_heaps,
        ] {
            // Both have 32 bits.
            *total = total.saturating_mul(u64::from(instances));
        }
    }
}

/// The keys of the pool's `wasmtime` table, and what follows from them; sizes are bytes.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct WasmtimeReport {
    version: String,
    major: u32,
    features: Vec<&'static str>,
    memories_per_instance: u32,
    tables_per_instance: u32,
    core_instances_per_instance: u32,
    gc_heaps_per_instance: Option<u32>,
    table_elements: u64,
    guard_before_linear_memory: bool,
    memory_protection_keys: u32,
    memory_protection_keys_auto: bool,
    max_wasm_stack: u64,
    async_stack_size: u64,
    memory_may_move: bool,
    max_memories_per_module: u32,
    max_tables_per_module: u32,
    max_core_instance_size: u64,
    max_component_instance_size: u64,
    memory_keep_resident: u64,
    table_keep_resident: u64,
    pagemap_scan: bool,
}

impl WasmtimeReport {
    fn new(limits: &Limits) -> Option<Self> {
        let wasmtime = limits.wasmtime.as_ref()?;
        let counts = wasmtime.counts();
        Some(Self {
            version: wasmtime.version.to_string(),
            major: wasmtime.version.major,
            features: wasmtime
                .features
                .iter()
                .map(|feature| feature.word())
                .collect(),
            memories_per_instance: wasmtime.memories_per_instance,
            tables_per_instance: counts.tables,
            core_instances_per_instance: counts.core_instances,
            gc_heaps_per_instance: wasmtime.gc_heaps_per_instance,
            table_elements: wasmtime.table_elements(limits),
            guard_before_linear_memory: wasmtime.guard_before_linear_memory,
            memory_protection_keys: wasmtime.memory_protection_keys,
            memory_protection_keys_auto: wasmtime.memory_protection_keys_auto,
            max_wasm_stack: wasmtime.max_wasm_stack.get(),
            async_stack_size: wasmtime.async_stack_size(limits).get(),
            memory_may_move: wasmtime.memory_may_move(limits),
            max_memories_per_module: wasmtime.memories_per_instance,
            max_tables_per_module: wasmtime.max_tables_per_module(),
            max_core_instance_size: wasmtime.max_core_instance_size.get(),
            max_component_instance_size: wasmtime.max_component_instance_size.get(),
            memory_keep_resident: wasmtime.memory_keep_resident.get(),
            table_keep_resident: wasmtime.table_keep_resident.get(),
            pagemap_scan: wasmtime.pagemap_scan,
        })
    }
}

impl LimitsReport {
    pub(super) fn new(pool: &ResolvedPool<'_>, limits: &Limits) -> Self {
        Self {
            max_instances: limits.max_instances,
            min_instances: pool.min_instances,
            on_misfit: pool.on_misfit.word(),
            keep: pool.keep.word(),
            memory_reservation: limits.memory_reservation.get(),
            max_memory_size: limits.max_memory_size.get(),
            guard_size: limits.guard_size.get(),
            guard_before: limits.wasmtime.is_none().then_some(limits.guard_before),
            table_reservation: limits.table_reservation.get(),
            stack_reservation: limits.stack_reservation.get(),
            pools: limits.pools,
            totals: TotalsReport::new(limits),
            wasmtime: WasmtimeReport::new(limits),
        }
    }

    /// Says pools of one instance as the instances of so many pools.
    pub(super) fn count_instances(&mut self, pools: u32) {
        let pools = pools.max(1);
        self.max_instances = self.pools / pools;
        self.pools = pools;
        if let Some(totals) = &mut self.totals {
            totals.multiply(self.max_instances);
        }
    }
}
