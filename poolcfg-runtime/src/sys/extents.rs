//! Extents: which bytes of a mapping are in use, and which are to be given back.
//!
//! As long as regions are cut from a mapping it stays whole: what a region leaves is the guard of its neighbours.
//! When the cutting has ended, only what regions use stays, each with the guards on both sides:
//! ```text
//!  | guard | region | guard | region | guard | region | guard | region | guard |
//!          given back       |-- in use --------|      given back
//! ```
//! Two regions side by side share the guard between them, which stays until both are gone.

use std::collections::BTreeMap;
use std::ops::Range;

/// What is known of the bytes of one mapping, in offsets.
#[derive(Debug)]
pub(super) struct Extents {
    len: usize,
    /// By the start of each region: its bytes with the guards.
    used: BTreeMap<usize, Range<usize>>,
    /// Where a call failed in a way that may have given pages back to the system. Somebody else's
    /// mapping may lie there by now, so these bytes are never touched nor released any more.
    torn: Vec<Range<usize>>,
    /// What the system did not take back.
    left: Vec<Range<usize>>,
    /// Whether no more regions are cut.
    ended: bool,
}

impl Extents {
    /// Of a mapping of which nothing is in use.
    pub(super) const fn new(len: usize) -> Self {
        Self {
            len,
            used: BTreeMap::new(),
            torn: Vec::new(),
            left: Vec::new(),
            ended: false,
        }
    }

    /// A region begins at `start` and needs these bytes, which include its guards.
    pub(super) fn begin(&mut self, start: usize, bytes: Range<usize>) {
        self.used.insert(start, bytes);
    }

    /// The region at `start` is gone. Gives what nobody uses any more, to be given back.
    pub(super) fn leave(&mut self, start: usize) -> Vec<Range<usize>> {
        let Some(bytes) = self.used.remove(&start).filter(|_| self.ended) else {
            return Vec::new();
        };
        let before = self.used.range(..start).next_back();
        let after = self.used.range(start..).next();
        let from = before.map_or(bytes.start, |(_, before)| before.end.max(bytes.start));
        let to = after.map_or(bytes.end, |(_, after)| after.start.min(bytes.end));
        self.whole_parts(from..to)
    }

    /// No more regions are cut. Gives what nobody uses, to be given back.
    pub(super) fn end(&mut self) -> Vec<Range<usize>> {
        if self.ended {
            return Vec::new();
        }
        self.ended = true;
        let mut from = 0;
        let mut unused = Vec::new();
        for bytes in self.used.values() {
            unused.push(from..bytes.start);
            from = from.max(bytes.end);
        }
        unused.push(from..self.len);
        unused
            .into_iter()
            .flat_map(|bytes| self.whole_parts(bytes))
            .collect()
    }

    /// From now on these bytes are not given back.
    pub(super) fn tear(&mut self, bytes: Range<usize>) {
        self.torn.push(bytes);
        self.torn.sort_unstable_by_key(|bytes| bytes.start);
    }

    /// The system did not take these bytes back.
    pub(super) fn leave_behind(&mut self, bytes: Range<usize>) {
        self.left.push(bytes);
    }

    /// What is still there when all regions are gone, to be given back.
    pub(super) fn rest(&mut self) -> Vec<Range<usize>> {
        let mut rest = self.end();
        rest.append(&mut self.left);
        rest
    }

    /// What is in use, or would be as long as regions are cut.
    pub(super) fn used(&self) -> Vec<Range<usize>> {
        if !self.ended {
            return std::iter::once(0..self.len).collect();
        }
        let mut used: Vec<Range<usize>> = Vec::new();
        for bytes in self.used.values() {
            match used.last_mut() {
                Some(last) if bytes.start <= last.end => last.end = last.end.max(bytes.end),
                _ => used.push(bytes.clone()),
            }
        }
        used
    }

