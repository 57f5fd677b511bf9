//! What poolcfg.toml may say, as data: for the schema that editors read, and for the page of the keys.

use crate::file::notes::WORKLOAD;
use crate::file::profiles::REQUIRED;
use crate::setting::{AddressSpaceKeys, PoolKeys, ProfileKeys, ValueKind, WasmtimeKeys};

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
