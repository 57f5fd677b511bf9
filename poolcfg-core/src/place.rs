//! Where the kernel puts mappings: a simulation over every place that ASLR may choose.
//!
//! The file stands alone, in plain numbers of bytes: `cargo poolcfg` copies it into the file that it
//! generates, so that the consts there are asserted by the very rule that chose them. So it keeps to
//! what every edition of the language understands.
//!
//! Linux looks through the free holes in one fixed order and takes the first that is large enough.
//! ASLR moves the boundary between two holes: what the earlier one loses, the last one gains, and a
//! mapping that fits the earlier hole at both ends of the range may still push the next one out of
//! both holes in the middle of it. So the simulation runs over the whole range at once and splits it
//! wherever the kernel's choice changes.

use super::pieces::{Memories, in_two};
use super::room::{HOLES, Hole, Room, max, wide};

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

/// What came of placing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Every mapping has its place, wherever ASLR puts the boundary.
    Fits {
        /// How many more mappings there may be, since memories lie in several pieces.
        pieces: u64,
    },
    /// There is a position of the boundary in which a mapping finds no hole.
    Fails {
        /// The group whose mapping it is.
        group: usize,
        /// Which mapping of the pool.
        kind: usize,
        /// What is free of each hole at that moment, at the least.
        free: [u64; HOLES],
    },
}

/// Steps and splits that one simulation may take; beyond them the answer is that it does not fit,
/// which is safe. Sixteen pools take about fifty steps, and more only where mappings of several fill a
/// hole to within what ASLR moves. The bounds also keep the compiler, which asks a few hundred times
/// when pools shrink, from taking minutes.
const STEPS: u32 = 500;
const SPLITS: u32 = 24;

/// Places the mappings of all groups in `room`, in order.
///
/// Holes that are larger than those of `room` do no harm. Of one or two holes: when a mapping goes another
/// way for it, one hole alone has as much left as both had before, and holds all that is still to come. Of
/// three, pieces are promised only where the sum of everything leaves no other way, or where the holes are
/// known to the byte.
pub const fn place(room: &Room, groups: &[Group]) -> Placement {
    if room.count == 0 {
        return first_mapping(groups);
    }
    let start = Course {
        room: *room,
        group: 0,
        done: 0,
        kind: 0,
        pieces: 0,
    };
    if let Some(pieces) = cannot_fail(groups, &start) {
        return Placement::Fits { pieces };
    }
    follow(groups, start, STEPS, SPLITS).1
}

/// The failure of a process without any hole.
const fn first_mapping(groups: &[Group]) -> Placement {
    let mut group = 0;
    while group < groups.len() {
        let mut kind = 0;
        while kind < KINDS {
            if groups[group].count > 0 && groups[group].sizes[kind] > 0 {
                return Placement::Fails {
                    group,
                    kind,
                    free: [0; HOLES],
                };
            }
            kind += 1;
        }
        group += 1;
    }
    Placement::Fits { pieces: 0 }
}

/// Whether the mappings that are left on a course fit in any order and any holes, and then how many more
/// there may be than one for each.
///
/// Where a mapping finds no place, every hole has less than its size free; so the sum of all that are left,
/// and the largest once more for every further hole, is above the sum of what is free. Of memories in
/// pieces it is one slot that finds no place, and there is a guard for each hole and one more.
const fn cannot_fail(groups: &[Group], course: &Course) -> Option<u64> {
    let further = course.room.count as u64 - 1;
    let others = wide(further);
    let (mut whole, mut largest_whole) = (0u128, 0u64);
    let (mut cut, mut largest_cut) = (0u128, 0u64);
    let mut pieces = 0u64;
    let mut group = course.group;
    while group < groups.len() {
        let of = groups[group];
        let done = if group == course.group {
            course.done
        } else {
            0
        };
        // Pools that are begun count in full, which is more than is left of them.
        let pools = of.count.saturating_sub(done);
        let mut kind = 0;
        while kind < KINDS && pools > 0 {
            let size = of.sizes[kind];
            let all = wide(size) * wide(pools);
            whole = whole.saturating_add(all);
            cut = cut.saturating_add(all);
            largest_whole = max(largest_whole, size);
            if kind == 0 && of.slot > 0 && size > 0 {
                let guards = wide(of.guard).saturating_mul(wide(pools));
                cut = cut.saturating_add(guards.saturating_mul(others + 1));
                largest_cut = max(largest_cut, of.slot.saturating_add(of.guard));
                pieces = pieces.saturating_add(pools.saturating_mul(further));
            } else {
                largest_cut = max(largest_cut, size);
            }
            kind += 1;
        }
        group += 1;
    }
    let free = course.room.sum();
    if whole.saturating_add(wide(largest_whole) * others) <= free {
        Some(course.pieces)
    } else if cut.saturating_add(wide(largest_cut) * others) <= free {
        Some(course.pieces.saturating_add(pieces))
    } else {
        None
    }
}

