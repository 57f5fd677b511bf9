//! Numbers: the settings of Wasmtime beyond those of every pool, with the defaults of each version, and
//! the totals that its configuration takes.

use super::{Advisory, InstanceDefaults, WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion};
use crate::limits::{Limits, wide};
use crate::setting::{Key, Setting, Switch, WasmtimeKeys};
use crate::size::Size;
use crate::target::{Arch, Os, Target};
use crate::wasmtime_pools::Pooling;

/// What 4 GiB of slot are for: any 32-bit address then lies in it, and its check is elided.
const ELIDED: Size = Size::gib(4);

/// A stack when nothing is said: `Config::async_stack_size`, all versions.
pub(crate) const STACK: Size = Size::mib(2);

/// The settings of a Wasmtime pool beyond those of every pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wasmtime {
    /// The version that they are for.
    pub version: WasmtimeVersion,
    /// The features that it is built with.
    pub features: WasmtimeFeatures,
    /// Memories of one instance, and of one module.
    pub memories_per_instance: u32,
    /// Tables of one instance, and of one module. `None` without the feature `component-model` if nothing is
    /// said: one each, and in all at least as many as Wasmtime's own default.
    pub tables_per_instance: Option<u32>,
    /// Core instances of one instance; `None` as for tables.
    pub core_instances_per_instance: Option<u32>,
    /// Collected heaps of one instance; where nothing is said, one each, which from 33 on takes the place
    /// of a memory.
    pub gc_heaps_per_instance: Option<u32>,
    /// Whether there is a guard before the first memory too.
    pub guard_before_linear_memory: bool,
    /// How many memory protection keys stripe the slots; 0 is none.
    pub memory_protection_keys: u32,
    /// How much stack WebAssembly may use.
    pub max_wasm_stack: Size,
    /// How large the bookkeeping of a core instance may be.
    pub max_core_instance_size: Size,
    /// How large the bookkeeping of a component instance may be.
    pub max_component_instance_size: Size,
    /// How much of a memory is cleared by writing zeros and keeps its pages when its slot is released; none
    /// unless it is said, since each slot that was used then keeps so much.
    pub memory_keep_resident: Size,
    /// The same of a table.
    pub table_keep_resident: Size,
    /// Whether only those pages are cleared and kept that were written, where the kernel tells
    /// (`PAGEMAP_SCAN`, Linux 6.7), and not all of them.
    pub pagemap_scan: bool,
    /// Bytes of a table's element: of a pointer of the target.
    pub element_bytes: u32,
    /// Whether stacks are mapped when the engine is made: on Unix.
    pub maps_stacks: bool,
}

/// How many of each kind there are in all, as Wasmtime's configuration takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// `total_memories`
    pub memories: u32,
    /// `total_tables`
    pub tables: u32,
    /// `total_stacks`; none without the feature `async`.
    pub stacks: u32,
    /// `total_core_instances`
    pub core_instances: u32,
    /// `total_component_instances`
    pub component_instances: u32,
    /// `total_gc_heaps`; none without the feature `gc`.
    pub gc_heaps: u32,
}

/// The numbers that Wasmtime takes of itself. Source: crates/wasmtime/src/config.rs (v48:
/// `InstanceLimits::default` 3984) and crates/environ/src/tunables.rs (v48: `default_u32` 294,
/// `default_u64` 315), and the same in each version since 13.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defaults {
    pub(crate) instances: u32,
    pub(crate) reservation: Size,
    pub(crate) max_memory_size: Size,
    pub(crate) guard_size: Size,
    pub(crate) table_elements: u32,
}

impl Defaults {
    pub(crate) const fn new(version: WasmtimeVersion, target: Target) -> Self {
        let major = version.major;
        let wide = target.pointer_width >= 64;
        Self {
            instances: own_total(wide, major),
            reservation: if wide { Size::gib(4) } else { Size::mib(10) },
            max_memory_size: match (wide, major) {
                // 160 pages up to 21, bytes from 22 (10 MiB), 4 GiB from 23 (PR #8849).
                (_, ..=22) => Size::mib(10),
                (true, 23..) => Size::gib(4),
                // usize::MAX from 24 to 31, which is refused: the reservation is what there can be.
                (false, 23..) => Size::mib(10),
            },
            guard_size: match (wide, major) {
                // Code for the interpreter Pulley checks every access, and has no guard (30.0).
                (_, 30..) if is_interpreted(target) && !Advisory::NO_GUARD.affects(version) => {
                    Size::ZERO
                }
                (false, _) => Size::kib(64),
                // PR #9606.
                (true, 28..) => Size::mib(32),
                (true, _) => Size::gib(2),
            },
            table_elements: if major >= 21 { 20_000 } else { 10_000 },
        }
    }
}

