//! Numbers: the settings of Wasmtime beyond those of every pool.

use super::{WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion, WrittenTotals};
use crate::base::consts::wide;
use crate::base::size::Size;

/// The settings of a Wasmtime pool beyond those of every pool.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Limits, WasmtimeFeature};
/// fn report(limits: &Limits) {
///     if let Some(wasmtime) = &limits.wasmtime {
///         println!("Wasmtime {}, {} each", wasmtime.version, wasmtime.counts());
///         println!("asynchronous: {}", wasmtime.has(WasmtimeFeature::Async));
///     }
/// }
/// ```
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
    /// The totals, where poolcfg.toml writes some of them; `None` if they follow from the instances.
    #[doc(hidden)]
    pub written: Option<WrittenTotals>,
    /// Whether there is a guard before the first memory too.
    pub guard_before_linear_memory: bool,
    /// How many memory protection keys stripe the slots at most; 0 if there are none.
    pub memory_protection_keys: u32,
    /// Whether there may be fewer of them, or none, when the engine is made: what is counted then has none.
    pub memory_protection_keys_auto: bool,
    /// How much stack WebAssembly may use.
    pub max_wasm_stack: Size,
    /// How large the bookkeeping of a core instance may be.
    pub max_core_instance_size: Size,
    /// How large the bookkeeping of a component instance may be.
    pub max_component_instance_size: Size,
    /// How much of a memory is cleared by writing zeros and keeps its pages when its slot is released; none
    /// unless it is said, since each slot that was used then keeps so much.
    pub memory_keep_resident: Size,
    /// The same for a table.
    pub table_keep_resident: Size,
    /// Whether only those pages are cleared and kept that were written, where the kernel tells
    /// (`PAGEMAP_SCAN`, Linux 6.7), and not all of them.
    pub pagemap_scan: bool,
    /// Size of a table's element, which is a pointer of the target.
    pub element_size: Size,
    /// Whether stacks are mapped when the engine is made: on Unix.
    pub maps_stacks: bool,
}

impl Wasmtime {
    /// Size of a table's element on a target of 64 bits, or of fewer.
    pub(crate) const fn element_size(is_64_bit: bool) -> Size {
        Size::bytes(if is_64_bit { 8 } else { 4 })
    }

    /// Whether the target has 64 bits.
    pub(crate) const fn is_64_bit(&self) -> bool {
        self.element_size.get() == Self::element_size(true).get()
    }

    /// Whether Wasmtime is built with a feature, and of a version that has it.
    #[must_use]
    pub const fn has(&self, feature: WasmtimeFeature) -> bool {
        // Up to 22 the keys are there without a feature.
        let ungated =
            matches!(feature, WasmtimeFeature::MemoryProtectionKeys) && self.version.major < 23;
        feature.is_in(self.version) && (ungated || self.features.has(feature))
    }

    /// Whether a collected heap takes the place of a memory (33.0, PR #10503).
    #[doc(hidden)]
    #[must_use]
    pub const fn heaps_are_memories(&self) -> bool {
        Self::heaps_are_memories_in(self.version)
    }

    /// The same of a version.
    #[doc(hidden)]
    #[must_use]
    pub const fn heaps_are_memories_in(version: WasmtimeVersion) -> bool {
        version.major >= 33
    }

    /// Whether the pools for tables and stacks are charged as written when they are mapped: before 27.0
    /// they are mapped without MAP_NORESERVE (PR #9535).
    #[doc(hidden)]
    #[must_use]
    pub const fn charges_writable(&self) -> bool {
        crate::model::wasmtime_pools::charges_writable(wide(self.version.major))
    }

    /// The same for an instance alone: without components it has one table and is one core instance, and no total is
    /// of it.
    pub(crate) const fn of_one(self) -> Self {
        Self {
            tables_per_instance: one_or(self.tables_per_instance),
            core_instances_per_instance: one_or(self.core_instances_per_instance),
            written: None,
            ..self
        }
    }

    /// `max_tables_per_module`: as many as an instance has, or Wasmtime's own 1.
    #[doc(hidden)]
    #[must_use]
    pub const fn max_tables_per_module(&self) -> u32 {
        match self.tables_per_instance {
            Some(tables) => tables,
            None => 1,
        }
    }
}

const fn one_or(count: Option<u32>) -> Option<u32> {
    match count {
        None => Some(1),
        count => count,
    }
}
