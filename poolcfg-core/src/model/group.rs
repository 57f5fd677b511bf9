//! Groups: the mappings of equal pools, and holes that have room for all of them whatever the size of each.

use super::pieces::Memories;
use crate::base::consts::wider;

/// How many kinds of mappings one pool makes at most.
pub const KINDS: usize = 3;

/// The mappings of `count` equal pools, made one pool after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Bytes of each mapping of one pool, in the order in which they are made; 0 is none.
    pub sizes: [u64; KINDS],
    /// How many such pools are alive at once.
    pub count: u64,
    /// Bytes from one memory to the next, where the first mapping may be cut between them when no hole
    /// holds it whole; 0 where it lies in one piece always.
    pub slot: u64,
    /// Bytes that each piece has besides its memories.
    pub guard: u64,
}

impl Group {
    /// Bytes of all mappings, each in one piece; as many as can be counted where there are more.
    pub(super) const fn bytes(&self) -> u64 {
        let mut bytes: u64 = 0;
        let mut kind = 0;
        while kind < KINDS {
            bytes = bytes.saturating_add(self.sizes[kind]);
            kind += 1;
        }
        bytes.saturating_mul(self.count)
    }

    /// The memories of one pool, where they may lie in several pieces.
    pub const fn memories(&self) -> Option<Memories> {
        if self.slot == 0 || self.sizes[0] < self.guard {
            return None;
        }
        Some(Memories {
            slots: (self.sizes[0] - self.guard) / self.slot,
            slot: self.slot,
            guard: self.guard,
        })
    }
}

/// Whether the mappings that are left on a course find their places in `holes` holes that have `free` bytes
/// together.
///
/// The kernel puts each mapping flush against another one, so the number of holes never grows.
/// - A mapping that lies in one piece finds no place when every hole has less than its size; then what is free is
///   less than `holes` times its size.
/// - Of memories in pieces one slot finds no place. Then each hole holds a piece that is one slot short of it, or
///   none, so what was free is less than the memories, one slot more for each hole, and a guard for each hole.
pub(super) const fn by_sum(
    groups: &[Group],
    (first, done, begun): (usize, u64, usize),
    free: u128,
    holes: usize,
) -> bool {
    let mut used = 0u128;
    let mut group = first;
    while group < groups.len() {
        let of = &groups[group];
        let mut pools = of.count;
        if group == first {
            pools = pools.saturating_sub(done);
            if pools > 0 && begun > 0 {
                // What is left of the pool that is begun: its memories have their place.
                let mut rest = *of;
                rest.slot = 0;
                let mut kind = 0;
                while kind < begun {
                    rest.sizes[kind] = 0;
                    kind += 1;
                }
                used = match all_by_sum(&rest, 1, free, holes, used, false) {
                    Some(sum) => sum,
                    None => return false,
                };
                pools -= 1;
            }
        }
        if pools > 0 {
            used = match (all_by_sum(of, pools, free, holes, used, false), of.slot) {
                (Some(sum), _) => sum,
                (None, 0) => return false,
                (None, _) => match all_by_sum(of, pools, free, holes, used, true) {
                    Some(sum) => sum,
                    None => return false,
                },
            };
        }
        group += 1;
    }
    true
}

/// What is used when `pools` equal pools have found their places beside `used` bytes, their memories cut into
/// pieces or not; `None` if the last of them might not find its own.
const fn all_by_sum(
    group: &Group,
    pools: u64,
    free: u128,
    holes: usize,
    used: u128,
    cut: bool,
) -> Option<u128> {
    let holes = wider(holes as u64);
    // Of each kind, what one pool uses, and what has to be free for it to find its place.
    let mut uses = [0u128; KINDS];
    let mut needs = [0u128; KINDS];
    let mut pool = 0u128;
    let mut kind = 0;
    while kind < KINDS {
        let size = wider(group.sizes[kind]);
        (uses[kind], needs[kind]) = match group.memories() {
            Some(memories) if cut && kind == 0 && memories.slots > 0 => {
                let slot = wider(memories.slot);
                let guards = wider(memories.guard) * holes;
                let slots = wider(memories.slots);
                (slots * slot + guards, (slots + holes - 1) * slot + guards)
            }
            _ => (size, size * holes),
        };
        pool += uses[kind];
        kind += 1;
    }
    let (before, overflow) = pool.overflowing_mul(wider(pools - 1));
    if overflow {
        return None;
    }
    let mut at = used.saturating_add(before);
    let mut kind = 0;
    while kind < KINDS {
        if at.saturating_add(needs[kind]) > free {
            return None;
        }
        at = at.saturating_add(uses[kind]);
        kind += 1;
    }
    Some(at)
}
