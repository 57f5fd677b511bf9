//! What poolcfg.toml says, key by key, each with the place where it says it.
//!
//! The command and the compiler lay the same layers over each other: the command reads them at run
//! time, the macro writes them down as const code with a `cfg!` around each.

mod address_space;
mod key;
#[cfg(feature = "file")]
mod kind;
mod settings;
mod table;

use crate::base::size::Size;
use crate::engine::Engine;
use crate::engine::wasmtime::{WasmtimeFeatures, WasmtimeVersion};
use crate::setting::table::{keys, table};
use crate::target::Arch;
use crate::target::shape::{Aslr, RelocationModel, SearchLayout, StackLimit};

#[cfg(feature = "file")]
pub(crate) use key::{Described, Read, Write};
pub use key::{FilePlace, Key, Setting};
#[cfg(feature = "file")]
pub use kind::ValueKind;
pub use settings::Settings;

/// How many profiles of its own one file may have.
pub const MAX_PROFILES: usize = 16;

/// What happens when the floor does not hold what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnMisfit {
    /// It is an error.
    Error,
    /// What the floor holds is guaranteed; the rest is asked for at start.
    Shrink,
}

/// Which number stays when a pool shrinks.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::Keep;
/// assert_eq!(Keep::MaxInstances.to_string(), "max_instances");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// The reservation stays, fewer instances.
    MemoryReservation,
    /// The instances stay, each with a smaller reservation.
    MaxInstances,
}

/// Whether something is done that is on or off, or decided by what is safe and of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Switch {
    /// `"auto"`: decided by the rest of the settings.
    Auto,
    /// `true`
    On,
    /// `false`
    Off,
}

/// How many memory protection keys there are.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::ProtectionKeys;
/// assert!(ProtectionKeys::Auto != ProtectionKeys::Count(ProtectionKeys::MOST));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProtectionKeys {
    /// `"auto"`: as many as the machine has when the engine is made, and what is guaranteed fits without.
    Auto,
    /// A number: so many, without which the engine is not made.
    Count(u32),
}

impl ProtectionKeys {
    /// The most that a process gets: 16 of the processor, and key 0 is the kernel's.
    /// Source: Linux, arch/x86/include/asm/pkeys.h:10 (`arch_max_pkey`).
    pub const MOST: u32 = 15;
}

crate::base::consts::words! {
    OnMisfit { Error = "error", Shrink = "shrink" }
    Keep { MemoryReservation = "memory_reservation", MaxInstances = "max_instances" }
}

keys! {
    /// The keys of `[pooling_allocator]` and of `[pool.NAME]`.
    PoolKeys {
        /// `engine`
        engine: Engine,
        /// `max_instances`
        max_instances: u32,
        /// `on_misfit`
        on_misfit: OnMisfit,
        /// `min_instances`
        min_instances: u32,
        /// `keep`
        keep: Keep,
        /// `memory_reservation`
        memory_reservation: Size,
        /// `max_memory_size`
        max_memory_size: Size,
        /// `guard_size`
        guard_size: Size,
        /// `guard_before`
        guard_before: bool,
        /// `table_reservation`
        table_reservation: Size,
        /// `stack_reservation`
        stack_reservation: Size,
        /// `pools`
        pools: u32,
    }
    tables {
        /// `wasmtime`: what only that engine knows.
        wasmtime: WasmtimeKeys,
    }
}

keys! {
    /// The keys of `[pooling_allocator.wasmtime]` and of `[pool.NAME.wasmtime]`.
    WasmtimeKeys {
        /// `version`
        version: WasmtimeVersion,
        /// `features`
        features: WasmtimeFeatures,
        /// `memories_per_instance`
        memories_per_instance: u32,
        /// `tables_per_instance`
        tables_per_instance: u32,
        /// `core_instances_per_instance`
        core_instances_per_instance: u32,
        /// `gc_heaps_per_instance`
        gc_heaps_per_instance: u32,
        /// `total_memories`
        total_memories: u32,
        /// `total_tables`
        total_tables: u32,
        /// `total_stacks`
        total_stacks: u32,
        /// `total_core_instances`
        total_core_instances: u32,
        /// `total_component_instances`
        total_component_instances: u32,
        /// `total_gc_heaps`
        total_gc_heaps: u32,
        /// `table_elements`
        table_elements: u32,
        /// `guard_before_linear_memory`
        guard_before_linear_memory: bool,
        /// `memory_protection_keys`
        memory_protection_keys: ProtectionKeys,
        /// `max_wasm_stack`
        max_wasm_stack: Size,
        /// `max_core_instance_size`
        max_core_instance_size: Size,
        /// `max_component_instance_size`
        max_component_instance_size: Size,
        /// `memory_keep_resident`
        memory_keep_resident: Size,
        /// `table_keep_resident`
        table_keep_resident: Size,
        /// `pagemap_scan`
        pagemap_scan: Switch,
    }
}

/// Where a key is said; `None` if it is not.
pub(crate) const fn place_if<T>(key: &Key<T>) -> Option<FilePlace> {
    match key {
        Some(setting) => Some(setting.place),
        None => None,
    }
}

/// The value that a key says, or the default.
pub(crate) const fn value_or<T: Copy>(key: &Key<T>, default: T) -> T {
    match key {
        Some(setting) => setting.value,
        None => default,
    }
}

/// Where a key is said; [`FilePlace::NOWHERE`] if it is not.
pub(crate) const fn place_of<T>(key: &Option<Setting<T>>) -> FilePlace {
    match key {
        Some(setting) => setting.place,
        None => FilePlace::NOWHERE,
    }
}

keys! {
    /// The keys of `[address_space]`.
    AddressSpaceKeys<'a> {
        /// `va_profile`
        va_profile: &'a str,
        /// `relocation_model`
        relocation_model: RelocationModel,
        /// `stack_limit`
        stack_limit: StackLimit,
        /// `aslr`
        aslr: Aslr,
        /// `layout`
        layout: SearchLayout,
        /// `headroom`
        headroom: Size,
        /// `max_map_count`
        max_map_count: u32,
        /// `rlimit_as`; `None` for `"unlimited"`.
        rlimit_as: Option<Size>,
        /// `rlimit_data`; `None` for `"unlimited"`.
        rlimit_data: Option<Size>,
        /// `memory`
        memory: Size,
    }
}

table! {
    /// The keys of `[va_profile.NAME]`.
    ProfileKeys {
        /// `arch`
        arch: Arch,
        /// `window`
        window: Size,
        /// `page_size`
        page_size: Size,
        /// `pie_base`
        pie_base: Size,
        /// `legacy_base`
        legacy_base: Size,
        /// `aslr_bits`
        aslr_bits: u32,
        /// `aslr_bits_max`
        aslr_bits_max: u32,
    }
}
