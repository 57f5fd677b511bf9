//! Rooms: what is free of each hole, at every position of the boundaries that ASLR may choose.

use crate::base::consts::{max, min, wider};

/// How many holes a process shape has at most.
pub const HOLES: usize = 3;

/// One hole, at both ends of ASLR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Bytes that are there whatever ASLR does.
    pub least: u64,
    /// Bytes that may be there when ASLR is kind.
    pub most: u64,
}

/// The free holes of a process, in the order in which the kernel looks through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The holes; only the first `count` are there. A mapping that reaches the last of them must
    /// fit it, so of the last one only `least` matters.
    pub holes: [Hole; HOLES],
    /// How many holes there are.
    pub count: usize,
    /// By as many bytes as the hole before the last is smaller than this, the last one is larger
    /// than its `least`: the two share a boundary that ASLR moves.
    pub knee: u64,
    /// Bytes that the process has free in all of its holes together, wherever ASLR puts things. That may be more
    /// than `holes` have, since those leave out what ASLR takes from both. 0 where it is not known.
    pub total: u64,
    /// In how many holes `total` may lie.
    pub parts: usize,
    /// All three holes of a process at every position, before the headroom and anything else is mapped.
    pub three: Three,
}

/// Bounds of three holes, in the order in which the kernel looks through them, and of their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Each of the holes.
    pub holes: [Hole; HOLES],
    /// All together.
    pub sum: Hole,
}

/// Three holes that ASLR moves, before anything is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Three {
    /// Where the program lies below the mmap base, and where it lies above.
    pub spreads: [Spread; 2],
    /// How many of them there are; 0 where nothing is known of three holes.
    pub count: usize,
    /// What the rest of the process maps.
    pub headroom: u64,
    /// What other holes may have together.
    pub small: u64,
    /// What the alignment of one mapping may waste, which its size counts when it is larger than that.
    pub huge_page: u64,
}

impl Three {
    /// Nothing is known of three holes.
    pub const NONE: Self = Self {
        spreads: [Spread {
            holes: [Hole { least: 0, most: 0 }; HOLES],
            sum: Hole { least: 0, most: 0 },
        }; 2],
        count: 0,
        headroom: 0,
        small: 0,
        huge_page: 0,
    };
}

/// Positions of the boundary between two holes: the first one has any size from `least` to `most`, and
/// both together have `sum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Boundary {
    /// The least size of the first hole.
    pub least: u64,
    /// Its most, and `sum` at most.
    pub most: u64,
    /// The size of both.
    pub sum: u64,
}

impl Room {
    /// Bytes that a hole certainly has.
    pub(crate) const fn least(&self, hole: usize) -> u64 {
        if hole + 1 < self.count {
            return self.holes[hole].least;
        }
        // The last hole has its worst where the one before it is largest.
        let gained = if hole == 0 {
            0
        } else {
            self.knee.saturating_sub(self.holes[hole - 1].most)
        };
        self.holes[hole].least.saturating_add(gained)
    }

    /// Bytes that the largest hole certainly has.
    pub(crate) const fn largest(&self) -> u64 {
        let mut largest = 0;
        let mut hole = 0;
        while hole < self.count {
            largest = max(largest, self.least(hole));
            hole += 1;
        }
        largest
    }

    /// In how many holes something may lie.
    pub(crate) const fn most_holes(&self) -> u64 {
        let most = if self.count > self.parts {
            self.count
        } else {
            self.parts
        };
        most as u64
    }

    /// Bytes that all holes certainly have together.
    pub(crate) const fn sum(&self) -> u128 {
        let last = self.count - 1;
        let mut sum = wider(self.holes[last].least);
        let mut hole = 0;
        while hole < last {
            let least = self.holes[hole].least;
            sum += wider(if hole + 1 == last {
                max(least, self.knee)
            } else {
                least
            });
            hole += 1;
        }
        sum
    }

    /// What is left when a hole that certainly has so many bytes has given them.
    pub(crate) const fn less(mut self, hole: usize, bytes: u64) -> Self {
        let last = self.count - 1;
        self.total = self.total.saturating_sub(bytes);
        if hole < last {
            self.holes[hole].least -= bytes;
            self.holes[hole].most -= bytes;
            if hole + 1 == last {
                self.knee = self.knee.saturating_sub(bytes);
            }
            return self;
        }
        let least = self.least(last);
        if last > 0 {
            self.knee = min(self.knee, self.holes[last - 1].most);
        }
        self.holes[last].least = least - bytes;
        self
    }

    /// The positions in which the first of two holes has from `least` to `most` bytes, and both together
    /// have the least that they have there.
    pub(crate) const fn boundary(&self, least: u64, most: u64) -> Boundary {
        let knee = self.knee;
        // Beyond the knee the first hole has more and the last one no less.
        let most = if knee < most { max(least, knee) } else { most };
        Boundary {
            least,
            most,
            sum: self.holes[1].least.saturating_add(max(most, knee)),
        }
    }

    /// Two holes whose boundary has these positions, of a process with so many bytes in so many holes.
    pub(crate) const fn of_boundary(at: Boundary, total: u64, parts: usize) -> Self {
        let Boundary { least, most, sum } = at;
        let last = sum - most;
        let mut room = Self {
            holes: [Hole { least: 0, most: 0 }; HOLES],
            count: 2,
            knee: most,
            total,
            parts,
            three: Three::NONE,
        };
        room.holes[0] = Hole { least, most };
        room.holes[1] = Hole {
            least: last,
            most: last,
        };
        room
    }

    /// The size of each hole, where ASLR does not move them.
    pub(crate) const fn fixed(&self) -> Option<[u64; HOLES]> {
        let mut free = [0; HOLES];
        let mut hole = 0;
        while hole < self.count {
            if hole + 1 < self.count && self.holes[hole].least != self.holes[hole].most {
                return None;
            }
            free[hole] = self.least(hole);
            hole += 1;
        }
        Some(free)
    }
}
