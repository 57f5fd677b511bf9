//! The fence above the heap: one page below the places of pools that are to come, where the heap would grow into them.
//! ```text
//!  heap | room for the heap |fence| ... to come ... | pools | margin | libraries
//! ```
//! The margin lies where the kernel maps next, and a heap grows at the other end of its hole. Without the fence it could
//! take its part of the headroom from a place, and the margin would not make up for it. A C library that is refused more of
//! the heap goes on with mappings, which are in the margin: `sysmalloc` of glibc's malloc/malloc.c, `__expand_heap` of
//! musl's src/malloc/oldmalloc/malloc.c.

use std::ops::Range;

use poolcfg_core::{Limits, Size};

use super::{Margin, Recheck};
use crate::machine::proc;
use crate::recheck::kept::Keeper;
use crate::recheck::order::Order;
use crate::recheck::process_bounds::beside_slots;

/// The part of the headroom that the heap is left at least.
const LEAST_ROOM: u64 = 64;

/// Parts of the headroom that the heap is left below the fence, the largest first. With less, what an allocator maps
/// instead could come while an engine maps, and be larger than what fits into the margin then.
const ROOMS: [(u64, PlanWay); 4] = [
    (1, PlanWay::new(Margin::Whole)),
    (8, PlanWay::new(Margin::Whole)),
    (LEAST_ROOM, PlanWay::new(Margin::Whole)),
    (LEAST_ROOM, PlanWay::new(Margin::Most)),
];

/// What is tried before for engines. An engine that is made without [`Held`](crate::Held) lies where the kernel aligns it. The
/// build counts on that, and on a heap that takes its room from the headroom.
const ALIGNED_ROOMS: [(u64, PlanWay); 4] = [
    (1, PlanWay::aligned(Margin::Whole)),
    (8, PlanWay::aligned(Margin::Whole)),
    (LEAST_ROOM, PlanWay::aligned(Margin::Whole)),
    (LEAST_ROOM, PlanWay::aligned(Margin::BesideHeap)),
];

/// How a plan is made beside the room of the heap.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanWay {
    pub(super) margin: Margin,
    /// Whether it may do without the kernel's alignment.
    pub(super) may_pack: bool,
}

impl PlanWay {
    pub(super) const fn new(margin: Margin) -> Self {
        Self {
            margin,
            may_pack: true,
        }
    }

    const fn aligned(margin: Margin) -> Self {
        Self {
            margin,
            may_pack: false,
        }
    }
}

