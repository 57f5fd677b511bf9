//! Where the kernel puts mappings: a simulation over every place that ASLR may choose.
//!
//! Linux looks through the free holes in one fixed order and takes the first that is large enough.
//! ASLR moves the boundary between two holes: what the earlier one loses, the last one gains, and a
//! mapping that fits the earlier hole at both ends of the range may still push the next one out of
//! both holes in the middle of it. So the simulation runs over the whole range at once and splits it
//! wherever the kernel's choice changes.

use super::group::{Group, KINDS, by_sum};
use super::pieces::{Memories, in_two};
use super::room::{HOLES, Hole, Room};
use super::three;
use crate::base::consts::wider;

/// The outcome of placing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Every mapping has its place, wherever ASLR puts the boundary.
    Fits,
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
    };
    if cannot_fail(groups, &start) {
        return Placement::Fits;
    }
    let (_, placement) = follow(groups, start, STEPS, SPLITS);
    match placement {
        Placement::Fails { .. } if three::hold(&room.three, groups) => Placement::Fits,
        _ => placement,
    }
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
    Placement::Fits
}

/// Whether the mappings that are left on a course find their places whatever the sizes of the single holes.
const fn cannot_fail(groups: &[Group], course: &Course) -> bool {
    let Room {
        count,
        total,
        parts,
        ..
    } = course.room;
    let at = (course.group, course.done, course.kind);
    by_sum(groups, at, course.room.sum(), count)
        || (parts > 0 && by_sum(groups, at, wider(total), parts))
}

/// One range of positions of the boundaries for which the kernel has chosen alike so far.
#[derive(Clone, Copy)]
struct Course {
    /// What is free.
    room: Room,
    group: usize,
    done: u64,
    kind: usize,
}

/// Follows one course to its end, and those that split off from it; the first number of the answer is
/// how many steps are left.
const fn follow(groups: &[Group], course: Course, steps: u32, splits: u32) -> (u32, Placement) {
    let mut course = course;
    let mut steps = steps;
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
                        in_pieces(groups, course, &memories, steps, splits)
                    }
                    _ => (steps, fails(&course)),
                };
            }
            if size <= course.room.holes[hole].most {
                // A course that cannot fail need not be told apart from others.
                if cannot_fail(groups, &course) {
                    return (steps, Placement::Fits);
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
                let Placement::Fits = placement else {
                    return (left, placement);
                };
                steps = left;
                course.room.holes[hole].most = size - 1;
            }
            hole += 1;
        }
    }
    (steps, Placement::Fits)
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
    if cannot_fail(groups, &course) {
        return (steps, Placement::Fits);
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
            }
            hole += 1;
        }
        return follow(groups, next, steps, splits - 1);
    }
    let size = memories.bytes(memories.slots);
    let Hole { least, most } = room.holes[0];
    let mut from = least;
    let mut steps = steps;
    // Where the first hole is small, the last one may hold all of them.
    let short = size - room.holes[1].least;
    if room.knee >= short && room.knee - short >= least {
        let to = room.knee - short;
        let mut whole = next;
        whole.room.holes[0].most = to;
        whole.room = whole.room.less(1, size);
        let (left, placement) = follow(groups, whole, steps, splits - 1);
        let Placement::Fits = placement else {
            return (left, placement);
        };
        steps = left;
        from = to + 1;
    }
    let Some((parts, count)) = in_two(room.boundary(from, most), memories) else {
        return (steps, fails(&course));
    };
    // In the process they may lie in more pieces than in the two holes.
    let total = room
        .total
        .saturating_sub(memories.slot.saturating_mul(memories.slots))
        .saturating_sub(memories.guard.saturating_mul(room.parts as u64));
    let mut part = 0;
    while part < count {
        let mut one = next;
        one.room = Room::of_boundary(parts[part], total, room.parts);
        let (left, placement) = follow(groups, one, steps, splits - 1);
        let Placement::Fits = placement else {
            return (left, placement);
        };
        steps = left;
        part += 1;
    }
    (steps, Placement::Fits)
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
