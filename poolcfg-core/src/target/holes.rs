//! Holes: what a process has free in its window, and what the headroom takes of them.

use crate::base::consts::max;
use crate::model::room::{HOLES, Hole, Room, Three};

/// The addresses of a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first address of the hole.
    pub bottom: u64,
    /// The first address above it.
    pub top: u64,
}

/// The holes of a process, as they are found.
#[derive(Clone, Copy)]
pub(crate) struct Holes {
    pub(crate) room: Room,
    pub(crate) spans: [Option<Span>; HOLES],
    /// Which holes are filled from their lower end up.
    upward: [bool; HOLES],
    /// The program and its heap lie at the lower end of the last hole, and not of the first.
    program_is_last: bool,
}

impl Holes {
    pub(crate) const NONE: Self = Self {
        room: Room {
            holes: [Hole { least: 0, most: 0 }; HOLES],
            count: 0,
            knee: 0,
            total: 0,
            parts: 0,
            three: Three::NONE,
        },
        spans: [None; HOLES],
        upward: [false; HOLES],
        program_is_last: false,
    };

    /// The next hole of the search: between these addresses at the least, and of `most` bytes where
    /// ASLR is kind.
    pub(super) const fn then(self, bottom: u64, top: u64, most: u64) -> Self {
        let least = top.saturating_sub(bottom);
        let span = Span { bottom, top };
        self.push(least, most, if least > 0 { Some(span) } else { None })
    }

    /// The last hole of the search; what it has beyond its least follows from the knee.
    pub(super) const fn last(self, bottom: u64, top: u64) -> Self {
        self.then(bottom, top, 0)
    }

    /// The hole found last is filled from its lower end up.
    pub(super) const fn upward(mut self) -> Self {
        self.upward[self.room.count - 1] = true;
        self
    }

    /// The next hole of a search whose addresses are not known.
    pub(crate) const fn unplaced(self, least: u64) -> Self {
        self.push(least, least, None)
    }

    const fn push(mut self, least: u64, most: u64, span: Option<Span>) -> Self {
        let index = self.room.count;
        self.room.holes[index] = Hole {
            least,
            most: max(least, most),
        };
        self.spans[index] = span;
        self.room.count = index + 1;
        self
    }

    /// The holes less `bytes` of what is not a pool: the program with its heap, where they lie, and small mappings,
    /// with which the kernel fills the first hole, and what that does not have the next one. Of two holes that share a
    /// boundary, so much is missing wherever ASLR puts it: what the first lacks there, the last one has to give.
    ///
    /// A program in the last hole is a boundary of its own: how much of `bytes` is its size, and not that of small
    /// mappings, is not known, so that either hole may miss all of it, and both together miss it once.
    pub(crate) const fn charge(mut self, bytes: u64) -> Self {
        self.room.total = self.room.total.saturating_sub(bytes);
        self.room.three.headroom = bytes;
        // What of it is given back may leave small holes, too.
        self.room.three.small = self.room.three.small.saturating_add(bytes);
        let count = self.room.count;
        let mut left = bytes;
        let mut i = 0;
        while i < count {
            let hole = self.room.holes[i];
            let shared = i + 2 == count && self.room.knee > 0;
            if self.program_is_last && i + 1 == count {
                left = bytes;
                // What the last hole does not have, the boundary gives.
                self.room.knee = self
                    .room
                    .knee
                    .saturating_sub(bytes.saturating_sub(hole.least));
            }
            self.room.holes[i] = Hole {
                least: hole.least.saturating_sub(left),
                most: if self.program_is_last {
                    hole.most
                } else {
                    hole.most.saturating_sub(left)
                },
            };
            self.spans[i] = match self.spans[i] {
                Some(span) if self.room.holes[i].least > 0 => Some(if self.upward[i] {
                    Span {
                        bottom: span.bottom + left,
                        top: span.top,
                    }
                } else {
                    Span {
                        bottom: span.bottom,
                        top: span.top - left,
                    }
                }),
                _ => None,
            };
            left = if shared && !self.program_is_last {
                let knee = self.room.knee;
                self.room.knee = knee.saturating_sub(left);
                left.saturating_sub(knee)
            } else {
                left.saturating_sub(hole.least)
            };
            i += 1;
        }
        self
    }

    /// The program and its heap lie at the lower end of the last hole.
    pub(super) const fn with_program(mut self) -> Self {
        self.program_is_last = true;
        self
    }

    /// What all holes have together, in `parts` of them at most: see [`Room::total`].
    pub(super) const fn with_total(mut self, total: u64, parts: usize) -> Self {
        if total > 0 {
            self.room.total = total;
            self.room.parts = parts;
        }
        self
    }

    /// All three of them at every position.
    pub(super) const fn with_three(mut self, three: Three) -> Self {
        self.room.three = three;
        self
    }

    /// The last two holes share a boundary: see [`Room::knee`].
    pub(super) const fn with_knee(mut self, knee: u64) -> Self {
        self.room.knee = knee;
        self
    }
}