    /// The parts of these bytes that are not torn.
    fn whole_parts(&self, bytes: Range<usize>) -> Vec<Range<usize>> {
        let mut from = bytes.start;
        let mut parts = Vec::new();
        for torn in &self.torn {
            parts.push(from..torn.start.min(bytes.end));
            from = from.max(torn.end);
        }
        parts.push(from..bytes.end);
        parts.retain(|part| part.start < part.end);
        parts
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Ten regions of 3 bytes, with guards of 1.
    const LEN: usize = 41;

    fn pairs(parts: Vec<Range<usize>>) -> Vec<(usize, usize)> {
        parts
            .into_iter()
            .map(|part| (part.start, part.end))
            .collect()
    }

    fn begin(extents: &mut Extents, number: usize) {
        let start = 1 + 4 * number;
        extents.begin(start, start - 1..start + 4);
    }

    #[test]
    fn nothing_is_given_back_while_regions_are_cut_and_then_all_but_those_in_use() {
        let mut extents = Extents::new(LEN);
        for number in 0..8 {
            begin(&mut extents, number);
        }
        for number in [0, 1, 4, 7] {
            assert!(extents.leave(1 + 4 * number).is_empty());
        }
        assert_eq!(pairs(extents.used()), [(0, LEN)]);
        // 2 and 3 lie side by side, and so do 5 and 6.
        assert_eq!(extents.used.len(), 4);
        assert_eq!(pairs(extents.end()), [(0, 8), (17, 20), (29, LEN)]);
        assert_eq!(pairs(extents.used()), [(8, 17), (20, 29)]);
        // The guard between the two stays, and goes with the second.
        assert_eq!(pairs(extents.leave(1 + 4 * 2)), [(8, 12)]);
        assert_eq!(pairs(extents.leave(1 + 4 * 6)), [(25, 29)]);
        assert_eq!(pairs(extents.leave(1 + 4 * 3)), [(12, 17)]);
        assert_eq!(pairs(extents.leave(1 + 4 * 5)), [(20, 25)]);
        assert!(extents.used().is_empty() && extents.rest().is_empty());
    }

    #[test]
    fn what_is_torn_is_never_given_back_and_what_was_left_behind_is_once_more() {
        let mut extents = Extents::new(LEN);
        begin(&mut extents, 1);
        begin(&mut extents, 2);
        extents.tear(10..12);
        extents.tear(5..7);
        assert!(extents.leave(5).is_empty());
        assert_eq!(pairs(extents.end()), [(0, 5), (7, 8), (13, LEN)]);
        extents.leave_behind(13..LEN);
        assert_eq!(pairs(extents.leave(9)), [(8, 10), (12, 13)]);
        assert_eq!(pairs(extents.rest()), [(13, LEN)]);
        assert!(extents.rest().is_empty());
    }

    /// Each byte is given back once, and none that a region uses, in every order of ends.
    #[test]
    fn every_byte_is_given_back_once_in_any_order() {
        let numbers = [0usize, 1, 2, 5, 8, 9];
        for seed in 0..200usize {
            let mut extents = Extents::new(LEN);
            numbers
                .iter()
                .for_each(|number| begin(&mut extents, *number));
            let mut order: Vec<_> = numbers.to_vec();
            for place in (1..order.len()).rev() {
                order.swap(place, (seed * 31 + place * 7 + seed / 5) % (place + 1));
            }
            let ends_after = seed % (order.len() + 1);
            let mut given = BTreeSet::new();
            let mut give = |extents: &Extents, parts: Vec<Range<usize>>| {
                for byte in parts.into_iter().flatten() {
                    assert!(given.insert(byte), "{byte} twice");
                    let in_use = extents.used.values().any(|bytes| bytes.contains(&byte));
                    assert!(!in_use, "{byte} is in use");
                }
            };
            for (place, number) in order.iter().enumerate() {
                if place == ends_after {
                    let parts = extents.end();
                    give(&extents, parts);
                }
                let parts = extents.leave(1 + 4 * number);
                give(&extents, parts);
            }
            let parts = extents.rest();
            give(&extents, parts);
            assert_eq!(given.len(), LEN);
        }
    }
}
