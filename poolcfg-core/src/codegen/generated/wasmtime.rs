//! What the generated file says of a pool of Wasmtime's: its own settings as consts, the limits made of
//! them, and what they map.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::super::keys::{wasmtime_features, wasmtime_version};
use super::super::{option, size};
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{Totals, Wasmtime};

/// The consts that Wasmtime's configuration takes beside those of every pool. The totals are made of
/// `MAX_INSTANCES`, so that who edits that edits them.
pub(super) fn consts(wasmtime: &Wasmtime, limits: &Limits) -> TokenStream {
    // A case whose totals do not count has a fault, and none is written of it.
    let Some(totals) = wasmtime.totals(limits) else {
        return TokenStream::new();
    };
    let Totals {
        memories,
        tables,
        stacks,
        core_instances,
        component_instances,
        gc_heaps,
    } = totals;
    let mut consts = TokenStream::new();
    let version = wasmtime.version.to_string();
    consts.extend(quote! {
        #[doc = " The version of Wasmtime that they are for."]
        pub const WASMTIME_VERSION: &str = #version;
    });
    let all = limits.max_instances;
    // What is not said stays at Wasmtime's own total, whatever the instances; the rest is made of them.
    let mut total = |name: &str, total: u32, is_own: bool| {
        let about = format!(" `{}`: {total}.", name.to_lowercase());
        let name = format_ident!("{name}");
        let each = total.checked_div(all).unwrap_or_default();
        let value = match total.checked_rem(all) {
            Some(0) if !is_own && each == 1 => quote!(MAX_INSTANCES),
            Some(0) if !is_own && each > 1 => {
                let each = Literal::u32_unsuffixed(each);
                quote!(MAX_INSTANCES * #each)
            }
            _ => {
                let total = Literal::u32_unsuffixed(total);
                quote!(#total)
            }
        };
        consts.extend(quote!(#[doc = #about] pub const #name: u32 = #value;));
    };
    total("TOTAL_MEMORIES", memories, false);
    total(
        "TOTAL_TABLES",
        tables,
        wasmtime.tables_per_instance.is_none() && tables > all,
    );
    total("TOTAL_STACKS", stacks, false);
    total(
        "TOTAL_CORE_INSTANCES",
        core_instances,
        wasmtime.core_instances_per_instance.is_none() && core_instances > all,
    );
    total("TOTAL_COMPONENT_INSTANCES", component_instances, false);
    total("TOTAL_GC_HEAPS", gc_heaps, false);
    let mut count = |name: &str, value: u32, about: &str| {
        let name = format_ident!("{name}");
        let value = Literal::u32_unsuffixed(value);
        consts.extend(quote!(#[doc = #about] pub const #name: u32 = #value;));
    };
    count(
        "MAX_MEMORIES_PER_MODULE",
        wasmtime.memories_per_instance,
        " `max_memories_per_module`.",
    );
    count(
        "MAX_TABLES_PER_MODULE",
        wasmtime.max_tables_per_module(),
        " `max_tables_per_module`.",
    );
    count(
        "MEMORY_PROTECTION_KEYS",
        wasmtime.memory_protection_keys,
        " `max_memory_protection_keys`; with 0 `memory_protection_keys` stays off.",
    );
    let mut wide = |name: &str, value: u64, about: &str| {
        let name = format_ident!("{name}");
        let value = Literal::u64_unsuffixed(value);
        consts.extend(quote!(#[doc = #about] pub const #name: u64 = #value;));
    };
    wide(
        "TABLE_ELEMENTS",
        wasmtime.table_elements(limits),
        " `table_elements`.",
    );
    wide(
        "ASYNC_STACK_SIZE",
        wasmtime.async_stack_size(limits).get(),
        " `async_stack_size`, in bytes.",
    );
    wide(
        "MAX_WASM_STACK",
        wasmtime.max_wasm_stack.get(),
        " `max_wasm_stack`, in bytes.",
    );
    wide(
        "MAX_CORE_INSTANCE_SIZE",
        wasmtime.max_core_instance_size.get(),
        " `max_core_instance_size`, in bytes.",
    );
    wide(
        "MAX_COMPONENT_INSTANCE_SIZE",
        wasmtime.max_component_instance_size.get(),
        " `max_component_instance_size`, in bytes.",
    );
    wide(
        "LINEAR_MEMORY_KEEP_RESIDENT",
        wasmtime.memory_keep_resident.get(),
        " `linear_memory_keep_resident`, in bytes.",
    );
    wide(
        "TABLE_KEEP_RESIDENT",
        wasmtime.table_keep_resident.get(),
        " `table_keep_resident`, in bytes.",
    );
    let before = wasmtime.guard_before_linear_memory;
    let moves = wasmtime.memory_may_move(limits);
    let scans = wasmtime.pagemap_scan;
    consts.extend(quote! {
        #[doc = " `guard_before_linear_memory`."]
        pub const GUARD_BEFORE_LINEAR_MEMORY: bool = #before;
        #[doc = " `memory_may_move`: not where bounds are checked, and code is the better for it."]
        pub const MEMORY_MAY_MOVE: bool = #moves;
        #[doc = " Whether `pagemap_scan` is to be `Enabled::Auto`."]
        pub const PAGEMAP_SCAN: bool = #scans;
    });
    consts
}

/// The engine's part of the limits as poolcfg-runtime takes them.
pub(super) fn typed(wasmtime: &Wasmtime, krate: &TokenStream) -> TokenStream {
    let Wasmtime {
        version,
        features,
        memories_per_instance,
        tables_per_instance,
        core_instances_per_instance,
        gc_heaps_per_instance,
        guard_before_linear_memory,
        memory_protection_keys,
        max_wasm_stack,
        max_core_instance_size,
        max_component_instance_size,
        memory_keep_resident,
        table_keep_resident,
        pagemap_scan,
        element_bytes,
        maps_stacks,
    } = *wasmtime;
    let version = wasmtime_version(version, krate);
    let features = wasmtime_features(features, krate);
    let [tables, core_instances, gc_heaps] = [
        tables_per_instance,
        core_instances_per_instance,
        gc_heaps_per_instance,
    ]
    .map(|each| option(each.map(|each| quote!(#each))));
    let [stack, core, component, memory_resident, table_resident] = [
        max_wasm_stack,
        max_core_instance_size,
        max_component_instance_size,
        memory_keep_resident,
        table_keep_resident,
    ]
    .map(|bytes| size(bytes, krate));
    quote! {
        #krate::Wasmtime {
            version: #version,
            features: #features,
            memories_per_instance: #memories_per_instance,
            tables_per_instance: #tables,
            core_instances_per_instance: #core_instances,
            gc_heaps_per_instance: #gc_heaps,
            guard_before_linear_memory: #guard_before_linear_memory,
            memory_protection_keys: #memory_protection_keys,
            max_wasm_stack: #stack,
            max_core_instance_size: #core,
            max_component_instance_size: #component,
            memory_keep_resident: #memory_resident,
            table_keep_resident: #table_resident,
            pagemap_scan: #pagemap_scan,
            element_bytes: #element_bytes,
            maps_stacks: #maps_stacks,
        }
    }
}

/// The settings of the formula, made of the consts at `path`.
pub(super) fn mappings(
    wasmtime: &Wasmtime,
    path: &TokenStream,
    page_size: &Literal,
) -> TokenStream {
    let major = Literal::u32_unsuffixed(wasmtime.version.major);
    let heaps = if wasmtime.heaps_are_memories() {
        quote!(0)
    } else {
        quote!(#path::TOTAL_GC_HEAPS as u64)
    };
    let stack = if wasmtime.maps_stacks {
        quote!(#path::ASYNC_STACK_SIZE)
    } else {
        quote!(0)
    };
    let element_bytes = Literal::u32_unsuffixed(wasmtime.element_bytes);
    quote! {
        pooling(&Pooling {
            major: #major,
            memories: #path::TOTAL_MEMORIES as u64,
            tables: #path::TOTAL_TABLES as u64,
            stacks: #path::TOTAL_STACKS as u64,
            heaps: #heaps,
            reservation: #path::MEMORY_RESERVATION,
            max_memory_size: #path::MAX_MEMORY_SIZE,
            guard_size: #path::GUARD_SIZE,
            guard_before: #path::GUARD_BEFORE_LINEAR_MEMORY,
            keys: #path::MEMORY_PROTECTION_KEYS as u64,
            table: #path::TABLE_ELEMENTS * #element_bytes,
            stack: #stack,
            pools: #path::POOLS as u64,
        }, #page_size)
    }
}
