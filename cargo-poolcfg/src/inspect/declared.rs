//! What modules declare: memories, tables, and what of them somebody else provides; of which kinds their types are,
//! and which of their functions have a place in the bookkeeping.

use std::collections::HashSet;

use poolcfg_core::GRAIN;
use wasmparser::{
    AbstractHeapType, ExternalKind, HeapType, MemoryType, RefType, TableType, ValType,
};

use super::limits::FUNCTIONS;
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
    /// How many `table_elements` hold it.
    pub(crate) slots: Between,
}

impl Table {
    pub(super) fn new(table: &TableType, types: &[Kind]) -> Self {
        let minimum = table.initial;
        let slots = match Kind::of(table.element_type, types) {
            Kind::Func | Kind::Collected => Between::of(1, minimum, minimum),
            // One takes 16 bytes of a slot that has 8 for each element. Source: `TablePool::data_size` in
            // crates/wasmtime/src/runtime/vm/instance/allocator/pooling/table_pool.rs (v36 to v50).
            Kind::Cont => {
                let most = minimum.saturating_mul(2);
                // A slot ends with a page, of a grain at most.
                let least = most.saturating_sub((GRAIN.get() - 1) / 8);
                Between::of(1, least.max(minimum), most)
            }
        };
        Self {
            minimum,
            element: element(table.element_type),
            slots,
        }
    }
}

/// A type as the text of WebAssembly writes it.
fn element(reference: RefType) -> String {
    let text = reference.to_string();
    match reference.heap_type() {
        HeapType::Concrete(index) | HeapType::Exact(index) => match index.as_module_index() {
            Some(index) => text.replace(&format!("(module {index})"), &index.to_string()),
            None => text,
        },
        HeapType::Abstract { .. } => text,
    }
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

/// How much something has: no fewer than the one, and no more than the other.
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

    /// The more of both.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            least: self.least.max(other.least),
            most: self.most.max(other.most),
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

/// What a type of a module is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Func,
    /// Structs and arrays, which are collected.
    Collected,
    /// Continuations.
    Cont,
}

impl Kind {
    /// What values of a reference's type are; `types` are those of the module. Source: crates/environ/src/types.rs,
    /// `is_vmgcref_type` (v48).
    fn of(reference: RefType, types: &[Self]) -> Self {
        match reference.heap_type() {
            HeapType::Abstract { ty, .. } => match ty {
                AbstractHeapType::Func | AbstractHeapType::NoFunc => Self::Func,
                AbstractHeapType::Cont | AbstractHeapType::NoCont => Self::Cont,
                _ => Self::Collected,
            },
            HeapType::Concrete(index) | HeapType::Exact(index) => {
                let index = index
                    .as_module_index()
                    .and_then(|index| usize::try_from(index).ok());
                let kind = index.and_then(|index| types.get(index));
                kind.copied().unwrap_or(Self::Func)
            }
        }
    }
}

/// Whether values of the type are collected.
pub(super) fn is_collected(reference: RefType, types: &[Kind]) -> bool {
    Kind::of(reference, types) == Kind::Collected
}

/// The same of any type.
pub(super) fn is_of_collected(ty: ValType, types: &[Kind]) -> bool {
    matches!(ty, ValType::Ref(reference) if is_collected(reference, types))
}

/// Which functions have a place in the bookkeeping: those that are imported, and those that can be called by
/// others.
#[derive(Clone, Debug, Default)]
pub(super) struct Functions {
    pub(super) imported: u64,
    /// By their index, while the module is read.
    escaping: HashSet<u32>,
    pub(super) escaped: u64,
}

impl Functions {
    /// What is imported has come from elsewhere, and may go there: it has a place of both kinds. Source:
    /// `EntityType::Function` in crates/environ/src/compile/module_environ.rs (v28, v36, v43, v48).
    pub(super) fn import(&mut self) {
        if let Ok(index) = u32::try_from(self.imported) {
            self.escape(index);
        }
        self.imported += 1;
    }

    pub(super) fn escape(&mut self, index: u32) {
        // No module that is valid has another.
        if index < FUNCTIONS {
            self.escaping.insert(index);
        }
    }

    /// Counts them once the module is read.
    pub(super) fn close(&mut self) {
        self.escaped = u64::try_from(self.escaping.len()).unwrap_or(u64::MAX);
        self.escaping = HashSet::new();
    }
}
