//! Slots: a memory, a table and a stack with one owner.

use std::fmt;
use std::sync::Arc;

use crate::sys::Region;

use super::acquire::{AcquireError, AcquireOptions};
use super::parts::Parts;
use super::shared::Handle;

/// A slot of a pool, until it is dropped.
///
/// ```
/// use poolcfg_runtime::Slot;
///
/// /// Clears memory and table, and tells the addresses between which the stack lies, which grows down from the higher.
/// fn enter(slot: &mut Slot) -> Option<std::ops::Range<usize>> {
///     slot.memory_mut().as_mut_slice().fill(0);
///     slot.table_mut()?.as_mut_slice().fill(0);
///     let stack = slot.stack_mut()?;
///     let low = stack.as_ptr().addr();
///     Some(low..low + stack.len())
/// }
/// ```
///
/// It can be sent to another thread, and may outlive the pool. Leaking a slot ([`std::mem::forget`]) only removes it
/// from the pool: its address space stays reserved until the process ends; see [`Pool`](super::Pool). After a slot is
/// dropped, none of its parts can be used:
///
/// ```compile_fail,E0505
/// fn use_after_release(mut slot: poolcfg_runtime::Slot) -> usize {
///     let memory = slot.memory_mut();
///     drop(slot);
///     memory.len()
/// }
/// ```
/// Nor release it again:
/// ```compile_fail,E0382
/// fn release_twice(slot: poolcfg_runtime::Slot) {
///     drop(slot);
///     drop(slot);
/// }
/// ```
/// A slot goes back to its own pool, and its parts cannot be swapped with those of another slot:
/// ```compile_fail,E0277
/// fn swap(mut one: poolcfg_runtime::Slot, mut of_another_pool: poolcfg_runtime::Slot) {
///     std::mem::swap(one.memory_mut(), of_another_pool.memory_mut());
/// }
/// ```
pub struct Slot {
    /// Something until the slot is dropped.
    pub(super) parts: Option<Box<Parts>>,
    pub(super) key: Option<u64>,
    pub(super) handle: Arc<Handle>,
}

impl Slot {
    /// Opens what an owner asks for. From here on the slot goes back when it is dropped, whatever happens.
    pub(super) fn begin(
        parts: Box<Parts>,
        handle: &Arc<Handle>,
        options: AcquireOptions,
    ) -> Result<Self, AcquireError> {
        let mut slot = Self {
            parts: Some(parts),
            key: options.key,
            handle: Arc::clone(handle),
        };
        if let Some(parts) = &mut slot.parts {
            parts.begin(options.memory).map_err(AcquireError::Open)?;
        }
        Ok(slot)
    }

    /// The slot's memory, for reading. In a pool without memories it is a region of 0 bytes, which does not grow.
    ///
    /// ```
    /// # use poolcfg_runtime::Slot;
    /// fn is_large(slot: &Slot) -> bool {
    ///     slot.memory().len() > 1 << 20
    /// }
    /// ```
    #[must_use]
    pub fn memory(&self) -> &Region {
        &self.parts().memory
    }

    /// The slot's memory. In a pool without memories it is a region of no bytes, which does not grow.
    ///
    /// ```
    /// use poolcfg_runtime::{GrowError, Slot};
    /// fn grow(slot: &mut Slot) -> Result<(), GrowError> {
    ///     slot.memory_mut().grow_to(64 << 10)
    /// }
    /// ```
    #[must_use]
    pub fn memory_mut(&mut self) -> &mut Region {
        self.parts_mut().memory
    }

    /// The slot's table, for reading; `None` if the pool has none.
    ///
    /// ```
    /// use poolcfg_runtime::Slot;
    /// fn has_table(slot: &Slot) -> bool {
    ///     slot.table().is_some()
    /// }
    /// ```
    #[must_use]
    pub fn table(&self) -> Option<&Region> {
        Some(self.parts().table.as_ref()?)
    }

    /// The slot's table; `None` if the pool has none.
    ///
    /// ```
    /// use poolcfg_runtime::Slot;
    /// fn clear(slot: &mut Slot) {
    ///     if let Some(table) = slot.table_mut() {
    ///         table.as_mut_slice().fill(0);
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn table_mut(&mut self) -> Option<&mut Region> {
        self.parts_mut().table
    }

    /// The slot's stack, for reading; `None` if the pool has none.
    ///
    /// ```
    /// use poolcfg_runtime::Slot;
    /// fn stack_bytes(slot: &Slot) -> usize {
    ///     slot.stack().map_or(0, |stack| stack.len())
    /// }
    /// ```
    #[must_use]
    pub fn stack(&self) -> Option<&Region> {
        Some(self.parts().stack.as_ref()?)
    }

    /// The slot's stack; `None` if the pool has none. It grows down from the end, and there is a guard
    /// below it.
    ///
    /// ```
    /// use poolcfg_runtime::Slot;
    /// /// Where a stack that grows down begins.
    /// fn top(slot: &mut Slot) -> Option<*mut u8> {
    ///     let stack = slot.stack_mut()?;
    ///     Some(stack.as_mut_slice().as_mut_ptr_range().end)
    /// }
    /// ```
    #[must_use]
    pub fn stack_mut(&mut self) -> Option<&mut Region> {
        self.parts_mut().stack
    }

    /// All parts at once, so that they can be used together.
    ///
    /// ```
    /// # use poolcfg_runtime::Slot;
    /// /// Copies the beginning of the memory into the table.
    /// fn copy(slot: &mut Slot) {
    ///     let parts = slot.parts_mut();
    ///     if let Some(table) = parts.table {
    ///         let bytes = table.len().min(parts.memory.len());
    ///         table.as_mut_slice()[..bytes].copy_from_slice(&parts.memory.as_slice()[..bytes]);
    ///     }
    /// }
    /// ```
    #[must_use]
    #[expect(clippy::expect_used, reason = "only `drop` takes the parts")]
    pub fn parts_mut(&mut self) -> SlotParts<'_> {
        let parts = self.parts.as_deref_mut().expect("a slot has its parts");
        SlotParts {
            memory: &mut parts.memory,
            table: parts.table.as_mut().map(|table| table as &mut Region),
            stack: parts.stack.as_mut().map(|stack| stack as &mut Region),
        }
    }

    #[expect(clippy::expect_used, reason = "only `drop` takes the parts")]
    fn parts(&self) -> &Parts {
        self.parts.as_deref().expect("a slot has its parts")
    }
}

/// The parts of a slot, each of which can be used while the others are: see [`Slot::parts_mut`].
///
/// ```
/// use poolcfg_runtime::{Slot, SlotParts};
/// /// The bytes that an owner has, of all parts together.
/// fn bytes(slot: &mut Slot) -> usize {
///     let SlotParts { memory, table, stack, .. } = slot.parts_mut();
///     memory.len() + table.map_or(0, |table| table.len()) + stack.map_or(0, |stack| stack.len())
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct SlotParts<'a> {
    /// The memory; a region of no bytes if the pool has none.
    pub memory: &'a mut Region,
    /// The table; `None` if the pool has none.
    pub table: Option<&'a mut Region>,
    /// The stack; `None` if the pool has none. It grows down from the end.
    pub stack: Option<&'a mut Region>,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut slot = f.debug_struct("Slot");
        if let Some(parts) = &self.parts {
            slot.field("memory", &parts.memory)
                .field("table", &parts.table.is_some())
                .field("stack", &parts.stack.is_some());
        }
        slot.field("key", &self.key).finish_non_exhaustive()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            self.handle.0.take_back(parts, self.key);
        }
    }
}
