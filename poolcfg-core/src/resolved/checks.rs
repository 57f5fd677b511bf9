//! Checks: what `Engine::new` would refuse, found where it is written.

use crate::base::size::{GRAIN, Size};
use crate::engine::Engine;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{
    DYNAMIC_GUARD, PAGEMAP_SCAN_SINCE, Wasmtime, WasmtimeFeature, has_pagemap_scan,
};
use crate::fault::{Fault, Faults};
use crate::setting::{FilePlace, PoolKeys, ProtectionKeys, Setting, Switch, WasmtimeKeys};
use crate::setting::{place_if, place_of};
use crate::target::Target;

/// The largest memory up to 21: 65536 pages. Source: pooling/memory_pool.rs, `new` (v21).
const MOST_PAGES: Size = Size::gib(4);

/// What an instance takes at least in every version: its struct, and what every context begins with. The empty module
/// takes 208 bytes in 36 to 45 and 176 in 48 and 49 on a machine of 64 bits, where a pointer has 8.
const fn least_instance(target: Target) -> Size {
    Size::bytes(if target.pointer_width < 64 { 64 } else { 128 })
}

impl Wasmtime {
    /// What is wrong with the settings of one pool.
    pub(crate) const fn check<'a>(
        &self,
        limits: &Limits,
        keys: &PoolKeys,
        pool: &'a str,
        target: Target,
        faults: Faults<'a>,
    ) -> Faults<'a> {
        let faults = self.check_counts(keys, pool, faults);
        let faults = self.check_features(keys, pool, target, faults);
        let faults = self.check_totals(limits, keys, pool, faults);
        let faults = self.check_instances(limits, keys, pool, target, faults);
        self.check_sizes(limits, keys, pool, faults)
    }

    /// Whether its guard has to be that of a dynamic memory at least.
    pub(super) const fn has_dynamic_guard(&self) -> bool {
        self.version.major <= 26
    }

    const fn check_counts<'a>(
        &self,
        keys: &PoolKeys,
        pool: &'a str,
        faults: Faults<'a>,
    ) -> Faults<'a> {
        let own = &keys.wasmtime;
        let zeros: [(&'static str, bool, FilePlace); 7] = [
            (
                "memories_per_instance",
                self.memories_per_instance == 0,
                place_of(&own.memories_per_instance),
            ),
            (
                "tables_per_instance",
                own.tables_per_instance.is_some() && matches!(self.tables_per_instance, Some(0)),
                place_of(&own.tables_per_instance),
            ),
            (
                "core_instances_per_instance",
                matches!(self.core_instances_per_instance, Some(0)),
                place_of(&own.core_instances_per_instance),
            ),
            (
                "gc_heaps_per_instance",
                matches!(self.gc_heaps_per_instance, Some(0)),
                place_of(&own.gc_heaps_per_instance),
            ),
            (
                "max_wasm_stack",
                self.max_wasm_stack.is_zero(),
                place_of(&own.max_wasm_stack),
            ),
            (
                "max_core_instance_size",
                self.max_core_instance_size.is_zero(),
                place_of(&own.max_core_instance_size),
            ),
            (
                "max_component_instance_size",
                self.max_component_instance_size.is_zero(),
                place_of(&own.max_component_instance_size),
            ),
        ];
        faults.and_zeros(&zeros, Engine::Wasmtime, pool)
    }

    const fn check_features<'a>(
        &self,
        keys: &PoolKeys,
        pool: &'a str,
        target: Target,
        mut faults: Faults<'a>,
    ) -> Faults<'a> {
        let own = &keys.wasmtime;
        let native = [
            ("table_reservation", place_if(&keys.table_reservation)),
            ("guard_before", place_if(&keys.guard_before)),
        ];
        let mut i = 0;
        while i < native.len() {
            if let (key, Some(place)) = native[i] {
                faults = faults.and(Fault::OtherEngine {
                    key,
                    engine: Engine::Wasmtime,
                    pool,
                    place,
                });
            }
            i += 1;
        }
        if let Some(setting) = &keys.stack_reservation {
            if !setting.value.is_zero() && !self.has(WasmtimeFeature::Async) {
                faults = faults.and(self.lacks(
                    "stack_reservation",
                    WasmtimeFeature::Async,
                    pool,
                    setting.place,
                ));
            }
        }
        if let Some(setting) = &own.gc_heaps_per_instance {
            if !self.has(WasmtimeFeature::Gc) {
                faults = faults.and(self.lacks(
                    "gc_heaps_per_instance",
                    WasmtimeFeature::Gc,
                    pool,
                    setting.place,
                ));
            }
        }
        faults = self.check_protection_keys(own, pool, target, faults);
        if let Some(setting) = &own.pagemap_scan {
            if matches!(setting.value, Switch::On) && !has_pagemap_scan(self.version) {
                faults = faults.and(Fault::LacksSetting {
                    key: "pagemap_scan = true",
                    since: PAGEMAP_SCAN_SINCE,
                    version: self.version,
                    pool,
                    place: setting.place,
                });
            }
        }
        faults
    }

    const fn check_protection_keys<'a>(
        &self,
        own: &WasmtimeKeys,
        pool: &'a str,
        target: Target,
        faults: Faults<'a>,
    ) -> Faults<'a> {
        let Some(Setting { value, place }) = own.memory_protection_keys else {
            return faults;
        };
        let is_other = !target.has_protection_keys();
        let keys = match value {
            ProtectionKeys::Count(0) => return faults,
            // Where there are none, the same file asks for none.
            ProtectionKeys::Auto if is_other => return faults,
            ProtectionKeys::Auto => ProtectionKeys::MOST,
            ProtectionKeys::Count(keys) => keys,
        };
        if !self.has(WasmtimeFeature::MemoryProtectionKeys) {
            let key = "memory_protection_keys";
            return faults.and(self.lacks(key, WasmtimeFeature::MemoryProtectionKeys, pool, place));
        }
        if is_other {
            return faults.and(Fault::KeysOfOtherTarget {
                target,
                pool,
                place,
            });
        }
        if keys > ProtectionKeys::MOST {
            return faults.and(Fault::TooManyKeys {
                keys,
                most: ProtectionKeys::MOST,
                pool,
                place,
            });
        }
        faults
    }

    pub(super) const fn lacks<'a>(
        &self,
        key: &'static str,
        feature: WasmtimeFeature,
        pool: &'a str,
        place: FilePlace,
    ) -> Fault<'a> {
        Fault::LacksFeature {
            key,
            feature,
            version: self.version,
            listed: self.features.has(feature),
            pool,
            place,
        }
    }

    /// Whether any instance, and any collected heap, has room.
    const fn check_instances<'a>(
        &self,
        limits: &Limits,
        keys: &PoolKeys,
        pool: &'a str,
        target: Target,
        mut faults: Faults<'a>,
    ) -> Faults<'a> {
        let size = self.max_core_instance_size;
        let least = least_instance(target);
        if !size.is_zero() && size.get() < least.get() {
            faults = faults.and(Fault::InstanceTooSmall {
                size,
                least,
                pool,
                place: place_of(&keys.wasmtime.max_core_instance_size),
            });
        }
        let has_heaps = matches!(self.gc_heaps_per_instance, Some(heaps) if heaps > 0);
        if has_heaps && self.heaps_are_memories() && limits.max_memory_size.get() < GRAIN.get() {
            faults = faults.and(Fault::HeapBelowPage {
                max_memory_size: limits.max_memory_size,
                pool,
                place: place_of(&keys.max_memory_size),
            });
        }
        faults
    }

    const fn check_sizes<'a>(
        &self,
        limits: &Limits,
        keys: &PoolKeys,
        pool: &'a str,
        mut faults: Faults<'a>,
    ) -> Faults<'a> {
        let stack = limits.stack_reservation;
        if self.has_stacks(limits) && self.max_wasm_stack.get() > stack.get() {
            let said = place_of(&keys.wasmtime.max_wasm_stack);
            faults = faults.and(Fault::WasmStackAboveStack {
                max_wasm_stack: self.max_wasm_stack,
                stack_reservation: stack,
                pool,
                place: if said.line > 0 {
                    said
                } else {
                    place_of(&keys.stack_reservation)
                },
            });
        }
        let guard = limits.guard_size;
        let place = place_of(&keys.guard_size);
        if self.has_dynamic_guard() && guard.get() < DYNAMIC_GUARD.get() {
            faults = faults.and(Fault::GuardTooSmall {
                guard_size: guard,
                least: DYNAMIC_GUARD,
                version: self.version,
                pool,
                place,
            });
        } else if limits.memory_reservation.get() < limits.least_reservation().get()
            && guard.is_zero()
        {
            faults = faults.and(Fault::GuardLeaks {
                version: self.version,
                pool,
                place,
            });
        }
        if self.version.major <= 21 && limits.max_memory_size.get() > MOST_PAGES.get() {
            faults = faults.and(Fault::MemoryAbovePages {
                max_memory_size: limits.max_memory_size,
                most: MOST_PAGES,
                version: self.version,
                pool,
                place: place_of(&keys.max_memory_size),
            });
        }
        let core_instances = match &keys.wasmtime.core_instances_per_instance {
            Some(setting) if self.written.is_none() => {
                limits.max_instances.checked_mul(setting.value)
            }
            _ => Some(0),
        };
        if self.totals(limits).is_none() || core_instances.is_none() {
            faults = faults.and(Fault::TooMany {
                pool,
                place: place_of(&keys.max_instances),
            });
        }
        faults
    }
}
