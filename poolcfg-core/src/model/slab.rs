//! Slabs: the mappings of the native engine, three for each pool, each `g + n x (ru(x) + g)` bytes.
//! ```text
//!  | guard | slot 0 ... | guard | slot 1 ... | guard | ... | slot n-1 ... | guard |
//! ```
//! For memories the guard is `guard_size`, for tables and stacks one page; the guard before slot 0 of the memories is left
//! out where `guard_before` is false. All of a slab is mapped
//! PROT_NONE at first; a live slot opens its used part.

use super::fit::Mappings;
use super::group::KINDS;
use super::pieces::further_pieces;
use super::sum::bookkeeping;
use crate::base::consts::{narrow, pages, wider};

/// The numbers of a native pool that decide what it maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// How many slots one pool has.
    pub count: u64,
    /// Bytes of one memory, of one table and of one stack; 0 if there are none.
    pub regions: [u64; KINDS],
    /// How far one memory may grow, in bytes.
    pub max_memory_size: u64,
    /// Bytes of the guard around each memory.
    pub guard_size: u64,
    /// Whether the first memory of each piece has a guard before it, too.
    pub guard_before: bool,
    /// How many such pools are alive at once.
    pub pools: u64,
}

/// Bytes of the guard around each region of one kind, and from the start of one region to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotLayout {
    /// The guard before the first region; nothing where there is none.
    pub before: u64,
    /// The guard behind each region.
    pub guard: u64,
    /// A region and the guard behind it.
    pub stride: u64,
}

impl Slots {
    /// How regions of one kind lie on pages of `page_size` bytes; `None` if a sum is above 2^64 - 1.
    pub const fn layout(&self, kind: usize, page_size: u64) -> Option<SlotLayout> {
        let guards = [self.guard_size, page_size, page_size];
        let guard = pages(guards[kind], page_size);
        let stride = pages(self.regions[kind], page_size).saturating_add(guard);
        match (narrow(guard), narrow(stride)) {
            (Some(guard), Some(stride)) => Some(SlotLayout {
                before: if kind > 0 || self.guard_before {
                    guard
                } else {
                    0
                },
                guard,
                stride,
            }),
            _ => None,
        }
    }
}

/// What the pools map on pages of `page_size` bytes; `None` if a sum is above 2^64 - 1.
pub const fn slabs(slots: &Slots, page_size: u64) -> Option<Mappings> {
    let (count, pools) = (wider(slots.count), wider(slots.pools));
    // What of a region is ever opened: a memory may stay below its reservation.
    let [_, table, stack] = slots.regions;
    let opened = [slots.max_memory_size, table, stack];
    let mut sizes = [0; KINDS];
    let (mut total, mut writable, mut at_start, mut at_worst) = (0, 0u128, 0, 0u128);
    // Memories may be cut between two slots: each piece begins with a guard.
    let (mut slot, mut guard) = (0, 0);
    let mut kind = 0;
    while kind < KINDS {
        if slots.regions[kind] > 0 {
            let Some(layout) = slots.layout(kind, page_size) else {
                return None;
            };
            let regions = wider(layout.stride).saturating_mul(count);
            let bytes = regions.saturating_add(wider(layout.before));
            let Some(size) = narrow(bytes) else {
                return None;
            };
            sizes[kind] = size;
            if kind == 0 {
                (slot, guard) = (layout.stride, layout.before);
                at_worst += wider(further_pieces(slots.count));
            }
            total += bytes;
            writable =
                writable.saturating_add(pages(opened[kind], page_size).saturating_mul(count));
            at_start += 1;
            at_worst = at_worst.saturating_add(count * maps_of(kind) + 1);
        }
        kind += 1;
    }
    match (
        narrow(total.saturating_mul(pools)),
        narrow(pools * at_start),
        narrow(at_worst.saturating_mul(pools)),
        narrow(writable.saturating_mul(pools)),
    ) {
        (Some(_), Some(maps_at_start), Some(maps_at_worst), Some(writable)) => Some(Mappings {
            sizes,
            pools: slots.pools,
            maps_at_start,
            maps_at_worst,
            writable,
            charged: 0,
            bookkeeping: bookkeeping(slots.count).saturating_mul(slots.pools),
            slot,
            guard,
        }),
        _ => None,
    }
}

/// VMAs of one live region and of what lies between it and the next, at worst. A table or a stack is
/// opened whole: one writable piece and the guard. A memory grows: when its neighbour has been released
/// meanwhile, what it grows into carries the neighbour's anon_vma, and the kernel never merges pieces of
/// different anon_vmas again (mm/vma.c, is_mergeable_anon_vma; measured on 6.18). So it may be writable in
/// two pieces.
const fn maps_of(kind: usize) -> u128 {
    if kind == 0 { 3 } else { 2 }
}