/// One range of positions of the boundaries for which the kernel has chosen alike so far.
#[derive(Clone, Copy)]
struct Course {
    /// What is free.
    room: Room,
    group: usize,
    done: u64,
    kind: usize,
    /// Mappings that were made beyond one for each.
    pieces: u64,
}

/// Follows one course to its end, and those that split off from it; the first number of the answer is
/// how many steps are left.
const fn follow(groups: &[Group], course: Course, steps: u32, splits: u32) -> (u32, Placement) {
    let mut course = course;
    let mut steps = steps;
    // The most pieces of any course that has split off.
    let mut pieces = 0;
    let last = course.room.count - 1;
    while course.group < groups.len() {
        let group = groups[course.group];
        if course.done >= group.count {
            course.group += 1;
            course.done = 0;
            continue;
        }
        if course.kind == 0 {
            let pools = alike(&course, group);
            if pools.0 > 0 {
                let mut hole = 0;
                while hole <= last {
                    course.room = course.room.less(hole, pools.0 * pools.1[hole]);
                    hole += 1;
                }
                course.done += pools.0;
                continue;
            }
        }
        if course.kind == KINDS {
            course.kind = 0;
            course.done += 1;
            continue;
        }
        let size = group.sizes[course.kind];
        if size == 0 {
            course.kind += 1;
            continue;
        }
        if steps == 0 {
            return (0, fails(&course));
        }
        steps -= 1;
        let mut hole = 0;
        loop {
            if size <= course.room.least(hole) {
                course.room = course.room.less(hole, size);
                course.kind += 1;
                break;
            }
            if hole == last {
                return match group.memories() {
                    Some(memories) if course.kind == 0 => {
                        let (left, placement) = in_pieces(groups, course, &memories, steps, splits);
                        (left, placement.or_more(pieces))
                    }
                    _ => (steps, fails(&course)),
                };
            }
            if size <= course.room.holes[hole].most {
                // A course that cannot fail need not be told apart from others.
                if let Some(all) = cannot_fail(groups, &course) {
                    return (
                        steps,
                        Placement::Fits {
                            pieces: max(all, pieces),
                        },
                    );
                }
                // Where the hole is large enough the mapping goes here; elsewhere it goes on.
                if splits == 0 {
                    return (steps, fails(&course));
                }
                let mut here = course;
                here.room.holes[hole].least = size;
                here.room = here.room.less(hole, size);
                here.kind += 1;
                let (left, placement) = follow(groups, here, steps, splits - 1);
                let Placement::Fits { pieces: here } = placement else {
                    return (left, placement);
                };
                pieces = max(pieces, here);
                steps = left;
                course.room.holes[hole].most = size - 1;
            }
            hole += 1;
        }
    }
    let pieces = max(pieces, course.pieces);
    (steps, Placement::Fits { pieces })
}

