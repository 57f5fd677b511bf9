//! Where the places of a plan are put in the end: at the low ends of their holes, which the kernel fills last. So what
//! nobody needs lies beside the margin, and the process may map more than its headroom before it comes to a place; and what
//! a pool leaves when it ends is not taken at once.

use std::ops::Range;

use poolcfg_core::Size;

use super::Recheck;
use crate::recheck::book::Book;
use crate::recheck::kept::Keeper;
use crate::recheck::placer::grain;

/// The places in one hole.
struct HolePlaces<'a> {
    free: Range<u64>,
    /// What native pools have, the pool's own first.
    native: Vec<&'a mut Range<u64>>,
    /// What does not move: the margin, and what engines have, since the kernel has to find it again.
    fixed: Vec<Range<u64>>,
}

impl<M: Keeper> Recheck<'_, M> {
    /// Moves the places of native pools that were found from the top down; nothing of the plan is reserved meanwhile.
    /// A heap is left as much of the headroom as goes.
    pub(super) fn settle(&self, mut book: Book) -> Book {
        let maps = self.machine.text("/proc/self/maps").unwrap_or_default();
        if maps.is_empty() {
            return book;
        }
        let mut holes: Vec<HolePlaces<'_>> = Vec::new();
        for line in &mut book.lines {
            let moves = line.limits.wasmtime.is_none();
            for place in line.places.iter_mut() {
                if !self.allowed.is_below_the_base(place.end) {
                    continue;
                }
                let Some(free) = self.free(&maps, place, Size::ZERO) else {
                    continue;
                };
                let at = holes.iter().position(|hole| hole.free == free);
                let at = at.unwrap_or_else(|| {
                    holes.push(HolePlaces {
                        free,
                        native: Vec::new(),
                        fixed: Vec::new(),
                    });
                    holes.len() - 1
                });
                if moves {
                    holes[at].native.push(place);
                } else {
                    holes[at].fixed.push(place.clone());
                }
            }
        }
        for mut hole in holes {
            let lies_in =
                |part: &&Range<u64>| hole.free.start <= part.start && part.end <= hole.free.end;
            hole.fixed
                .extend(book.margin.iter().filter(lies_in).cloned());
            self.lower(&maps, hole);
        }
        book
    }

    /// What is free around a place.
    fn free(&self, maps: &str, place: &Range<u64>, heap: Size) -> Option<Range<u64>> {
        let bytes = Size::bytes(place.end - place.start);
        self.allowed.around(maps, place.start, bytes, heap)
    }

    fn lower(&self, maps: &str, mut hole: HolePlaces<'_>) {
        let Some(first) = hole.native.first() else {
            return;
        };
        let first = Range::clone(first);
        hole.fixed.sort_by_key(|place| place.start);
        // The pool's own comes lowest where that goes.
        hole.native[1..].sort_by_key(|place| place.start);
        for part in [1, 2, 4, 8] {
            let heap = Size::bytes(self.headroom.get() / part);
            let Some(free) = self.free(maps, &first, heap) else {
                continue;
            };
            let ends = hole
                .fixed
                .iter()
                .map(|place| place.start)
                .chain([hole.free.end]);
            let starts = hole.fixed.iter().map(|place| place.end);
            let starts = [free.start].into_iter().chain(starts);
            let mut parts: Vec<_> = starts.zip(ends).collect();
            let moved = hole.native.iter().map(|place| {
                let grain = grain(place.start, self.page_size).get();
                parts.iter_mut().find_map(|(next, end)| {
                    let start = next.checked_next_multiple_of(grain)?;
                    let moved = start..start.checked_add(place.end - place.start)?;
                    (moved.end <= *end).then(|| {
                        *next = moved.end;
                        moved
                    })
                })
            });
            if let Some(moved) = moved.collect::<Option<Vec<_>>>() {
                for (place, to) in hole.native.iter_mut().zip(moved) {
                    **place = to;
                }
                return;
            }
        }
    }
}
