//! Wasmtime's pooling allocator: the three mappings that `Engine::new` makes, in its order.
//! ```text
//!  memories | guard | slot 0 | slot 1 | ... | slot n-1 | rest of a striped slot |
//!  tables   | slot 0 | slot 1 | ...
//!  stacks   | guard page | stack 0 | guard page | stack 1 | ...
//! ```
//! A memory's slot is its reservation and the guard behind it. With memory protection keys, slots of
//! other keys serve as guard, so that they may lie closer: they are striped.
//!
//! Source: crates/wasmtime/src/runtime/vm/instance/allocator/pooling/ of Wasmtime v13.0.0 to v50.0.1:
//! memory_pool.rs (v48: `new` 178, `SlabConstraints` 726, `calculate` 832), table_pool.rs (`new` 31) and
//! unix_stack_pool.rs (`new` 35).

use super::fit::Mappings;
use super::group::KINDS;
use super::room::{max, min};
use super::sum::bookkeeping;

/// The settings of one pooling allocator that decide what it maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooling {
    /// Wasmtime's major version.
    pub major: u64,
    /// `total_memories`
    pub memories: u64,
    /// `total_tables`
    pub tables: u64,
    /// `total_stacks`
    pub stacks: u64,
    /// Heaps that are mapped apart from the memories, one by one when they are first used.
    pub heaps: u64,
    /// `memory_reservation`, in bytes.
    pub reservation: u64,
    /// `max_memory_size`, in bytes.
    pub max_memory_size: u64,
    /// `memory_guard_size`, in bytes.
    pub guard_size: u64,
    /// `guard_before_linear_memory`
    pub guard_before: bool,
    /// How many memory protection keys there are; 0 and 1 stripe nothing.
    pub keys: u64,
    /// Bytes of the elements of one table.
    pub table: u64,
    /// `async_stack_size`, in bytes; 0 is no stack.
    pub stack: u64,
    /// How many such allocators are alive at once.
    pub pools: u64,
}

/// What the allocators map on pages of `page_size` bytes; nothing when a sum is above 2^64 - 1.
pub const fn pooling(pooling: &Pooling, page_size: u64) -> Option<Mappings> {
    let Some((memories, striped, ends)) = memories(pooling, page_size) else {
        return None;
    };
    let tables = match pooling.table.checked_next_multiple_of(page_size) {
        Some(slot) => slot.checked_mul(pooling.tables),
        None => None,
    };
    let stacks = match (
        pooling.stack,
        pooling.stack.checked_next_multiple_of(page_size),
    ) {
        (0, _) => Some(0),
        (_, Some(stack)) => match stack.checked_add(page_size) {
            Some(slot) => slot.checked_mul(pooling.stacks),
            None => None,
        },
        (_, None) => None,
    };
    let (Some(tables), Some(stacks)) = (tables, stacks) else {
        return None;
    };
    let sizes = [memories, tables, stacks];
    let mut total: u64 = 0;
    let mut kind = 0;
    while kind < KINDS {
        total = match total.checked_add(sizes[kind]) {
            Some(total) => total,
            None => return None,
        };
        kind += 1;
    }
    if total.checked_mul(pooling.pools).is_none() {
        return None;
    }
    // Striped slots are told apart by their keys from the start. A slot that has been used is writable,
    // holds the module's image, is writable behind that, and inaccessible to its end: four pieces, which
    // it keeps when it is released (runtime/vm/cow.rs: `MemoryImageSlot`).
    let slots_at_start = if striped { pooling.memories } else { 0 };
    let at_start = if memories == 0 {
        0
    } else {
        slots_at_start + ends
    };
    let at_worst = match pooling.memories.checked_mul(4) {
        Some(slots) if memories > 0 => slots.checked_add(ends),
        Some(_) => Some(0),
        None => None,
    };
    let Some(at_worst) = at_worst else {
        return None;
    };
    let tables_maps = if tables > 0 { 1 } else { 0 };
    // The guard page of each stack splits the mapping.
    let stack_maps = if stacks > 0 { pooling.stacks } else { 0 };
    let Some(stack_maps) = stack_maps.checked_mul(2) else {
        return None;
    };
    let others = match stack_maps.checked_add(tables_maps) {
        Some(others) => others,
        None => return None,
    };
    let at_start = at_start.saturating_add(others);
    let at_worst = at_worst
        .saturating_add(others)
        .saturating_add(pooling.heaps);
    let Some(writable) = writable(pooling, page_size) else {
        return None;
    };
    let charged = if charges_writable(pooling.major) {
        // The memories are mapped inaccessible, and charged for nothing.
        max(tables, stacks)
    } else {
        0
    };
    let slots = max(max(pooling.memories, pooling.tables), pooling.stacks);
    match (
        at_start.checked_mul(pooling.pools),
        at_worst.checked_mul(pooling.pools),
        writable.checked_mul(pooling.pools),
    ) {
        (Some(maps_at_start), Some(maps_at_worst), Some(writable)) => Some(Mappings {
            sizes,
            pools: pooling.pools,
            maps_at_start,
            maps_at_worst,
            writable,
            charged,
            bookkeeping: bookkeeping(slots)
                .saturating_add(pooling.heaps.saturating_mul(HEAP))
                .saturating_mul(pooling.pools),
            // In one piece always.
            slot: 0,
            guard: 0,
        }),
        _ => None,
    }
}