/// Follows a course on which memories come next, and neither the last hole certainly holds all of them nor
/// any other one ever does.
const fn in_pieces(
    groups: &[Group],
    course: Course,
    memories: &Memories,
    steps: u32,
    splits: u32,
) -> (u32, Placement) {
    if let Some(pieces) = cannot_fail(groups, &course) {
        return (steps, Placement::Fits { pieces });
    }
    if splits == 0 {
        return (steps, fails(&course));
    }
    let room = course.room;
    let mut next = course;
    next.kind += 1;
    if room.count != 2 {
        // The answer for holes that do not move.
        let Some(free) = room.fixed() else {
            return (steps, fails(&course));
        };
        let Some(slots) = memories.in_holes(&free, room.count) else {
            return (steps, fails(&course));
        };
        let mut hole = 0;
        while hole < room.count {
            if slots[hole] > 0 {
                next.room = next.room.less(hole, memories.bytes(slots[hole]));
                next.pieces += 1;
            }
            hole += 1;
        }
        next.pieces -= 1;
        return follow(groups, next, steps, splits - 1);
    }
    let size = memories.bytes(memories.slots);
    let Hole { least, most } = room.holes[0];
    let mut from = least;
    let mut steps = steps;
    let mut pieces = 0;
    // Where the first hole is small, the last one may hold all of them.
    let short = size - room.holes[1].least;
    if room.knee >= short && room.knee - short >= least {
        let to = room.knee - short;
        let mut whole = next;
        whole.room.holes[0].most = to;
        whole.room = whole.room.less(1, size);
        let (left, placement) = follow(groups, whole, steps, splits - 1);
        let Placement::Fits { pieces: found } = placement else {
            return (left, placement);
        };
        pieces = found;
        steps = left;
        from = to + 1;
    }
    let Some((parts, count)) = in_two(room.boundary(from, most), memories) else {
        return (steps, fails(&course));
    };
    next.pieces += 1;
    let mut part = 0;
    while part < count {
        let mut one = next;
        one.room = Room::of_boundary(parts[part]);
        let (left, placement) = follow(groups, one, steps, splits - 1);
        let Placement::Fits { pieces: found } = placement else {
            return (left, placement);
        };
        pieces = max(pieces, found);
        steps = left;
        part += 1;
    }
    (steps, Placement::Fits { pieces })
}

impl Placement {
    /// The same with so many pieces at least.
    const fn or_more(self, least: u64) -> Self {
        match self {
            Self::Fits { pieces } => Self::Fits {
                pieces: max(pieces, least),
            },
            fails @ Self::Fails { .. } => fails,
        }
    }
}

/// How many of the next pools certainly all go the same way, each mapping in one piece, and the bytes that
/// one of them takes of each hole. A mapping that a hole has no room for finds none there later either.
const fn alike(course: &Course, group: Group) -> (u64, [u64; HOLES]) {
    let room = &course.room;
    let mut each = [0u64; HOLES];
    let mut kind = 0;
    while kind < KINDS {
        let size = group.sizes[kind];
        let mut hole = 0;
        loop {
            if size == 0 {
                break;
            }
            if hole == room.count {
                return (0, each);
            }
            let (sum, overflow) = each[hole].overflowing_add(size);
            if !overflow && sum <= room.least(hole) {
                each[hole] = sum;
                break;
            }
            if hole + 1 < room.count && size <= room.holes[hole].most {
                // It may go here or not: not for this short cut to say.
                return (0, each);
            }
            hole += 1;
        }
        kind += 1;
    }
    let mut pools = group.count - course.done;
    let mut hole = 0;
    while hole < room.count {
        match room.least(hole).checked_div(each[hole]) {
            Some(fit) if fit < pools => pools = fit,
            _ => {}
        }
        hole += 1;
    }
    (pools, each)
}

const fn fails(course: &Course) -> Placement {
    let mut free = [0; HOLES];
    let mut hole = 0;
    while hole < course.room.count {
        free[hole] = course.room.least(hole);
        hole += 1;
    }
    Placement::Fails {
        group: course.group,
        kind: course.kind,
        free,
    }
}
