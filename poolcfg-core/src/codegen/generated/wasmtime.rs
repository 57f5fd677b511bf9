//! The consts that a pool of Wasmtime's has besides: what Wasmtime's own configuration takes.

use super::constant::{Constant, consts};
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{Totals, Wasmtime};

/// The settings under the names of Wasmtime's setters. The totals are made of `MAX_INSTANCES`, so that who edits that
/// edits them.
pub(super) fn of_wasmtime(wasmtime: &Wasmtime, limits: &Limits) -> Vec<Constant> {
    // A case whose totals do not count has a fault, and none is written of it.
    let Some(totals) = wasmtime.totals(limits) else {
        return Vec::new();
    };
    let version = wasmtime.version.to_string();
    let about = "The version of Wasmtime that they are for.";
    let mut consts = vec![Constant::text("WASMTIME_VERSION", &version, about)];
    let settings = self::totals(wasmtime, limits, &totals).into_iter();
    let settings = settings.chain(numbers(wasmtime, limits));
    consts.extend(settings.map(Constant::in_one_line));
    consts.extend(consts! {
        flag GUARD_BEFORE_LINEAR_MEMORY = wasmtime.guard_before_linear_memory, "`guard_before_linear_memory`.";
        flag MEMORY_MAY_MOVE = wasmtime.memory_may_move(limits),
            "`memory_may_move`: false where code checks bounds, so that it compares with a constant.";
        flag MEMORY_PROTECTION_KEYS_AUTO = wasmtime.memory_protection_keys_auto,
            "Whether `memory_protection_keys` is to be `Enabled::Auto`, and not `Enabled::Yes`.";
        flag PAGEMAP_SCAN = wasmtime.pagemap_scan, "Whether `pagemap_scan` is to be `Enabled::Auto`.";
    });
    consts
}

fn totals(wasmtime: &Wasmtime, limits: &Limits, totals: &Totals) -> [Constant; 6] {
    let all = limits.max_instances;
    // What is not said stays at Wasmtime's own total, whatever the instances; the rest is made of them.
    let own_tables = wasmtime.tables_per_instance.is_none() && totals.tables > all;
    let own_core = wasmtime.core_instances_per_instance.is_none() && totals.core_instances > all;
    [
        ("TOTAL_MEMORIES", totals.memories, false),
        ("TOTAL_TABLES", totals.tables, own_tables),
        ("TOTAL_STACKS", totals.stacks, false),
        ("TOTAL_CORE_INSTANCES", totals.core_instances, own_core),
        (
            "TOTAL_COMPONENT_INSTANCES",
            totals.component_instances,
            false,
        ),
        ("TOTAL_GC_HEAPS", totals.gc_heaps, false),
    ]
    .map(|(name, total, is_own)| {
        let about = format!("`{}`: {total}.", name.to_lowercase());
        let constant = Constant::count(name, total, &about);
        let is_own = is_own || wasmtime.written.is_some();
        let each = total.checked_div(all).unwrap_or_default();
        match total.checked_rem(all) {
            Some(0) if !is_own && each == 1 => constant.made_of("MAX_INSTANCES".to_owned()),
            Some(0) if !is_own && each > 1 => constant.made_of(format!("MAX_INSTANCES * {each}")),
            _ => constant,
        }
    })
}

fn numbers(wasmtime: &Wasmtime, limits: &Limits) -> [Constant; 10] {
    consts! {
        count MAX_MEMORIES_PER_MODULE = wasmtime.memories_per_instance, "`max_memories_per_module`.";
        count MAX_TABLES_PER_MODULE = wasmtime.max_tables_per_module(), "`max_tables_per_module`.";
        count MEMORY_PROTECTION_KEYS = wasmtime.memory_protection_keys,
            "`max_memory_protection_keys`; with 0 `memory_protection_keys` stays off.";
        number TABLE_ELEMENTS = wasmtime.table_elements(limits), "`table_elements`.";
        bytes ASYNC_STACK_SIZE = wasmtime.async_stack_size(limits), "`async_stack_size`";
        bytes MAX_WASM_STACK = wasmtime.max_wasm_stack, "`max_wasm_stack`";
        bytes MAX_CORE_INSTANCE_SIZE = wasmtime.max_core_instance_size, "`max_core_instance_size`";
        bytes MAX_COMPONENT_INSTANCE_SIZE = wasmtime.max_component_instance_size, "`max_component_instance_size`";
        bytes LINEAR_MEMORY_KEEP_RESIDENT = wasmtime.memory_keep_resident, "`linear_memory_keep_resident`";
        bytes TABLE_KEEP_RESIDENT = wasmtime.table_keep_resident, "`table_keep_resident`";
    }
}
