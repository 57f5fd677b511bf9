//! The settings of Wasmtime that poolcfg.toml makes: what it says, and that version's own defaults for the rest.

use crate::base::size::Size;
use crate::engine::wasmtime::{
    Advisory, InstanceDefaults, Wasmtime, WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion,
    has_pagemap_scan,
};
use crate::setting::{Key, ProtectionKeys, Setting, Switch, WasmtimeKeys, value_or};
use crate::target::{Os, Target};

impl Wasmtime {
    /// The settings of the file with the version's own defaults for the rest. `instance` is what one instance
    /// has of what is not said; `None` for Wasmtime's own totals.
    pub(crate) const fn new(
        version: WasmtimeVersion,
        keys: &WasmtimeKeys,
        target: Target,
        instance: Option<InstanceDefaults>,
    ) -> Self {
        let (tables, core_instances) = match instance {
            Some(instance) => (Some(instance.tables), Some(instance.core_instances)),
            None => (None, None),
        };
        let memory_keep_resident = value_or(&keys.memory_keep_resident, Size::ZERO);
        let table_keep_resident = value_or(&keys.table_keep_resident, Size::ZERO);
        let keeps_pages = !memory_keep_resident.is_zero() || !table_keep_resident.is_zero();
        let (memory_protection_keys, memory_protection_keys_auto) =
            match value_or(&keys.memory_protection_keys, ProtectionKeys::Count(0)) {
                ProtectionKeys::Count(count) => (count, false),
                ProtectionKeys::Auto if target.has_protection_keys() => {
                    (ProtectionKeys::MOST, true)
                }
                ProtectionKeys::Auto => (0, false),
            };
        Self {
            version,
            features: features(keys),
            memories_per_instance: value_or(&keys.memories_per_instance, 1),
            tables_per_instance: said_or(&keys.tables_per_instance, tables),
            core_instances_per_instance: said_or(&keys.core_instances_per_instance, core_instances),
            gc_heaps_per_instance: said_or(&keys.gc_heaps_per_instance, None),
            written: None,
            guard_before_linear_memory: value_or(&keys.guard_before_linear_memory, true),
            memory_protection_keys,
            memory_protection_keys_auto,
            max_wasm_stack: value_or(&keys.max_wasm_stack, Size::kib(512)),
            max_core_instance_size: value_or(&keys.max_core_instance_size, Size::mib(1)),
            max_component_instance_size: value_or(&keys.max_component_instance_size, Size::mib(1)),
            memory_keep_resident,
            table_keep_resident,
            pagemap_scan: match &keys.pagemap_scan {
                Some(Setting {
                    value: Switch::On, ..
                }) => true,
                Some(Setting {
                    value: Switch::Off, ..
                }) => false,
                // What is chosen here has to be safe.
                _ => {
                    keeps_pages
                        && has_pagemap_scan(version)
                        && !Advisory::PAGEMAP_SCAN.affects(version)
                }
            },
            element_size: Wasmtime::element_size(target.pointer_width >= 64),
            maps_stacks: !target.os.is(Os::Windows),
        }
    }
}

impl InstanceDefaults {
    /// What an instance has of what these keys do not say: `host`, what the program that runs it has of
    /// itself, or what a component may have; `None` where there are no components.
    pub(crate) const fn of(keys: &WasmtimeKeys, host: Option<Self>) -> Option<Self> {
        match host {
            Some(host) => Some(host),
            None if features(keys).has(WasmtimeFeature::ComponentModel) => Some(Self::COMPONENT),
            None => None,
        }
    }
}

/// The features that are said, or those that Wasmtime has by default.
const fn features(keys: &WasmtimeKeys) -> WasmtimeFeatures {
    value_or(&keys.features, WasmtimeFeatures::DEFAULT)
}

const fn said_or(key: &Key<u32>, default: Option<u32>) -> Option<u32> {
    match key {
        Some(setting) => Some(setting.value),
        None => default,
    }
}