/// Bytes of a heap that is mapped apart, which versions before 33 make when it is first used.
pub(crate) const HEAP: u64 = 512 << 10;

/// Whether tables and stacks are mapped without MAP_NORESERVE, so that the kernel charges them at once.
pub(crate) const fn charges_writable(major: u64) -> bool {
    major < 27
}

/// Bytes that one allocator makes writable when every slot is live and its memory has grown as far as it may.
const fn writable(pooling: &Pooling, page_size: u64) -> Option<u64> {
    let parts = [pooling.max_memory_size, pooling.table, pooling.stack];
    let counts = [pooling.memories, pooling.tables, pooling.stacks];
    let mut writable: u64 = 0;
    let mut kind = 0;
    while kind < KINDS {
        let all = match parts[kind].checked_next_multiple_of(page_size) {
            Some(part) => part.checked_mul(counts[kind]),
            None => None,
        };
        writable = match all {
            Some(all) => match writable.checked_add(all) {
                Some(sum) => sum,
                None => return None,
            },
            None => return None,
        };
        kind += 1;
    }
    Some(writable)
}

/// Bytes of the memory pool, whether its slots are striped, and how many mappings it has besides those of
/// its slots: what is before the first and behind the last, or the whole when no slot is in use.
const fn memories(pooling: &Pooling, page_size: u64) -> Option<(u64, bool, u64)> {
    let (Some(reservation), Some(memory), Some(guard)) = (
        pooling.reservation.checked_next_multiple_of(page_size),
        pooling.max_memory_size.checked_next_multiple_of(page_size),
        pooling.guard_size.checked_next_multiple_of(page_size),
    ) else {
        return None;
    };
    let before = if pooling.guard_before { guard } else { 0 };
    let reach = if reservation > memory {
        reservation
    } else {
        memory
    };
    let Some(unstriped) = reach.checked_add(guard) else {
        return None;
    };
    let count = pooling.memories;
    let striped = guard > 0 && memory > 0 && count > 0 && pooling.keys >= 2 && pooling.major >= 14;
    let stripes = if !striped {
        1
    } else if pooling.major >= 16 {
        min(min(pooling.keys, unstriped.div_ceil(memory)), count)
    } else {
        // pooling/memory_pool.rs, `calculate`, v14.0.0 and v15.0.0.
        min(
            min(pooling.keys, unstriped.div_ceil(memory).saturating_add(1)),
            count,
        )
    };
    let (slot, behind) = if stripes < 2 {
        (unstriped, 0)
    } else if pooling.major >= 16 {
        let share = max(unstriped / stripes, memory);
        match share.checked_next_multiple_of(page_size) {
            Some(slot) => (slot, unstriped.saturating_sub(slot)),
            None => return None,
        }
    } else {
        let others = memory.saturating_mul(stripes - 1);
        let slot = max(unstriped.saturating_sub(others), memory);
        (slot, guard.saturating_sub(slot - memory))
    };
    let slots = match slot.checked_mul(count) {
        Some(slots) => slots.checked_add(before),
        None => None,
    };
    let bytes = match slots {
        Some(slots) => slots.checked_add(behind),
        None => None,
    };
    let ends = if stripes < 2 {
        1
    } else {
        (before > 0) as u64 + (behind > 0) as u64
    };
    match bytes {
        Some(bytes) => Some((bytes, stripes >= 2, ends)),
        None => None,
    }
}
