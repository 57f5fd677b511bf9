//! What modules declare: memories, tables, and what of them somebody else provides.

use wasmparser::{ExternalKind, MemoryType};

use super::stream::Unreadable;

/// What a module or a component declares of one kind, and what such a thing is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum CoreSort {
    Func,
    Table,
    Memory,
    Global,
    Tag,
}

impl CoreSort {
    pub(super) const fn of(kind: ExternalKind) -> Self {
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => Self::Func,
            ExternalKind::Table => Self::Table,
            ExternalKind::Memory => Self::Memory,
            ExternalKind::Global => Self::Global,
            ExternalKind::Tag => Self::Tag,
        }
    }
}

/// A memory, with sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) minimum: u64,
    /// `None` if it declares none.
    pub(crate) maximum: Option<u64>,
    pub(crate) is_64_bit: bool,
    pub(crate) is_shared: bool,
    pub(crate) page_size: u64,
}

impl Memory {
    pub(super) fn new(memory: &MemoryType) -> Result<Self, Unreadable> {
        let log2 = memory.page_size_log2.unwrap_or(16);
        let too_large = || {
            let text = "a memory of 2^64 bytes or more at the beginning, which no machine has";
            Unreadable::Impossible(text.to_owned())
        };
        let page_size = 1_u64.checked_shl(log2).ok_or_else(too_large)?;
        let bytes = |pages: u64| pages.checked_mul(page_size);
        Ok(Self {
            minimum: bytes(memory.initial).ok_or_else(too_large)?,
            // What cannot be counted is no bound.
            maximum: memory.maximum.and_then(bytes),
            is_64_bit: memory.memory64,
            is_shared: memory.shared,
            page_size,
        })
    }
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) minimum: u64,
    /// The type of its elements, such as `funcref`.
    pub(crate) element: String,
}

/// A memory or a table that somebody else provides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Imported {
    /// As the module names it, such as `env.memory`.
    pub(crate) name: String,
    /// `memory` or `table`.
    pub(crate) what: &'static str,
    /// What it has at least.
    pub(crate) minimum: u64,
    pub(crate) is_shared: bool,
    pub(crate) is_64_bit: bool,
}

/// How many bytes something has: no fewer than the one, and no more than the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Between {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Between {
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            least: self.least.saturating_add(other.least),
            most: self.most.saturating_add(other.most),
        }
    }

    /// So many, each of at least and at most so many bytes.
    pub(super) const fn of(count: u64, least: u64, most: u64) -> Self {
        Self {
            least: count.saturating_mul(least),
            most: count.saturating_mul(most),
        }
    }
}
