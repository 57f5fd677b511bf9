//! The handing out of regions: each region of a mapping once.

use std::mem;
use std::sync::{Arc, Weak};

use poolcfg_core::Size;

use super::mapping::OwnedMapping;
use super::page;
use super::region::{Owned, Reclaim};
use super::region_layout::{RegionLayout, RegionPlace};

/// Hands out the regions of one mapping, each of them once.
#[derive(Debug)]
pub(crate) struct RegionDealer {
    mapping: Arc<OwnedMapping>,
    /// Before the next region.
    before: usize,
    /// Before each other one.
    guard: usize,
    stride: usize,
    max: usize,
    /// Where the next region begins.
    next: usize,
    /// How many regions without bytes are left.
    empty: usize,
}

impl RegionDealer {
    /// Cuts a mapping. What does not lie on pages or overlaps yields no region at all.
    pub(crate) fn new(mapping: OwnedMapping, cut: RegionLayout) -> Self {
        let whole = |size: Size| {
            usize::try_from(size.get())
                .ok()
                .filter(|size| page::is_whole(*size))
        };
        let sizes = [cut.stride, cut.max, cut.guard, cut.before].map(whole);
        let [stride, max, guard, before] = match sizes {
            [Some(stride), Some(max), Some(guard), Some(before)]
                if stride > 0 && max <= stride && guard <= stride - max =>
            {
                [stride, max, guard, before]
            }
            _ => [1, 0, 0, mapping.len()],
        };
        Self {
            mapping: Arc::new(mapping),
            before,
            guard,
            stride,
            // A slice has no more bytes than an isize can say; what is left of the stride is guard.
            max: max.min(page::floor(isize::MAX.unsigned_abs())),
            next: before,
            empty: 0,
        }
    }

    /// Hands out so many regions of no bytes.
    pub(crate) fn empty(count: usize) -> Self {
        Self {
            mapping: Arc::new(OwnedMapping::empty()),
            before: 0,
            guard: 0,
            stride: 1,
            max: 0,
            next: 0,
            empty: count,
        }
    }

    /// The mapping that is cut.
    pub(crate) fn mapping(&self) -> &Arc<OwnedMapping> {
        &self.mapping
    }

    /// The next region, closed; `None` if there is none left. `checked` says that its owners check
    /// every access themselves.
    pub(crate) fn carve(&mut self, checked: bool, pool: &Weak<dyn Reclaim>) -> Option<Owned> {
        if let Some(left) = self.empty.checked_sub(1) {
            self.empty = left;
            let mapping = Arc::clone(&self.mapping);
            return Some(Owned::new(
                mapping,
                RegionPlace::default(),
                checked,
                Weak::clone(pool),
            ));
        }
        let end = self.next.checked_add(self.stride)?;
        if end > self.mapping.len() {
            return None;
        }
        let offset = self.next;
        self.next = end;
        let before = mem::replace(&mut self.before, self.guard);
        // What is left of the stride is the guard behind it.
        self.mapping.begin(offset, offset - before..end);
        let mapping = Arc::clone(&self.mapping);
        let place = RegionPlace {
            offset,
            capacity: self.max,
            guard_before: before,
            guard_after: self.stride - self.max,
        };
        Some(Owned::new(mapping, place, checked, Weak::clone(pool)))
    }
}

impl Drop for RegionDealer {
    fn drop(&mut self) {
        self.mapping.end();
    }
}
