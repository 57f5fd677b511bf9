//! Fit: whether the mappings of all pools find a place and are few enough.
//!
//! The file stands alone beside `place`, in plain numbers: `cargo poolcfg` copies it into the file
//! that it generates.

use super::place::{Group, KINDS, Placement, Room, place};

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
        /// Bytes of the largest free hole at that moment.
        free: u64,
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
    }; MAX_POOLS];
    let mut maps: u64 = 0;
    let mut i = 0;
    while i < pools.len() && i < MAX_POOLS {
        let mut kind = 0;
        while kind < KINDS {
            groups[i].sizes[kind] = with_alignment(pools[i].sizes[kind], huge_page);
            kind += 1;
        }
        groups[i].count = pools[i].pools;
        maps = maps.saturating_add(pools[i].maps_at_worst);
        i += 1;
    }
    match place(room, groups.split_at(i).0) {
        Placement::Fails { group, kind, free } => Verdict::Hole {
            pool: group,
            kind,
            free,
        },
        Placement::Fits if maps > max_maps => Verdict::Maps { need: maps },
        Placement::Fits => Verdict::Fits,
    }
}

/// A mapping with what its alignment may waste.
const fn with_alignment(bytes: u64, huge_page: u64) -> u64 {
    if huge_page > 0 && bytes >= huge_page {
        bytes.saturating_add(huge_page)
    } else {
        bytes
    }
}
