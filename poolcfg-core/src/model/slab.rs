//! Slabs: the mappings of the native engine, three for each pool, each `g + n x (ru(x) + g)` bytes.
//! ```text
//!  | guard | slot 0 ... | guard | slot 1 ... | guard | ... | slot n-1 ... | guard |
//! ```
//! For memories the guard is `guard_size`, for tables and stacks one page; the guard before slot 0 of the memories is left
//! out where `guard_before` is false. All of a slab is mapped
//! PROT_NONE at first; a live slot opens its used part.

use super::fit::Mappings;
use super::pieces::further_pieces;
use super::place::KINDS;
use super::sum::bookkeeping;

/// The numbers of a native pool that decide what it maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// How many slots one pool has.
    pub count: u64,
    /// Bytes of one memory, of one table and of one stack; 0 is none.
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

/// What the pools map on pages of `page_size` bytes; nothing when a sum is above 2^64 - 1.
pub const fn slabs(slots: &Slots, page_size: u64) -> Option<Mappings> {
    let guards = [slots.guard_size, page_size, page_size];
    let before = if slots.guard_before {
        guards
    } else {
        [0, page_size, page_size]
    };
    let mut sizes = [0; KINDS];
    // What of a region is ever opened: a memory may stay below its reservation.
    let [_, table, stack] = slots.regions;
    let opened = [slots.max_memory_size, table, stack];
    let mut total: u64 = 0;
    let mut writable: u64 = 0;
    let mut at_start: u64 = 0;
    let mut at_worst: u64 = 0;
    // Memories may be cut between two slots: each piece begins with a guard.
    let (mut slot, mut guard) = (0, 0);
    let mut kind = 0;
    while kind < KINDS {
        if slots.regions[kind] > 0 {
            let Some(stride) = stride(slots.regions[kind], guards[kind], page_size) else {
                return None;
            };
            let Some(bytes) = slab(slots.count, stride, before[kind], page_size) else {
                return None;
            };
            let Some(maps) = slots.count.checked_mul(maps_of(kind)) else {
                return None;
            };
            sizes[kind] = bytes;
            if kind == 0 {
                slot = stride;
                guard = bytes - stride * slots.count;
            }
            total = match total.checked_add(bytes) {
                Some(total) => total,
                None => return None,
            };
            let open = match opened[kind].checked_next_multiple_of(page_size) {
                Some(open) => open.checked_mul(slots.count),
                None => None,
            };
            writable = match open {
                Some(open) => writable.saturating_add(open),
                None => return None,
            };
            at_start += 1;
            at_worst = match at_worst.checked_add(maps) {
                Some(maps) => maps.saturating_add(1),
                None => return None,
            };
            if kind == 0 {
                at_worst = at_worst.saturating_add(further_pieces(slots.count));
            }
        }
        kind += 1;
    }
    if total.checked_mul(slots.pools).is_none() {
        return None;
    }
    match (
        at_start.checked_mul(slots.pools),
        at_worst.checked_mul(slots.pools),
        writable.checked_mul(slots.pools),
    ) {
        (Some(maps_at_start), Some(maps_at_worst), Some(writable)) => Some(Mappings {
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
const fn maps_of(kind: usize) -> u64 {
    if kind == 0 { 3 } else { 2 }
}

/// Bytes from the start of one region to the start of the next.
const fn stride(region: u64, guard: u64, page_size: u64) -> Option<u64> {
    match (
        region.checked_next_multiple_of(page_size),
        guard.checked_next_multiple_of(page_size),
    ) {
        (Some(region), Some(guard)) => region.checked_add(guard),
        _ => None,
    }
}

/// Bytes of the slab of `count` regions, with a guard before the first one, too.
const fn slab(count: u64, stride: u64, before: u64, page_size: u64) -> Option<u64> {
    match (
        stride.checked_mul(count),
        before.checked_next_multiple_of(page_size),
    ) {
        (Some(regions), Some(before)) => regions.checked_add(before),
        _ => None,
    }
}
