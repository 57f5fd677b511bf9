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
use super::slab::SlotLayout;
use super::sum::bookkeeping;
use crate::base::consts::{max, min, narrow, pages, wider};

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
    /// Whether there may be fewer keys, or none: bytes are those without keys, which are never fewer, and mappings those
    /// with them.
    pub keys_auto: bool,
    /// Bytes of the elements of one table.
    pub table: u64,
    /// `async_stack_size`, in bytes; 0 is no stack.
    pub stack: u64,
    /// How many such allocators are alive at once.
    pub pools: u64,
}

impl Pooling {
    /// How the slots of one kind lie on pages of `page_size` bytes, where no protection keys stripe them; `None` if a sum
    /// is above 2^64 - 1.
    pub const fn layout(&self, kind: usize, page_size: u64) -> Option<SlotLayout> {
        let memory = max(self.reservation, self.max_memory_size);
        let bytes = [memory, self.table, self.stack][kind];
        let guard = match kind {
            0 => pages(self.guard_size, page_size),
            // Below each stack.
            2 if bytes > 0 => wider(page_size),
            _ => 0,
        };
        let stride = pages(bytes, page_size).saturating_add(guard);
        match (narrow(guard), narrow(stride)) {
            (Some(guard), Some(stride)) => Some(SlotLayout {
                before: if kind == 0 && self.guard_before {
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

/// What the allocators map on pages of `page_size` bytes; `None` if a sum is above 2^64 - 1.
pub const fn pooling(pooling: &Pooling, page_size: u64) -> Option<Mappings> {
    let counts = [pooling.memories, pooling.tables, pooling.stacks];
    let Some((memories, maps_at_start, maps_at_worst)) = memories(pooling, page_size) else {
        return None;
    };
    let (Some(table), Some(stack)) = (pooling.layout(1, page_size), pooling.layout(2, page_size))
    else {
        return None;
    };
    let (Some(tables), Some(stacks)) = (
        table.stride.checked_mul(counts[1]),
        stack.stride.checked_mul(counts[2]),
    ) else {
        return None;
    };
    let total = wider(memories) + wider(tables) + wider(stacks);
    // It splits the mapping.
    let stack_maps = if stacks > 0 { wider(counts[2]) * 2 } else { 0 };
    let others = stack_maps + (tables > 0) as u128;
    let opened = [pooling.max_memory_size, pooling.table, pooling.stack];
    let mut writable = 0u128;
    let mut kind = 0;
    while kind < KINDS {
        let all = pages(opened[kind], page_size).saturating_mul(wider(counts[kind]));
        writable = writable.saturating_add(all);
        kind += 1;
    }
    let pools = wider(pooling.pools);
    match (
        narrow(total.saturating_mul(pools)),
        narrow((maps_at_start + others).saturating_mul(pools)),
        narrow((maps_at_worst + others + wider(pooling.heaps)).saturating_mul(pools)),
        narrow(writable.saturating_mul(pools)),
    ) {
        (Some(_), Some(maps_at_start), Some(maps_at_worst), Some(writable)) => Some(Mappings {
            sizes: [memories, tables, stacks],
            pools: pooling.pools,
            maps_at_start,
            maps_at_worst,
            writable,
            // The memories are mapped inaccessible, and charged for nothing.
            charged: if charges_writable(pooling.major) {
                max(tables, stacks)
            } else {
                0
            },
            bookkeeping: bookkeeping(max(max(counts[0], counts[1]), counts[2]))
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

/// Bytes of the memory pool, and its VMAs when it has just been made and when every slot is in use; `None` if a sum is
/// above 2^64 - 1.
const fn memories(pooling: &Pooling, page_size: u64) -> Option<(u64, u128, u128)> {
    let Some(memory) = narrow(pages(pooling.max_memory_size, page_size)) else {
        return None;
    };
    let Some(layout) = pooling.layout(0, page_size) else {
        return None;
    };
    let SlotLayout {
        before,
        guard,
        stride: unstriped,
    } = layout;
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
    let (slot, behind) = if stripes < 2 || pooling.keys_auto {
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
    let all = wider(slot) * wider(count) + wider(before) + wider(behind);
    let bytes = match narrow(all) {
        Some(0) => return Some((0, 0, 0)),
        Some(bytes) => bytes,
        None => return None,
    };
    // What is before the first slot and behind the last, or the whole when no slot is in use.
    let ends = if stripes < 2 {
        1
    } else {
        (before > 0) as u128 + (behind > 0 || pooling.keys_auto) as u128
    };
    // Striped slots are told apart by their keys from the start. A slot that has been used is writable,
    // holds the module's image, is writable behind that, and inaccessible to its end: four pieces, which
    // it keeps when it is released (runtime/vm/cow.rs: `MemoryImageSlot`).
    let at_start = if stripes < 2 { 0 } else { wider(count) };
    Some((bytes, at_start + ends, wider(count) * 4 + ends))
}
