//! Pieces: the memories of a native pool, where no hole holds all of them.
//! ```text
//!  last hole   | guard | slot 0 | ... | slot 41 |        first hole   | guard | slot 42 | ... | slot 60 |
//! ```
//! poolcfg-runtime takes memories in one mapping where that goes, and otherwise as many as go into one
//! mapping, and so on with the rest. The kernel puts a mapping into the first hole that is large enough,
//! so the largest piece fills the hole with room for the most slots, the first searched of several.

use super::room::{Boundary, HOLES};

/// In how many pieces the memories of one pool may lie: those of the holes, and a few more in what other pools of the
/// process have left between them. Each is a mapping, and `vm.max_map_count` bounds those.
pub const PIECES: u64 = 8;

/// In how many more pieces than one so many memories may lie.
pub const fn further_pieces(slots: u64) -> u64 {
    if slots > PIECES {
        PIECES - 1
    } else {
        slots.saturating_sub(1)
    }
}

/// Memories that may lie in pieces of whole slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memories {
    /// How many there are.
    pub slots: u64,
    /// Bytes from one to the next, at least one.
    pub slot: u64,
    /// Bytes that each piece has besides.
    pub guard: u64,
}

impl Memories {
    /// Bytes of a piece of so many; more than can be counted is more than there is.
    pub const fn bytes(&self, slots: u64) -> u64 {
        self.guard.saturating_add(self.slot.saturating_mul(slots))
    }

    /// How many go into one piece of so many bytes.
    pub const fn that_fit(&self, bytes: u64) -> u64 {
        match bytes.checked_sub(self.guard) {
            Some(bytes) => bytes / self.slot,
            None => 0,
        }
    }

    /// How many of the memories go into each of the first `count` of these holes, when it is the next
    /// thing that is mapped; `None` if not all find their place. The largest piece is mapped first.
    pub const fn in_holes(&self, free: &[u64; HOLES], count: usize) -> Option<[u64; HOLES]> {
        let mut slots = [0; HOLES];
        let mut left = self.slots;
        while left > 0 {
            let mut taken = 0;
            let mut into = 0;
            let mut hole = 0;
            while hole < count {
                // What a piece leaves of its hole is too small for one slot.
                let fit = if slots[hole] > 0 {
                    0
                } else {
                    self.that_fit(free[hole])
                };
                let fit = if fit < left { fit } else { left };
                if fit > taken {
                    taken = fit;
                    into = hole;
                }
                hole += 1;
            }
            if taken == 0 {
                return None;
            }
            slots[into] = taken;
            left -= taken;
        }
        Some(slots)
    }
}

/// What is left of two holes, neither of which holds all of the memories anywhere, when they have been
/// mapped in two pieces: for every position one of the answer, and no other. `None` if there is a
/// position where they do not find their place.
pub(crate) const fn in_two(at: Boundary, memories: &Memories) -> Option<([Boundary; 4], usize)> {
    let Memories { slots, slot, guard } = *memories;
    let Boundary { least, most, sum } = at;
    let two = guard.saturating_add(slot);
    if least < two || sum - most < two {
        return None;
    }
    // The slots of both holes are those of one hole of their size, or one less: where what the first has
    // beyond its slots is more than that one hole would have.
    let room = sum - guard - guard;
    let (first, last) = (least - guard, most - guard);
    let rest = room % slot;
    let never_less = rest == slot - 1 || (first / slot == last / slot && last % slot <= rest);
    let all = if never_less {
        room / slot
    } else {
        room / slot - 1
    };
    if slots > all {
        return None;
    }
    let left = room - slots * slot;
    let mut parts = [at; 4];
    let mut count = 0;
    let border = first_has_more(at, memories);
    if border <= most {
        // The first hole is filled up, and the other has what is left.
        let (rests, found) = rests(border - guard, last, slot);
        let mut i = 0;
        while i < found {
            parts[count] = Boundary {
                least: rests[i].0,
                most: rests[i].1,
                sum: left,
            };
            count += 1;
            i += 1;
        }
    }
    if border > least {
        // The other way round.
        let (rests, found) = rests(sum - (border - 1) - guard, sum - least - guard, slot);
        let mut i = 0;
        while i < found {
            parts[count] = Boundary {
                least: left - rests[i].1,
                most: left - rests[i].0,
                sum: left,
            };
            count += 1;
            i += 1;
        }
    }
    Some((parts, count))
}

/// The least size of the first hole at which as many slots go into it as into the other; one more than
/// its most when there is none.
const fn first_has_more(at: Boundary, memories: &Memories) -> u64 {
    let (mut from, mut to) = (at.least, at.most + 1);
    while from < to {
        let middle = from + (to - from) / 2;
        if memories.that_fit(middle) >= memories.that_fit(at.sum - middle) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    from
}

/// What is left when whole slots are taken of every size from `first` to `last`: one or two ranges.
const fn rests(first: u64, last: u64, slot: u64) -> ([(u64, u64); 2], usize) {
    let (from, to) = (first % slot, last % slot);
    match last / slot - first / slot {
        0 => ([(from, to); 2], 1),
        1 if to + 1 < from => ([(from, slot - 1), (0, to)], 2),
        _ => ([(0, slot - 1); 2], 1),
    }
}
