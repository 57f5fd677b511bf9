//! What poolcfg.toml says, key by key, each with the place where it says it.
//!
//! The command and the compiler lay the same layers over each other: the command reads them at run
//! time, the macro writes them down as const code with a `cfg!` around each.

#[cfg(feature = "file")]
mod kind;
mod table;

use crate::base::consts::wide;
use crate::base::size::Size;
use crate::engine::Engine;
use crate::engine::wasmtime::{InstanceDefaults, WasmtimeFeatures, WasmtimeVersion};
use crate::model::fit::MAX_POOLS;
use crate::setting::table::{keys, table};
use crate::target::process::ProcessLimits;
use crate::target::profile::OwnProfile;
use crate::target::shape::{Aslr, RelocationModel, SearchLayout, StackLimit};
use crate::target::{Arch, Os};

#[cfg(feature = "file")]
pub use kind::ValueKind;

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

impl AddressSpaceKeys<'_> {
    /// The limits of a process of this system, `usual` where nothing is said. Only Linux bounds the number of mappings
    /// and counts what is writable as it says here, and Windows knows no limit of address space.
    ///
    /// ```
    /// use poolcfg_core::{AddressSpaceKeys, Os, ProcessLimits, Setting};
    /// let said = AddressSpaceKeys {
    ///     max_map_count: Some(Setting::given(1 << 20)),
    ///     ..AddressSpaceKeys::EMPTY
    /// };
    /// assert_eq!(said.limits(ProcessLimits::LINUX, Os::Linux).max_map_count, Some(1 << 20));
    /// assert_eq!(said.limits(ProcessLimits::NONE, Os::Macos).max_map_count, None);
    /// ```
    #[must_use]
    pub const fn limits(&self, usual: ProcessLimits, os: Os) -> ProcessLimits {
        let mut limits = usual;
        if let Some(setting) = &self.rlimit_as {
            if bounds_address_space(os) {
                limits.rlimit_as = setting.value;
            }
        }
        if !os.has_linux_kernel() {
            return limits;
        }
        if let Some(setting) = &self.max_map_count {
            limits.max_map_count = Some(wide(setting.value));
        }
        if let Some(setting) = &self.rlimit_data {
            limits.rlimit_data = setting.value;
        }
        if let Some(setting) = &self.memory {
            limits.memory = Some(setting.value);
        }
        limits
    }

    /// The keys that are said and do nothing on this system, of whose processes the layout is known or is not.
    ///
    /// ```
    /// use poolcfg_core::{AddressSpaceKeys, Os, Setting, Size};
    /// let said = AddressSpaceKeys {
    ///     memory: Some(Setting::given(Size::gib(1))),
    ///     ..AddressSpaceKeys::EMPTY
    /// };
    /// assert_eq!(said.unused(Os::Linux, true).count(), 0);
    /// assert!(said.unused(Os::Freebsd, false).eq(["memory"]));
    /// ```
    #[doc(hidden)]
    pub fn unused(&self, os: Os, knows_layout: bool) -> impl Iterator<Item = &'static str> + use<> {
        let counts = os.has_linux_kernel();
        let keys = [
            ("stack_limit", self.stack_limit.is_some(), knows_layout),
            ("aslr", self.aslr.is_some(), knows_layout),
            ("layout", self.layout.is_some(), knows_layout),
            ("max_map_count", self.max_map_count.is_some(), counts),
            (
                "rlimit_as",
                self.rlimit_as.is_some(),
                bounds_address_space(os),
            ),
            ("rlimit_data", self.rlimit_data.is_some(), counts),
            ("memory", self.memory.is_some(), counts),
        ];
        let unused = keys
            .into_iter()
            .filter(|(_, is_said, is_used)| *is_said && !is_used);
        unused.map(|(key, ..)| key)
    }
}

/// Whether a system has a limit of address space.
const fn bounds_address_space(os: Os) -> bool {
    !matches!(os, Os::Windows)
}

/// All that one build says: the pools by name, and the address space.
///
/// ```
/// use poolcfg_core::{PoolKeys, Setting, Settings};
/// const SAID: Settings = Settings::new(&["plugins"], &[]).pooling_allocator(PoolKeys {
///     max_instances: Some(Setting::at(64, 2, 17)),
///     ..PoolKeys::EMPTY
/// });
/// assert_eq!(SAID.pools()[0].max_instances.unwrap().value, 64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<'a> {
    pub(crate) names: [&'a str; MAX_POOLS],
    pub(crate) keys: [PoolKeys; MAX_POOLS],
    pub(crate) count: usize,
    pub(crate) space: AddressSpaceKeys<'a>,
    pub(crate) profiles: [Option<OwnProfile<'a>>; MAX_PROFILES],
    pub(crate) instance: Option<InstanceDefaults>,
}

impl<'a> Settings<'a> {
    /// Nothing said yet of the pools of these names; without a name there is one pool, which has none.
    /// Names beyond [`MAX_POOLS`] and profiles beyond [`MAX_PROFILES`] are left out: the reader of the
    /// file refuses them.
    #[must_use]
    pub const fn new(names: &[&'a str], profiles: &[OwnProfile<'a>]) -> Self {
        let mut settings = Self {
            names: [""; MAX_POOLS],
            keys: [PoolKeys::EMPTY; MAX_POOLS],
            count: 1,
            space: AddressSpaceKeys::EMPTY,
            profiles: [None; MAX_PROFILES],
            instance: None,
        };
        let mut i = 0;
        while i < profiles.len() && i < MAX_PROFILES {
            settings.profiles[i] = Some(profiles[i]);
            i += 1;
        }
        let mut i = 0;
        while i < names.len() && i < MAX_POOLS {
            settings.names[i] = names[i];
            i += 1;
            settings.count = i;
        }
        settings
    }

    /// A later `[pooling_allocator]`: said of every pool.
    #[must_use]
    pub const fn pooling_allocator(mut self, keys: PoolKeys) -> Self {
        let mut i = 0;
        while i < self.count {
            self.keys[i] = self.keys[i].then(keys);
            i += 1;
        }
        self
    }

    /// A later `[pool.NAME]`, of the pool with this index.
    #[must_use]
    pub const fn pool(mut self, index: usize, keys: PoolKeys) -> Self {
        self.keys[index] = self.keys[index].then(keys);
        self
    }

    /// A later `[address_space]`.
    #[must_use]
    pub const fn address_space(mut self, keys: AddressSpaceKeys<'a>) -> Self {
        self.space = self.space.then(keys);
        self
    }

    /// `POOLCFG_VA_PROFILE`, or `--va-profile`: later than every table. Nothing and the empty text
    /// say nothing.
    #[must_use]
    pub const fn va_profile(mut self, name: Option<&'a str>) -> Self {
        if let Some(name) = name {
            if !name.is_empty() {
                self.space.va_profile = Some(Setting::given(name));
            }
        }
        self
    }

    /// What is said of the address space so far.
    #[must_use]
    pub const fn space(&self) -> AddressSpaceKeys<'a> {
        self.space
    }

    /// What an instance of Wasmtime has where no table says: what the program that runs it takes of itself.
    #[must_use]
    pub const fn instance_defaults(mut self, instance: InstanceDefaults) -> Self {
        self.instance = Some(instance);
        self
    }

    /// The keys of each pool, as said so far.
    #[must_use]
    pub const fn pools(&self) -> &[PoolKeys] {
        self.keys.split_at(self.count).0
    }

    /// The name of each pool; one empty name when the file names none.
    #[must_use]
    pub const fn names(&self) -> &[&'a str] {
        self.names.split_at(self.count).0
    }
}