/// Whether Wasmtime has no compiler for the target and interprets (30.0 and later).
/// Source: crates/wasmtime/build.rs:22-72 (v48).
pub(crate) const fn is_interpreted(target: Target) -> bool {
    !matches!(
        target.arch,
        Arch::X86_64 | Arch::Aarch64 | Arch::Riscv64 | Arch::S390x
    )
}

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
        let memory_keep_resident = crate::case::size_or(&keys.memory_keep_resident, Size::ZERO);
        let table_keep_resident = crate::case::size_or(&keys.table_keep_resident, Size::ZERO);
        let keeps_pages = !memory_keep_resident.is_zero() || !table_keep_resident.is_zero();
        Self {
            version,
            features: features(keys),
            memories_per_instance: crate::case::number_or(&keys.memories_per_instance, 1),
            tables_per_instance: said_or(&keys.tables_per_instance, tables),
            core_instances_per_instance: said_or(&keys.core_instances_per_instance, core_instances),
            gc_heaps_per_instance: said_or(&keys.gc_heaps_per_instance, None),
            guard_before_linear_memory: match &keys.guard_before_linear_memory {
                Some(setting) => setting.value,
                None => true,
            },
            memory_protection_keys: crate::case::number_or(&keys.memory_protection_keys, 0),
            max_wasm_stack: crate::case::size_or(&keys.max_wasm_stack, Size::kib(512)),
            max_core_instance_size: crate::case::size_or(
                &keys.max_core_instance_size,
                Size::mib(1),
            ),
            max_component_instance_size: crate::case::size_or(
                &keys.max_component_instance_size,
                Size::mib(1),
            ),
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
            element_bytes: if target.pointer_width >= 64 { 8 } else { 4 },
            maps_stacks: !target.os.is(Os::Windows),
        }
    }

    /// Whether Wasmtime is built with a feature, and of a version that has it.
    #[must_use]
    pub const fn has(&self, feature: WasmtimeFeature) -> bool {
        let since = match feature {
            // `total_gc_heaps` came with 20.0; memory protection keys with 14.0.
            WasmtimeFeature::Gc => 20,
            WasmtimeFeature::MemoryProtectionKeys => 14,
            WasmtimeFeature::Async | WasmtimeFeature::ComponentModel => 0,
        };
        // Up to 22 the keys are there without a feature.
        let ungated =
            matches!(feature, WasmtimeFeature::MemoryProtectionKeys) && self.version.major < 23;
        self.version.major >= since && (ungated || self.features.has(feature))
    }

    /// Whether a collected heap takes the place of a memory (33.0, PR #10503).
    #[must_use]
    pub const fn heaps_are_memories(&self) -> bool {
        self.version.major >= 33
    }

    /// Whether the pools for tables and stacks are charged as written when they are mapped: before 27.0
    /// they are mapped without MAP_NORESERVE (PR #9535).
    #[must_use]
    pub const fn charges_writable(&self) -> bool {
        crate::wasmtime_pools::charges_writable(wide(self.version.major))
    }

    /// Whether a slot of these limits is large enough for the checks of 32-bit addresses to be elided.
    /// Source: crates/cranelift/src/bounds_checks.rs:182-310 (v48); up to 38 the reservation alone counts
    /// (PR #11973).
    #[must_use]
    pub const fn elides_bounds_checks(&self, limits: &Limits) -> bool {
        let reservation = limits.memory_reservation.get();
        let counted = if self.version.major >= 39 {
            reservation.saturating_add(limits.guard_size.get())
        } else {
            reservation
        };
        counted >= ELIDED.get()
    }

    /// `memory_may_move` as it is best set: Wasmtime's own default, and where bounds checks are not elided
    /// false, since memories of a pool never move and the checks then compare with a constant.
    #[must_use]
    pub const fn memory_may_move(&self, limits: &Limits) -> bool {
        self.elides_bounds_checks(limits)
    }

    /// `table_elements`: what one table holds.
    #[must_use]
    pub const fn table_elements(&self, limits: &Limits) -> u64 {
        limits.table_reservation.get() / wide(self.element_bytes)
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

    /// The totals of so many instances; nothing when one is above 2^32 - 1.
    #[must_use]
    pub const fn totals(&self, limits: &Limits) -> Option<Totals> {
        let instances = limits.max_instances;
        let (heaps, extra) = match self.gc_heaps_per_instance {
            _ if !self.has(WasmtimeFeature::Gc) => (0, 0),
            None => (1, 0),
            Some(heaps) if self.heaps_are_memories() => (heaps, heaps),
            Some(heaps) => (heaps, 0),
        };
        let stacks = if self.has(WasmtimeFeature::Async) && !limits.stack_reservation.is_zero() {
            instances
        } else {
            0
        };
        let memories = match self.memories_per_instance.checked_add(extra) {
            Some(each) => instances.checked_mul(each),
            None => None,
        };
        // Wasmtime's own total and one each at least.
        let own = own_total(self.element_bytes == 8, self.version.major);
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

    /// `max_tables_per_module`: as many as an instance has, or Wasmtime's own 1.
    #[must_use]
    pub const fn max_tables_per_module(&self) -> u32 {
        match self.tables_per_instance {
            Some(tables) => tables,
            None => 1,
        }
    }

    /// What the formula works on; nothing when a total is above 2^32 - 1.
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

/// Every total of Wasmtime's own configuration: 100 on 32 bits since 32.0 (PR #10483); 1000 did not fit
/// them before.
const fn own_total(is_64_bit: bool, major: u32) -> u32 {
    if !is_64_bit && major >= 32 { 100 } else { 1000 }
}

/// Whether a version has `PoolingAllocationConfig::pagemap_scan`: since [`PAGEMAP_SCAN_SINCE`].
pub(crate) const fn has_pagemap_scan(version: WasmtimeVersion) -> bool {
    version.major >= PAGEMAP_SCAN_SINCE
}

/// The first major version with `PoolingAllocationConfig::pagemap_scan` (PR #11372).
pub(crate) const PAGEMAP_SCAN_SINCE: u32 = 37;

/// The features that are said, or those that Wasmtime has by default.
const fn features(keys: &WasmtimeKeys) -> WasmtimeFeatures {
    match &keys.features {
        Some(setting) => setting.value,
        None => WasmtimeFeatures::DEFAULT,
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

const fn said_or(key: &Key<u32>, default: Option<u32>) -> Option<u32> {
    match key {
        Some(setting) => Some(setting.value),
        None => default,
    }
}