impl<M: Keeper> Recheck<'_, M> {
    /// Plans with a fence that leaves the heap as much of the headroom as goes beside the whole margin, and otherwise the
    /// least of it beside what goes of the margin. Where no plan goes beside the fence, the heap has to do without.
    pub(super) fn with_fenced_heap<T>(&self, plan: impl Fn(PlanWay) -> Option<T>) -> Option<T> {
        let kept = self.machine.kept();
        if kept.with_heap_fence(|fence| fence.is_some()) {
            if let Some(planned) = plan(PlanWay::new(Margin::Most)) {
                return Some(planned);
            }
            drop(kept.replace_heap_fence(None));
        }
        let maps = self.machine.text("/proc/self/maps").unwrap_or_default();
        let heap = heap_end(proc::maps(&maps)).unwrap_or(u64::MAX);
        let aligned = ALIGNED_ROOMS.into_iter().filter(|_| self.has_engines());
        for (part, way) in aligned.chain(ROOMS) {
            let room = Size::bytes(self.headroom.get() / part).round_down(self.page_size);
            if self.put_heap_fence(heap.saturating_add(room.get())) {
                if let Some(planned) = plan(way) {
                    return Some(planned);
                }
                drop(kept.replace_heap_fence(None));
            }
        }
        plan(PlanWay::new(Margin::Most))
    }

    /// Plans again where the heap has come so near to its fence that it does not hold what a program allocates for an engine
    /// of these limits. An allocator would map instead, 1 MiB at least, and between the pages of a fenced margin there may be
    /// no room for that, but where the engine has its place.
    pub(super) fn widen_heap(&self, order: &Order, limits: &Limits) {
        let kept = self.machine.kept();
        let fence = kept.with_heap_fence(|fence| fence.map(|fence| self.machine.address(fence)));
        let maps = self.machine.text("/proc/self/maps").unwrap_or_default();
        let all: Vec<_> = proc::maps(&maps).collect();
        let heap = heap_end(all.iter().copied());
        let (Some(fence), Some(heap)) = (fence, heap) else {
            return;
        };
        let needed = beside_slots(limits)
            .min(self.least_room())
            .round_down(self.page_size);
        let is_other = fence > heap && room(fence, &all).is_none();
        if is_other || fence.saturating_sub(heap) >= needed.get() / 2 {
            return;
        }
        drop(kept.replace_heap_fence(None));
        if self.put_heap_fence(heap.saturating_add(needed.get())) {
            // Twice the least margin is what the process has not mapped yet of its headroom.
            let left = self.least_margin.get().saturating_mul(2);
            let rest = Size::bytes(left).saturating_sub(needed);
            let floors = [rest, Size::ZERO].into_iter();
            let mut plans =
                floors.filter_map(|least| self.planned_beside(order, limits, Margin::Most, least));
            if let Some(book) = plans.next() {
                kept.write(book);
                return;
            }
            drop(kept.replace_heap_fence(None));
        }
        self.put_heap_fence(fence);
    }

    /// Whether an engine is rechecked or to come.
    fn has_engines(&self) -> bool {
        let order = self.order.iter().map(|pool| &pool.limits);
        let mut all = order.chain([&self.in_force.asked]);
        all.any(|limits| limits.wasmtime.is_some())
    }

    /// The largest margin of a plan.
    pub(super) fn margin_of(&self, margin: Margin) -> Size {
        match margin {
            Margin::Whole | Margin::Most => self.headroom,
            Margin::BesideHeap => self.headroom.saturating_sub(self.least_room()),
        }
    }

    /// What the heap is left at least.
    fn least_room(&self) -> Size {
        Size::bytes(self.headroom.get() / LEAST_ROOM)
    }

    /// Moves the fence to where the places of the book begin now.
    pub(super) fn fence_heap(&self) {
        let kept = self.machine.kept();
        let there = kept.with_heap_fence(|fence| fence.map(|fence| self.addresses_of(fence)));
        let wanted = self.end_of_room(there.as_ref().map(|fence| fence.start));
        let is_there = there.map(|fence| fence.end) == wanted;
        if let Some(end) = wanted.filter(|_| !is_there) {
            self.put_heap_fence(end.saturating_sub(self.page_size.get()));
        }
    }

    /// Whether it is there now.
    fn put_heap_fence(&self, start: u64) -> bool {
        let fence = self.machine.reserve_at(start, self.page_size);
        let is_put = fence.is_ok();
        if let Ok(fence) = fence {
            drop(self.machine.kept().replace_heap_fence(Some(fence)));
        }
        is_put
    }

    /// The first address of the lowest place that the heap can grow into, if it were not for the fence; `None` if there is
    /// no such place.
    fn end_of_room(&self, fence: Option<u64>) -> Option<u64> {
        let book = self.machine.kept().book(&self.promise.process)?;
        let maps = self.machine.text("/proc/self/maps")?;
        let heap = heap_end(proc::maps(&maps))?;
        let above = proc::maps(&maps).map(|map| map.start);
        let above = above.filter(|start| *start >= heap && Some(*start) != fence);
        let next = above.min().unwrap_or(u64::MAX);
        let places = book.lines.iter().flat_map(|line| line.places.iter());
        let starts = places.map(|place| place.start);
        starts.filter(|start| (heap..=next).contains(start)).min()
    }
}

/// What the heap is left below its fence: no place for a pool, since the heap grows into it. `None` if something else lies
/// between the two.
pub(super) fn room(fence: u64, maps: &[proc::Map<'_>]) -> Option<Range<u64>> {
    let heap = heap_end(maps.iter().copied())?;
    let mut starts = maps.iter().map(|map| map.start);
    let is_free = heap < fence && !starts.any(|start| (heap..fence).contains(&start));
    is_free.then_some(heap..fence)
}

/// Where the heap ends.
fn heap_end<'m>(mut maps: impl Iterator<Item = proc::Map<'m>>) -> Option<u64> {
    Some(maps.find(|map| map.name == "[heap]")?.end)
}
