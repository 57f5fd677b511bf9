//! What poolcfg.toml says, key by key, each with the place where it says it.
//!
//! The command and the compiler lay the same layers over each other: the command reads them at run
//! time, the macro writes them down as const code with a `cfg!` around each.

mod address_space;
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
pub use kind::ValueKind;
pub use settings::Settings;

/// How many profiles of its own one file may have.
pub const MAX_PROFILES: usize = 16;

/// Where something stands in poolcfg.toml; line 0 is not in the file at all, but a default or a variable, or a flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePlace {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl FilePlace {
    /// Not in the file: a default, a variable, or a flag that says one thing only.
    pub const NOWHERE: Self = Self { line: 0, column: 0 };

    /// Not in the file, but the `--set` flag with this number, from 1: its column on line 0.
    #[must_use]
    pub const fn flag(number: u32) -> Self {
        Self {
            line: 0,
            column: number,
        }
    }

    /// The number of the `--set` flag; `None` if it is none.
    #[must_use]
    pub const fn as_flag(self) -> Option<u32> {
        match self {
            Self { line: 0, column } if column > 0 => Some(column),
            _ => None,
        }
    }

    /// Whether the file or a `--set` flag says it.
    pub(crate) const fn is_said(self) -> bool {
        self.line > 0 || self.column > 0
    }

    /// This line and column.
    #[must_use]
    pub const fn new(line: u32, column: u32) -> Self {
        Self { line, column }
    }
}

/// A value and where it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it was set.
    pub place: FilePlace,
}

impl<T> Setting<T> {
    /// A value set at a line and a column of the file.
    #[must_use]
    pub const fn at(value: T, line: u32, column: u32) -> Self {
        Self {
            value,
            place: FilePlace::new(line, column),
        }
    }

    /// A value that no file sets.
    #[must_use]
    pub const fn given(value: T) -> Self {
        Self {
            value,
            place: FilePlace::NOWHERE,
        }
    }
}

/// A key that may not be said.
pub type Key<T> = Option<Setting<T>>;

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

/// Reads the value of a key that is said. A type of value is read in one way, whatever the key.
#[cfg(feature = "file")]
pub(crate) trait Read<T> {
    /// The value and its place; `None` if it is no value of this type.
    fn read(&mut self) -> Key<T>;
}

/// Writes the value of a key that is said.
#[cfg(feature = "file")]
pub(crate) trait Write<T> {
    /// Writes one key of this name.
    fn write(&mut self, name: &str, setting: &Setting<T>);
}

/// What a value is, for who describes the file. A type of value is described in one way, whatever the key.
#[cfg(feature = "file")]
pub(crate) trait Described {
    /// What a value of this type is in the file.
    const KIND: ValueKind;
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
