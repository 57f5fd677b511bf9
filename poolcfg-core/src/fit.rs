//! Fit: whether the mappings of all pools find a place and are few enough.
//!
//! The file stands alone beside `place` and `room`, in plain numbers: `cargo poolcfg` copies it into the file
//! that it generates.

use super::place::{Group, KINDS, Placement, place};
use super::room::{HOLES, Room};

/// How many named pools one file may have.
pub const MAX_POOLS: usize = 16;

/// What equal pools map, in the order in which they map it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mappings {
    /// Bytes of each mapping of one pool; 0 is none.
    pub sizes: [u64; KINDS],
    /// How many such pools are alive at once.
    pub pools: u64,
    /// VMAs of all of them when they have just been made.
    pub maps_at_start: u64,
    /// VMAs of all of them when every slot is live.
    pub maps_at_worst: u64,
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
    /// There are more mappings than there may be.
    Maps {
        /// How many there are when every slot is live.
        need: u64,
    },
}

/// Whether pools fit a room in which there may be `max_maps` mappings and the kernel aligns those of
/// at least `huge_page` bytes to it (0: it aligns none). Pools beyond [`MAX_POOLS`] are left out.
pub const fn fit(room: &Room, pools: &[Mappings], huge_page: u64, max_maps: u64) -> Verdict {
    let mut groups = [Group {
        sizes: [0; KINDS],
        count: 0,
        slot: 0,
        guard: 0,
    }; MAX_POOLS];
    let mut maps: u64 = 0;
    let mut i = 0;
    while i < pools.len() && i < MAX_POOLS {
        groups[i] = pools[i].group(huge_page);
        maps = maps.saturating_add(pools[i].maps_at_worst);
        i += 1;
    }
    match place(room, groups.split_at(i).0) {
        Placement::Fails { group, kind, free } => Verdict::Hole {
            pool: group,
            kind,
            free,
        },
        Placement::Fits { pieces } => {
            let need = maps.saturating_add(pieces);
            if need > max_maps {
                Verdict::Maps { need }
            } else {
                Verdict::Fits
            }
        }
    }
}

impl Mappings {
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
