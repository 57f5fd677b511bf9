//! Positions: one place that ASLR may have put things, and what lies where in it. The fit asks of all of
//! them; this is for showing one.

use crate::base::size::Size;
use crate::engine::limits::Limits;
use crate::model::group::KINDS;
use crate::model::room::{HOLES, Room};
use crate::resolved::ResolvedProcess;

/// What is free of each hole of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    free: [u64; HOLES],
    count: usize,
    page_size: Size,
    huge_page: Size,
}

/// Bytes that one pool has in each hole: of its memories, its tables and its stacks. The memories are in
/// pieces where they are in several holes, the largest mapped first.
pub type ReservedByHole = [[Size; HOLES]; KINDS];

impl Position {
    /// A position in which all these pools have their place, where there is one: every hole as small as ASLR
    /// makes it, though hardly any process has so little of each, or else the first one only, or else none. And
    /// whether they have.
    #[must_use]
    pub const fn of(case: &ResolvedProcess<'_>, limits: &[Limits]) -> (Self, bool) {
        let least = Self::least(case, false);
        if least.holds(limits) {
            return (least, true);
        }
        let with_knee = Self::least(case, true);
        if with_knee.holds(limits) {
            return (with_knee, true);
        }
        let unmoved = least.unmoved(&case.budget.room);
        if unmoved.holds(limits) {
            return (unmoved, true);
        }
        (with_knee, false)
    }

    /// The position of a process in which ASLR has moved nothing: the first hole has all that the others leave.
    const fn unmoved(mut self, room: &Room) -> Self {
        let mut sum = 0u64;
        let mut hole = 0;
        while hole < self.count {
            sum = sum.saturating_add(self.free[hole]);
            hole += 1;
        }
        self.free[0] = self.free[0].saturating_add(room.total.saturating_sub(sum));
        self
    }

    const fn least(case: &ResolvedProcess<'_>, with_knee: bool) -> Self {
        let room = &case.budget.room;
        let mut free = [0; HOLES];
        let mut hole = 0;
        while hole < room.count {
            free[hole] = room.holes[hole].least;
            if with_knee && hole > 0 && hole + 1 == room.count {
                // Where the first hole is at its least, the last one has what it gives up.
                let gained = room.knee.saturating_sub(room.holes[hole - 1].least);
                free[hole] = free[hole].saturating_add(gained);
            }
            hole += 1;
        }
        Self {
            free,
            count: room.count,
            page_size: case.budget.page_size,
            huge_page: case.budget.huge_page,
        }
    }

    /// Bytes of each hole that are free.
    #[must_use]
    pub const fn free(&self) -> &[u64] {
        self.free.split_at(self.count).0
    }

    const fn holds(mut self, limits: &[Limits]) -> bool {
        let mut i = 0;
        while i < limits.len() {
            let mut pool = 0;
            while pool < limits[i].pools {
                if self.reserve(&limits[i]).is_none() {
                    return false;
                }
                pool += 1;
            }
            i += 1;
        }
        true
    }

    /// Reserves one pool as the kernel and poolcfg-runtime do; `None` if a mapping finds no place.
    pub const fn reserve(&mut self, limits: &Limits) -> Option<ReservedByHole> {
        let Some(mappings) = limits.mappings(self.page_size) else {
            return None;
        };
        let (plain, aligned) = (mappings.group(0), mappings.group(self.huge_page.get()));
        let mut reserved = [[Size::ZERO; HOLES]; KINDS];
        let mut kind = 0;
        while kind < KINDS {
            let size = aligned.sizes[kind];
            let mut hole = 0;
            while hole < self.count && size > self.free[hole] {
                hole += 1;
            }
            if size == 0 {
                // Nothing is mapped.
            } else if hole < self.count {
                self.free[hole] -= size;
                reserved[kind][hole] = Size::bytes(plain.sizes[kind]);
            } else {
                match (aligned.memories(), plain.memories()) {
                    (Some(aligned), Some(plain)) if kind == 0 => {
                        let Some(slots) = aligned.in_holes(&self.free, self.count) else {
                            return None;
                        };
                        let mut hole = 0;
                        while hole < self.count {
                            if slots[hole] > 0 {
                                self.free[hole] -= aligned.bytes(slots[hole]);
                                reserved[0][hole] = Size::bytes(plain.bytes(slots[hole]));
                            }
                            hole += 1;
                        }
                    }
                    _ => return None,
                }
            }
            kind += 1;
        }
        Some(reserved)
    }
}
