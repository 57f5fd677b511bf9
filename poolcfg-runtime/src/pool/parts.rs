//! What a slot is made of, and what the pool does to it between one owner and the next.

use std::io;
use std::mem;
use std::sync::Weak;

use crate::sys::{GrowError, Owned, Reclaim, Region, RegionDealer, Reset, wide};

use super::shard::{Note, Pooled};
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

impl Pooled for Box<Parts> {
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
pub(super) struct RegionDealers {
    pub(super) memories: Vec<RegionDealer>,
    pub(super) tables: Option<RegionDealer>,
    pub(super) stacks: Option<RegionDealer>,
    pub(super) owner_checks_bounds: bool,
    pub(super) most: usize,
    pub(super) pool: Weak<dyn Reclaim>,
}

impl Fresh for RegionDealers {
    type Item = Box<Parts>;

    fn carve(&mut self) -> Option<Box<Parts>> {
        let (checked, pool) = (self.owner_checks_bounds, &self.pool);
        let mut memories = self.memories.iter_mut();
        let memory = memories.find_map(|dealer| dealer.carve(checked, pool))?;
        let whole = |dealer: &mut RegionDealer| dealer.carve(false, pool);
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
