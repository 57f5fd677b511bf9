//! What poolcfg.toml may say, as data: for the schema that editors read, and for the page of the keys.

use crate::file::profiles::REQUIRED;
use crate::file::wasmtime::WORKLOAD;
use crate::setting::{AddressSpaceKeys, PoolKeys, ProfileKeys, WasmtimeKeys};

/// What the value of a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A whole number from 0 to 2^32 - 1.
    Count,
    /// `true` or `false`.
    Flag,
    /// An integer of bytes, or a text such as `"4GiB"`.
    Size,
    /// A size, or `"unlimited"`.
    Limit,
    /// A number of memory protection keys, or `"auto"`.
    ProtectionKeys,
    /// `true`, `false` or `"auto"`.
    Switch,
    /// `"maximum"`, `"minimum"` or a number of bits.
    Aslr,
    /// `"finite"`, `"unlimited"` or a size.
    StackLimit,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A version of Wasmtime.
    Version,
    /// An array of Wasmtime's features.
    Features,
    /// The name of a VA profile.
    Profile,
    /// An array of paths and patterns.
    Paths,
}

/// A table of the file: the keys that the reader knows in it, in the order of the documentation.
#[derive(Clone, Copy, Debug)]
pub struct KeyTable {
    /// The table as its header has it, with `NAME` for a name.
    pub header: &'static str,
    /// Keys, and what each takes.
    pub keys: &'static [(&'static str, ValueKind)],
    /// Keys that are read by the command only, and what each takes.
    pub further: &'static [(&'static str, ValueKind)],
    /// The keys that must be there.
    pub required: &'static [&'static str],
}

impl KeyTable {
    /// `[pooling_allocator]` and `[pool.NAME]`.
    pub const POOL: Self = Self {
        header: "pooling_allocator",
        keys: PoolKeys::KINDS,
        further: &[],
        required: &[],
    };

    /// `[pooling_allocator.wasmtime]` and `[pool.NAME.wasmtime]`.
    pub const WASMTIME: Self = Self {
        header: "pooling_allocator.wasmtime",
        keys: WasmtimeKeys::KINDS,
        further: &[(WORKLOAD, ValueKind::Paths)],
        required: &[],
    };

    /// `[address_space]`.
    pub const ADDRESS_SPACE: Self = Self {
        header: "address_space",
        keys: AddressSpaceKeys::KINDS,
        further: &[],
        required: &[],
    };

    /// `[va_profile.NAME]`.
    pub const VA_PROFILE: Self = Self {
        header: "va_profile.NAME",
        keys: ProfileKeys::KINDS,
        further: &[],
        required: &REQUIRED,
    };

    /// Every table.
    pub const ALL: [Self; 4] = [
        Self::POOL,
        Self::WASMTIME,
        Self::ADDRESS_SPACE,
        Self::VA_PROFILE,
    ];

    /// Every key, and what it takes.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, ValueKind)> {
        self.keys.iter().chain(self.further).copied()
    }
}
