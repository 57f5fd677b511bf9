//! Slots: a memory, a table and a stack with one owner.

use std::fmt;
use std::io;
use std::mem;
use std::sync::{Arc, Weak};

use crate::machine::wide;
use crate::sys::{Carver, GrowError, Owned, Reclaim, Region, Reset};

use super::Handle;
use super::acquire::{AcquireError, AcquireOptions};
use super::shard::{Item, Note};
use super::shards::Fresh;

/// The regions of one slot.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) memory: Owned,
    pub(super) table: Option<Owned>,
    pub(super) stack: Option<Owned>,
    /// Bytes of page tables that it may have, as the pool has them in its sum.
    page_tables: i64,
    note: Note,
}

impl Item for Box<Parts> {
    fn note(&mut self) -> &mut Note {
        &mut self.note
    }
}

impl Parts {
    /// The memory, unless it is one of no bytes.
    fn memory(&mut self) -> Option<&mut Owned> {
        Some(&mut self.memory).filter(|memory| memory.capacity() > 0)
    }

    /// The first region that has bytes.
    pub(super) fn first(&mut self) -> &mut Owned {
        match (self.memory.capacity(), &mut self.table, &mut self.stack) {
            (0, Some(region), _) | (0, None, Some(region)) => region,
            _ => &mut self.memory,
        }
    }

    /// Opens so many bytes of the memory, and the rest whole.
    pub(super) fn begin(&mut self, memory: usize) -> Result<(), GrowError> {
        for region in [&mut self.table, &mut self.stack].into_iter().flatten() {
            region.begin(region.capacity())?;
        }
        self.memory.begin(memory)
    }

    /// Makes everything zero, but a stack only if it is to be cleared.
    pub(super) fn reset(&mut self, reset: Reset, keep: usize, stacks: bool) -> io::Result<()> {
        if let Some(memory) = self.memory() {
            memory.reset(reset, keep)?;
        }
        if let Some(table) = &mut self.table {
            table.reset(reset, keep)?;
        }
        if let Some(stack) = &mut self.stack {
            if !stacks {
                return stack.leave();
            }
            // The first bytes of a stack are those that it reaches last.
            let reset = match reset {
                Reset::Zero => Reset::Discard,
                other => other,
            };
            stack.reset(reset, keep)?;
        }
        Ok(())
    }

    /// The key of its last owner.
    pub(super) fn key(&self) -> Option<u64> {
        self.note.key
    }

    /// Gives everything back to the system but the addresses.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if let Some(memory) = self.memory() {
            memory.close()?;
        }
        for region in [&mut self.table, &mut self.stack].into_iter().flatten() {
            region.close()?;
        }
        Ok(())
    }

    /// Bytes of memory that it holds while it is idle.
    pub(super) fn kept(&self) -> u64 {
        [Some(&self.memory), self.table.as_ref(), self.stack.as_ref()]
            .into_iter()
            .flatten()
            .map(|region| wide(region.resident()))
            .sum()
    }

    /// How many more bytes of page tables it may have than when this was last asked.
    pub(super) fn more_page_tables(&mut self) -> i64 {
        let regions = [Some(&self.memory), self.table.as_ref(), self.stack.as_ref()];
        let bytes: u64 = regions.into_iter().flatten().map(Region::page_tables).sum();
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        bytes - mem::replace(&mut self.page_tables, bytes)
    }
}

/// The mappings, as far as they are not cut yet.
#[derive(Debug)]
pub(super) struct Carvers {
    pub(super) memories: Vec<Carver>,
    pub(super) tables: Option<Carver>,
    pub(super) stacks: Option<Carver>,
    pub(super) owner_checks_bounds: bool,
    pub(super) most: usize,
    pub(super) pool: Weak<dyn Reclaim>,
}

impl Fresh for Carvers {
    type Item = Box<Parts>;

    fn carve(&mut self) -> Option<Box<Parts>> {
        let (checked, pool) = (self.owner_checks_bounds, &self.pool);
        let mut memories = self.memories.iter_mut();
        let memory = memories.find_map(|carver| carver.carve(checked, pool))?;
        let whole = |carver: &mut Carver| carver.carve(false, pool);
        Some(Box::new(Parts {
            memory,
            table: self.tables.as_mut().and_then(whole),
            stack: self.stacks.as_mut().and_then(whole),
            page_tables: 0,
            note: Note::default(),
        }))
    }

    fn most(&self) -> usize {
        self.most
    }
}

/// A slot of a pool, until it is dropped.
///
/// ```
/// use poolcfg_runtime::Slot;
///
/// /// Clears memory and table, and tells the addresses between which the stack lies, which grows down from the higher.
/// fn enter(slot: &mut Slot) -> Option<std::ops::Range<usize>> {
///     slot.memory_mut().as_mut_slice().fill(0);
///     slot.table_mut()?.as_mut_slice().fill(0);
///     let stack = slot.stack()?;
///     let low = stack.as_ptr().addr();
///     Some(low..low + stack.len())
/// }
/// ```
///
/// It may go to another thread, and may outlive the pool. One that is forgotten ([`std::mem::forget`]) is lost to
/// the pool, and its address space stays reserved until the process ends; see [`Pool`](super::Pool). Who has dropped
/// it can use nothing of it any more:
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
/// A slot goes back to the pool that it is of, and no part of it can be put into another one's place:
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

    /// The slot's memory, to be looked at. In a pool without memories it is a region of no bytes, which does not grow.
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
    #[must_use]
    pub fn memory_mut(&mut self) -> &mut Region {
        self.parts_mut().memory
    }

    /// The slot's table, to be looked at; `None` if the pool has none.
    #[must_use]
    pub fn table(&self) -> Option<&Region> {
        Some(self.parts().table.as_ref()?)
    }

    /// The slot's table; `None` if the pool has none.
    #[must_use]
    pub fn table_mut(&mut self) -> Option<&mut Region> {
        self.parts_mut().table
    }

    /// The slot's stack, to be looked at; `None` if the pool has none.
    #[must_use]
    pub fn stack(&self) -> Option<&Region> {
        Some(self.parts().stack.as_ref()?)
    }

    /// The slot's stack; `None` if the pool has none. It grows down from the end, and there is a guard
    /// below it.
    #[must_use]
    pub fn stack_mut(&mut self) -> Option<&mut Region> {
        self.parts_mut().stack
    }

    /// All parts at once, each by itself.
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
