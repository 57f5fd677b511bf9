//! Limits: a pool's numbers, and the footprint they make.
//!
//! The native engine maps three slabs, each `g + n x (ru(x) + g)` bytes:
//! ```text
//!  | guard | slot 0 ... | guard | slot 1 ... | guard | ... | slot n-1 ... | guard |
//! ```
//! For memories the guard is `guard_size`, for tables and stacks one page. All of a slab is mapped
//! PROT_NONE at first; a live slot opens its used part.

use crate::budget::Budget;
use crate::place::{Group, KINDS};
use crate::size::{GRAIN, Size};

/// The numbers of one pool, as asked or as guaranteed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many slots the pool has.
    pub max_instances: u32,
    /// Address space kept for one memory.
    pub memory_reservation: Size,
    /// How far a memory may grow.
    pub max_memory_size: Size,
    /// Guard on both sides of a memory.
    pub guard_size: Size,
    /// Address space of one table; no bytes for none.
    pub table_reservation: Size,
    /// Address space of one stack; no bytes for none.
    pub stack_reservation: Size,
    /// How many pools of this shape are alive at once in one process.
    pub pools: u32,
}

const NO_MAPPING: Mapping = Mapping {
    name: MappingName::Memories,
    bytes: Size::ZERO,
};

/// What a mapping holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MappingName {
    /// Linear memories, the slots proper.
    Memories,
    /// Tables.
    Tables,
    /// Stacks.
    Stacks,
}

crate::shape::words! {
    MappingName { Memories = "memories", Tables = "tables", Stacks = "stacks" }
}

/// One mapping that a pool makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// What it holds.
    pub name: MappingName,
    /// Its bytes; no bytes when the pool makes none.
    pub bytes: Size,
}

/// The mappings that a pool makes, in the order in which it makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// The mappings of one pool; one of no bytes is not made.
    pub mappings: [Mapping; KINDS],
    /// How many such pools there are.
    pub pools: u32,
    /// VMAs of all of them when they have just been made.
    pub maps_at_start: u64,
    /// VMAs of all of them when every slot is live.
    pub maps_at_worst: u64,
}

/// The sum of a pool's sizes is above 2^64 - 1 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl Limits {
    /// The bytes from the start of one slot to the start of the next.
    ///
    /// # Errors
    /// [`Overflow`] when that is above 2^64 - 1 bytes.
    pub const fn memory_stride(&self, page_size: Size) -> Result<Size, Overflow> {
        match slab(1, self.memory_reservation, self.guard_size, page_size) {
            Some((_, stride)) => Ok(stride),
            None => Err(Overflow),
        }
    }

    /// The footprint on pages of `page_size`.
    ///
    /// # Errors
    /// [`Overflow`] when a sum is above 2^64 - 1 bytes.
    pub const fn footprint(&self, page_size: Size) -> Result<Footprint, Overflow> {
        let parts = [
            (
                MappingName::Memories,
                self.memory_reservation,
                self.guard_size,
            ),
            (MappingName::Tables, self.table_reservation, page_size),
            (MappingName::Stacks, self.stack_reservation, page_size),
        ];
        let mut footprint = Footprint {
            mappings: [NO_MAPPING; KINDS],
            pools: self.pools,
            maps_at_start: 0,
            maps_at_worst: 0,
        };
        let slots = wide(self.max_instances);
        let mut total = Size::ZERO;
        let mut i = 0;
        while i < KINDS {
            let (name, region, guard) = parts[i];
            let bytes = match slab(slots, region, guard, page_size) {
                Some((bytes, _)) => bytes,
                None => return Err(Overflow),
            };
            footprint.mappings[i] = Mapping { name, bytes };
            if !bytes.is_zero() {
                total = match total.checked_add(bytes) {
                    Some(total) => total,
                    None => return Err(Overflow),
                };
                footprint.maps_at_start += 1;
                // A live slot's part is writable between two that are not; with guards of its own
                // every region is a VMA and so is each of the n + 1 pieces around them.
                footprint.maps_at_worst += 2 * slots + 1;
            }
            i += 1;
        }
        if total.checked_mul(wide(self.pools)).is_none() {
            return Err(Overflow);
        }
        footprint.maps_at_start *= wide(self.pools);
        footprint.maps_at_worst = match footprint.maps_at_worst.checked_mul(wide(self.pools)) {
            Some(maps) => maps,
            None => return Err(Overflow),
        };
        Ok(footprint)
    }
}

impl Footprint {
    /// Bytes of address space of all pools.
    #[must_use]
    pub const fn reserved_bytes(&self) -> Size {
        let mut total = 0;
        let mut i = 0;
        while i < KINDS {
            // The sum was checked when the footprint was made.
            total += self.mappings[i].bytes.get();
            i += 1;
        }
        Size::bytes(total * wide(self.pools))
    }

    /// What the placement works on: each mapping with what its alignment may waste.
    pub(crate) const fn group(&self, budget: &Budget) -> Group {
        let mut sizes = [0; KINDS];
        let mut i = 0;
        while i < KINDS {
            let bytes = self.mappings[i].bytes.get();
            let huge_page = budget.huge_page.get();
            sizes[i] = if huge_page > 0 && bytes >= huge_page {
                bytes.saturating_add(huge_page)
            } else {
                bytes
            };
            i += 1;
        }
        Group {
            sizes,
            count: wide(self.pools),
        }
    }
}

/// The bytes of a slab of `slots` regions, and from one region to the next.
const fn slab(slots: u64, region: Size, guard: Size, page_size: Size) -> Option<(Size, Size)> {
    if region.is_zero() {
        return Some((Size::ZERO, Size::ZERO));
    }
    let (Some(region), Some(guard)) = (region.round_up(page_size), guard.round_up(page_size))
    else {
        return None;
    };
    let Some(stride) = region.checked_add(guard) else {
        return None;
    };
    let Some(regions) = stride.checked_mul(slots) else {
        return None;
    };
    match regions.checked_add(guard) {
        Some(bytes) => Some((bytes, stride)),
        None => None,
    }
}

/// `u64::from` for const code.
#[allow(
    clippy::cast_lossless,
    reason = "`From` is not const, and this cast only widens"
)]
pub(crate) const fn wide(number: u32) -> u64 {
    number as u64
}

/// The reservation that a shrunk pool has at least.
pub(crate) const LEAST_RESERVATION: Size = GRAIN;
