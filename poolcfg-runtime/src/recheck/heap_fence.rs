//! The fence above the heap: one page below the places of pools that are to come, where the heap would grow into them.
//! ```text
//!  heap | room for the heap |fence| ... to come ... | pools | margin | libraries
//! ```
//! The margin lies where the kernel maps next, and a heap grows at the other end of its hole. Without the fence it could
//! take its part of the headroom from a place, and the margin would not make up for it. A C library that is refused more of
//! the heap goes on with mappings, which are in the margin: `sysmalloc` of glibc's malloc/malloc.c, `__expand_heap` of
//! musl's src/malloc/oldmalloc/malloc.c.

use super::Recheck;
use crate::machine::proc;
use crate::recheck::kept::Keeper;

impl<M: Keeper> Recheck<'_, M> {
    /// Plans with a fence, right behind the heap where there is none yet: the kernel may find an engine's place there, from
    /// the bottom up. Where no plan goes beside it, the heap has to do without.
    pub(super) fn with_fenced_heap<T>(&self, plan: impl Fn() -> Option<T>) -> Option<T> {
        let kept = self.machine.kept();
        if kept.with_heap_fence(|fence| fence.is_none()) {
            let maps = self.machine.text("/proc/self/maps");
            if let Some(heap) = maps.and_then(|maps| heap_end(&maps)) {
                self.put_heap_fence(heap);
            }
        }
        plan().or_else(|| {
            let had_one = kept.replace_heap_fence(None).is_some();
            had_one.then(plan)?
        })
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

    fn put_heap_fence(&self, start: u64) {
        if let Ok(fence) = self.machine.reserve_at(start, self.page_size) {
            drop(self.machine.kept().replace_heap_fence(Some(fence)));
        }
    }

    /// The first address of the lowest place that the heap can grow into, if it were not for the fence; `None` if there is
    /// no such place.
    fn end_of_room(&self, fence: Option<u64>) -> Option<u64> {
        let book = self.machine.kept().book(&self.promise.process)?;
        let maps = self.machine.text("/proc/self/maps")?;
        let heap = heap_end(&maps)?;
        let above = proc::maps(&maps).map(|map| map.start);
        let above = above.filter(|start| *start >= heap && Some(*start) != fence);
        let next = above.min().unwrap_or(u64::MAX);
        let places = book.lines.iter().flat_map(|line| line.places.iter());
        let starts = places.map(|place| place.start);
        starts.filter(|start| (heap..=next).contains(start)).min()
    }
}

/// Where the heap ends.
fn heap_end(maps: &str) -> Option<u64> {
    let heap = proc::maps(maps).find(|map| map.name == "[heap]");
    heap.map(|map| map.end)
}
