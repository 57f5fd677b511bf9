//! Fit: whether the mappings of all pools find a place, and what all of them take stays within the limits of the
//! process.

use super::group::{Group, KINDS};
use super::pieces::further_pieces;
use super::place::{Placement, place};
use super::room::{HOLES, Room};
use super::sum::{Demand, Exceeded};
use crate::base::consts::min;

/// How many named pools one file may have.
pub const MAX_POOLS: usize = 16;

/// What equal pools map, in the order in which they map it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mappings {
    /// Bytes of each mapping of one pool; 0 if there are none.
    pub sizes: [u64; KINDS],
    /// How many such pools are alive at once.
    pub pools: u64,
    /// VMAs of all of them right after they are made.
    pub maps_at_start: u64,
    /// VMAs of all of them when every slot is in use, with their memories in as many pieces as there may be.
    pub maps_at_worst: u64,
    /// Bytes that all of them make writable when every slot is in use and its memory has grown as far as it may.
    pub writable: u64,
    /// Bytes of the largest mapping that is charged when it is made; 0 where none is.
    pub charged: u64,
    /// Bytes that the process writes beside their slots in order to use them all.
    pub bookkeeping: u64,
    /// Bytes from one memory to the next, where the first mapping may be cut between them; 0 where it lies in
    /// one piece always.
    pub slot: u64,
    /// Bytes that each piece has besides its memories.
    pub guard: u64,
}

/// The answer for all pools of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every mapping has its place, wherever ASLR puts things, and they are few enough.
    Fits,
    /// A mapping finds no hole.
    Hole {
        /// The pool whose mapping it is.
        pool: usize,
        /// Which mapping of the pool.
        kind: usize,
        /// Bytes that are free of each hole at that moment, at the least.
        free: [u64; HOLES],
    },
    /// All together take more of a limit than the process may have.
    Exceeded(Exceeded),
}

/// Whether pools fit a room in which the kernel aligns mappings of at least `huge_page` bytes to it (0: it aligns
/// none), in a process that takes `own` itself and may have `most` in all. Pools beyond [`MAX_POOLS`] are left out.
pub const fn fit(
    room: &Room,
    pools: &[Mappings],
    huge_page: u64,
    own: &Demand,
    most: &Demand,
) -> Verdict {
    // What is counted at once is looked at before what takes a simulation.
    if let Some(exceeded) = own.and(demand(room, pools, huge_page)).exceeds(most) {
        return Verdict::Exceeded(exceeded);
    }
    find_places(room, pools, huge_page)
}

/// What the pools take of the limits of their process, all together. Where no hole certainly holds all that they map,
/// the memories of each may lie in as many pieces as there are holes, and every further piece has a guard of its own.
pub const fn demand(room: &Room, pools: &[Mappings], huge_page: u64) -> Demand {
    let mut all = Demand::NONE;
    let (mut bytes, mut guards) = (0u64, 0u64);
    let mut i = 0;
    while i < pools.len() && i < MAX_POOLS {
        let pool = &pools[i];
        all = all.and(pool.demand());
        bytes = bytes.saturating_add(pool.group(huge_page).bytes());
        guards = guards.saturating_add(pool.further_guards(room.most_holes()));
        i += 1;
    }
    if bytes > room.largest() {
        all.address_space = all.address_space.saturating_add(guards);
    }
    all
}

/// Whether every mapping finds its place, whatever the process may have in all.
pub const fn find_places(room: &Room, pools: &[Mappings], huge_page: u64) -> Verdict {
    let mut groups = [Group {
        sizes: [0; KINDS],
        count: 0,
        slot: 0,
        guard: 0,
    }; MAX_POOLS];
    let mut i = 0;
    while i < pools.len() && i < MAX_POOLS {
        groups[i] = pools[i].group(huge_page);
        i += 1;
    }
    match place(room, groups.split_at(i).0) {
        Placement::Fails { group, kind, free } => Verdict::Hole {
            pool: group,
            kind,
            free,
        },
        Placement::Fits => Verdict::Fits,
    }
}

impl Mappings {
    /// No pools.
    pub const NONE: Self = Self {
        sizes: [0; KINDS],
        pools: 0,
        maps_at_start: 0,
        maps_at_worst: 0,
        writable: 0,
        charged: 0,
        bookkeeping: 0,
        slot: 0,
        guard: 0,
    };

    /// What all of these pools take of the limits of their process, with the memories of each in one piece.
    pub const fn demand(&self) -> Demand {
        let mut bytes: u64 = 0;
        let mut kind = 0;
        while kind < KINDS {
            bytes = bytes.saturating_add(self.sizes[kind]);
            kind += 1;
        }
        let reserved = bytes.saturating_mul(self.pools);
        let writable = self.writable.saturating_add(self.bookkeeping);
        Demand {
            maps: self.maps_at_worst,
            address_space: reserved.saturating_add(self.bookkeeping),
            writable,
            committed: writable,
            charged: self.charged,
        }
    }

    /// Bytes of the guards that the memories of all of these pools have besides, in so many holes.
    const fn further_guards(&self, holes: u64) -> u64 {
        let Some(memories) = self.group(0).memories() else {
            return 0;
        };
        let further = min(further_pieces(memories.slots), holes.saturating_sub(1));
        let guards = further.saturating_mul(memories.guard);
        guards.saturating_mul(self.pools)
    }

    /// The mappings with what the alignment to huge pages may waste of each piece.
    pub const fn group(&self, huge_page: u64) -> Group {
        let mut sizes = self.sizes;
        let mut guard = self.guard;
        let mut kind = 0;
        while kind < KINDS {
            if huge_page > 0 && sizes[kind] >= huge_page {
                sizes[kind] = sizes[kind].saturating_add(huge_page);
                if kind == 0 {
                    guard = guard.saturating_add(huge_page);
                }
            }
            kind += 1;
        }
        Group {
            sizes,
            count: self.pools,
            slot: self.slot,
            guard,
        }
    }
}
