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

/// How many holes a process shape has at most.
pub const HOLES: usize = 3;

/// How many kinds of mappings one pool makes at most.
pub const KINDS: usize = 3;

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
}

/// The mappings of `count` equal pools, made one pool after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Bytes of each mapping of one pool, in the order in which they are made; 0 is none.
    pub sizes: [u64; KINDS],
    /// How many such pools are alive at once.
    pub count: u64,
}

/// What came of placing.
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
        /// The largest free hole at that moment.
        free: u64,
    },
}

/// Steps and splits that one simulation may take; beyond them the answer is that it does not fit,
/// which is safe. Sixteen pools take about fifty steps, and more only where mappings of several fill a
/// hole to within what ASLR moves. The bounds also keep the compiler, which asks a few hundred times
/// when pools shrink, from taking minutes.
const STEPS: u32 = 500;
const SPLITS: u32 = 24;

/// Places the mappings of all groups in `room`, in order.
pub const fn place(room: &Room, groups: &[Group]) -> Placement {
    if room.count == 0 {
        return first_mapping(groups);
    }
    let start = Course {
        most: most(room),
        used: [0; HOLES],
        group: 0,
        done: 0,
        kind: 0,
    };
    if cannot_fail(room, groups, &start) {
        return Placement::Fits;
    }
    follow(room, groups, start, STEPS, SPLITS).1
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
                    free: 0,
                };
            }
            kind += 1;
        }
        group += 1;
    }
    Placement::Fits
}

/// Whether the mappings that are left on a course fit in any order and any holes. Where a mapping finds
/// no place, every hole has less than its size free; so the sum of all that are left, and the largest
/// once more for every further hole, is above the sum of what is free.
const fn cannot_fail(room: &Room, groups: &[Group], course: &Course) -> bool {
    let mut total: u128 = 0;
    let mut largest: u64 = 0;
    let mut group = course.group;
    while group < groups.len() {
        let done = if group == course.group {
            course.done
        } else {
            0
        };
        // Pools that are begun count in full, which is more than is left of them.
        let pools = groups[group].count.saturating_sub(done);
        let mut kind = 0;
        while kind < KINDS {
            let size = groups[group].sizes[kind];
            if pools > 0 {
                total = total.saturating_add(wide(size) * wide(pools));
                if size > largest {
                    largest = size;
                }
            }
            kind += 1;
        }
        group += 1;
    }
    let mut free: u128 = 0;
    let mut hole = 0;
    while hole < room.count {
        free += wide(least(room, course, hole).saturating_sub(course.used[hole]));
        hole += 1;
    }
    let mut i = 1;
    while i < room.count {
        total = total.saturating_add(wide(largest));
        i += 1;
    }
    total <= free
}

/// One range of positions of the boundaries for which the kernel has chosen alike so far.
#[derive(Clone, Copy)]
struct Course {
    /// The holes may be no larger than this, or the kernel would have chosen otherwise.
    most: [u64; HOLES],
    /// Bytes taken of each hole. A hole before the last is at least as large as what is taken of it.
    used: [u64; HOLES],
    group: usize,
    done: u64,
    kind: usize,
}

const fn most(room: &Room) -> [u64; HOLES] {
    let mut most = [0; HOLES];
    let mut i = 0;
    while i < room.count {
        most[i] = room.holes[i].most;
        i += 1;
    }
    most
}

/// Bytes that a hole certainly has on this course.
const fn least(room: &Room, course: &Course, hole: usize) -> u64 {
    if hole + 1 < room.count {
        let least = room.holes[hole].least;
        return if course.used[hole] > least {
            course.used[hole]
        } else {
            least
        };
    }
    // The last hole has its worst where the one before it is as large as this course allows.
    let gained = if hole == 0 {
        0
    } else {
        room.knee.saturating_sub(course.most[hole - 1])
    };
    room.holes[hole].least.saturating_add(gained)
}

/// Follows one course to its end, and those that split off from it; the first number of the answer is
/// how many steps are left.
const fn follow(
    room: &Room,
    groups: &[Group],
    course: Course,
    steps: u32,
    splits: u32,
) -> (u32, Placement) {
    let mut course = course;
    let mut steps = steps;
    let last = room.count - 1;
    while course.group < groups.len() {
        let group = groups[course.group];
        if course.done >= group.count {
            course.group += 1;
            course.done = 0;
            continue;
        }
        if course.kind == 0 {
            let pools = alike(room, &course, group);
            if pools.0 > 0 {
                let mut hole = 0;
                while hole < room.count {
                    course.used[hole] += pools.0 * pools.1[hole];
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
            return (0, fails(room, &course));
        }
        steps -= 1;
        let mut hole = 0;
        loop {
            let (end, overflow) = course.used[hole].overflowing_add(size);
            if !overflow && end <= least(room, &course, hole) {
                course.used[hole] = end;
                course.kind += 1;
                break;
            }
            if hole == last {
                return (steps, fails(room, &course));
            }
            if !overflow && end <= course.most[hole] {
                // A course that cannot fail need not be told apart from others.
                if cannot_fail(room, groups, &course) {
                    return (steps, Placement::Fits);
                }
                // Where the hole is large enough the mapping goes here; elsewhere it goes on.
                if splits == 0 {
                    return (steps, fails(room, &course));
                }
                let mut here = course;
                here.used[hole] = end;
                here.kind += 1;
                let (left, placement) = follow(room, groups, here, steps, splits - 1);
                if !matches!(placement, Placement::Fits) {
                    return (left, placement);
                }
                steps = left;
                course.most[hole] = end - 1;
            }
            hole += 1;
        }
    }
    (steps, Placement::Fits)
}

/// How many of the next pools certainly all go the same way, and the bytes that one of them takes of
/// each hole. A mapping that a hole has no room for finds none there later either.
const fn alike(room: &Room, course: &Course, group: Group) -> (u64, [u64; HOLES]) {
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
            let (end, overflow2) = course.used[hole].overflowing_add(sum);
            if !overflow && !overflow2 && end <= least(room, course, hole) {
                each[hole] = sum;
                break;
            }
            if hole + 1 < room.count && course.used[hole].saturating_add(size) <= course.most[hole]
            {
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
        let free = least(room, course, hole) - course.used[hole];
        match free.checked_div(each[hole]) {
            Some(fit) if fit < pools => pools = fit,
            _ => {}
        }
        hole += 1;
    }
    (pools, each)
}

const fn fails(room: &Room, course: &Course) -> Placement {
    let mut free = 0;
    let mut hole = 0;
    while hole < room.count {
        let left = least(room, course, hole).saturating_sub(course.used[hole]);
        if left > free {
            free = left;
        }
        hole += 1;
    }
    Placement::Fails {
        group: course.group,
        kind: course.kind,
        free,
    }
}

/// `u128::from` for const code.
#[allow(
    clippy::cast_lossless,
    reason = "`From` is not const, and this cast only widens"
)]
const fn wide(bytes: u64) -> u128 {
    bytes as u128
}
