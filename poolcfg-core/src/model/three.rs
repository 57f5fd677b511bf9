//! Three holes: where the kernel puts mappings in a process whose program, with its heap, and whose libraries cut the
//! window in three, at every position of both.
//!
//! The program and the mmap base move by themselves, so that each of the holes may have more or less, while all together
//! have about the same. So what may be free is kept as bounds of each hole and of their sum. A mapping goes into the first
//! hole of the search that is large enough; where that is not certain, the bounds are split in two: where it is, and where
//! it is not. What is not known is left open, so that nothing has to be harmless:
//! - a mapping may be aligned and waste of its hole what its size here counts for that, or nothing;
//! - small mappings may go into small holes beside these three, such as the one between the program and its heap;
//! - the rest of the process may take its headroom now or later, of the first hole, or of any other one when that is full.

use super::bounds::Bounds;
use super::group::{Group, KINDS};
use super::pieces::Memories;
use super::room::{HOLES, Three};
use crate::base::consts::{min, wider};

/// How many steps one question may take, and how often bounds may be split on the way to one answer.
const STEPS: u32 = 1200;
const SPLITS: u32 = 24;

/// The headroom of a process in which libraries, or the program itself, certainly lie right below the mmap base, so that
/// what is above it is a hole of its own.
const LIBRARIES_HEADROOM: u64 = 16 << 20;

/// Whether all mappings find their places, wherever ASLR puts things; `false` where that is not known.
pub(super) const fn hold(three: &Three, groups: &[Group]) -> bool {
    if three.count == 0 || three.headroom < LIBRARIES_HEADROOM {
        return false;
    }
    let mut steps = STEPS;
    let mut i = 0;
    while i < three.count {
        let all = Bounds::new(three, &three.spreads[i], i > 0);
        let mut rest = all;
        if all.least[0] < three.headroom && i > 0 {
            return false;
        }
        if all.least[0] < three.headroom {
            // What the first hole has no room for, the others have to give. And where libraries do not even fit
            // below the mmap base, they do not part the first hole from what is above it.
            let mut full = all;
            full.least[0] = 0;
            full.sum.least = full.sum.least.saturating_sub(three.headroom);
            full.most[0] = min(full.most[0], three.headroom - 1);
            full.most[2] = full.most[2].saturating_add(three.headroom);
            if let Some(full) = full.spilled().tight() {
                steps = match follow(three, groups, full, steps, SPLITS) {
                    Some(steps) => steps,
                    None => return false,
                };
            }
            rest.least[0] = three.headroom;
        }
        rest.least[0] -= three.headroom;
        rest.sum.least = rest.sum.least.saturating_sub(three.headroom);
        if let Some(rest) = rest.tight() {
            steps = match follow(three, groups, rest, steps, SPLITS) {
                Some(steps) => steps,
                None => return false,
            };
        }
        i += 1;
    }
    true
}

/// What a mapping takes at least, of which so many bytes are counted.
const fn at_least(three: &Three, size: u64) -> u64 {
    if three.huge_page > 0 && size / 2 >= three.huge_page {
        size - three.huge_page
    } else {
        size
    }
}

/// Whether all that is left to be mapped finds its place within these bounds: how many steps are left, or `None` if that
/// is not certain.
const fn follow(
    three: &Three,
    groups: &[Group],
    bounds: Bounds,
    steps: u32,
    splits: u32,
) -> Option<u32> {
    let mut bounds = bounds;
    let mut steps = steps;
    while bounds.group < groups.len() {
        let group = groups[bounds.group];
        if bounds.done >= group.count {
            bounds.group += 1;
            bounds.done = 0;
            continue;
        }
        if bounds.kind == KINDS {
            bounds.kind = 0;
            bounds.done += 1;
            continue;
        }
        if bounds.kind == 0 {
            if let Some((hole, pools)) = alike(three, &bounds, &group) {
                bounds = match pools_put(three, bounds, &group, hole, pools) {
                    Some(bounds) => bounds,
                    None => return Some(steps),
                };
                continue;
            }
        }
        if group.sizes[bounds.kind] == 0 {
            bounds.kind += 1;
            continue;
        }
        if steps == 0 {
            return None;
        }
        steps -= 1;
        let (left, next) = match step(three, groups, bounds, steps, splits) {
            Some(done) => done,
            None => return None,
        };
        steps = left;
        bounds = match next {
            Some(bounds) => bounds,
            None => return Some(steps),
        };
    }
    Some(steps)
}

/// Places the next mapping: what is left to be followed, if anything is, when the bounds in which it goes another way
/// have been followed to their end. `None` if something may find no place.
const fn step(
    three: &Three,
    groups: &[Group],
    bounds: Bounds,
    steps: u32,
    splits: u32,
) -> Option<(u32, Option<Bounds>)> {
    let group = groups[bounds.group];
    let size = group.sizes[bounds.kind];
    let real = at_least(three, size);
    let is_small = real <= three.small;
    let mut rest = bounds;
    let mut steps = steps;
    let mut is_split = false;
    let mut hole = 0;
    while hole < HOLES {
        if rest.most[hole] < real {
            hole += 1;
            continue;
        }
        if rest.least[hole] >= size {
            let next = if is_small {
                rest.put_small(hole, size, real)
            } else {
                rest.put(hole, size, real)
            };
            return Some((steps, next));
        }
        if !is_split {
            if bounds.cannot_fail(groups) {
                return Some((steps, None));
            }
            if is_small && size <= rest.sum.least >> 10 && rest.has_place(size) {
                return Some((steps, rest.put_anywhere(size, real)));
            }
            if splits == 0 {
                return None;
            }
            is_split = true;
            if is_small {
                // It may go into a small hole.
                let mut beside = bounds;
                beside.kind += 1;
                steps = match follow(three, groups, beside, steps, splits - 1) {
                    Some(steps) => steps,
                    None => return None,
                };
            }
        }
        if let Some(here) = rest.put(hole, size, real) {
            steps = match follow(three, groups, here, steps, splits - 1) {
                Some(steps) => steps,
                None => return None,
            };
        }
        rest.most[hole] = min(rest.most[hole], size - 1);
        rest.small = three.small;
        rest = match rest.tight() {
            Some(rest) => rest,
            None => return Some((steps, None)),
        };
        hole += 1;
    }
    match group.memories() {
        Some(memories) if bounds.kind == 0 && memories.slots > 0 => {
            match in_pieces(three, groups, rest, &memories, steps, splits) {
                Some(steps) => Some((steps, None)),
                None => None,
            }
        }
        _ => None,
    }
}

/// Into which hole the next pools certainly go, each mapping in one piece, and how many of them.
const fn alike(three: &Three, bounds: &Bounds, group: &Group) -> Option<(usize, u64)> {
    let mut each = 0u64;
    let mut smallest = u64::MAX;
    let mut kind = 0;
    while kind < KINDS {
        let size = group.sizes[kind];
        each = each.saturating_add(size);
        if size > 0 {
            smallest = min(smallest, at_least(three, size));
        }
        kind += 1;
    }
    let mut hole = 0;
    while hole < HOLES {
        if each > 0 && bounds.least[hole] >= each {
            return Some((
                hole,
                min(bounds.least[hole] / each, group.count - bounds.done),
            ));
        }
        if bounds.most[hole] >= smallest {
            return None;
        }
        hole += 1;
    }
    None
}

/// What is left when so many pools have gone into a hole, but for what goes into small ones.
const fn pools_put(
    three: &Three,
    bounds: Bounds,
    group: &Group,
    hole: usize,
    pools: u64,
) -> Option<Bounds> {
    let mut bounds = bounds;
    let mut kind = 0;
    while kind < KINDS {
        let size = group.sizes[kind];
        let real = at_least(three, size);
        let certain = if real <= three.small { 0 } else { real };
        bounds = bounds.taken(hole, pools * size);
        bounds.most[hole] = bounds.most[hole].saturating_sub(pools * certain);
        bounds.sum.most = bounds.sum.most.saturating_sub(pools * certain);
        kind += 1;
    }
    bounds.done += pools;
    bounds.tight()
}

/// Follows bounds within which no hole has all of these memories: which holes they fill up, and which one has the rest.
const fn in_pieces(
    three: &Three,
    groups: &[Group],
    bounds: Bounds,
    memories: &Memories,
    steps: u32,
    splits: u32,
) -> Option<u32> {
    if bounds.cannot_fail(groups) {
        return Some(steps);
    }
    // What each hole may keep that is too small for one slot more.
    let mut wasted = 0u128;
    let mut hole = 0;
    while hole < HOLES {
        wasted += wider(min(bounds.most[hole], memories.bytes(1).saturating_sub(1)));
        hole += 1;
    }
    let all_but_one = wider(memories.slots - 1) * wider(memories.slot);
    if splits == 0 || wider(bounds.sum.least) <= wasted + all_but_one {
        return None;
    }
    let mut steps = steps;
    let mut last = 0;
    while last < HOLES {
        let mut filled = 1;
        while filled < 1 << HOLES {
            if filled >> last & 1 == 0 {
                if let Some(next) = pieces_put(three, bounds, memories, last, filled) {
                    steps = match follow(three, groups, next, steps, splits - 1) {
                        Some(steps) => steps,
                        None => return None,
                    };
                }
            }
            filled += 1;
        }
        last += 1;
    }
    Some(steps)
}

/// What is left where memories have filled up these holes, and the rest of them lies in the last; `None` if that never
/// is so.
const fn pieces_put(
    three: &Three,
    bounds: Bounds,
    memories: &Memories,
    last: usize,
    filled: u32,
) -> Option<Bounds> {
    let Memories { slots, slot, guard } = *memories;
    let whole = memories.bytes(slots);
    let waste = whole - at_least(three, whole);
    let real_guard = guard.saturating_sub(waste);
    let real = Memories {
        guard: real_guard,
        ..*memories
    };
    let mut next = bounds.spilled();
    let single = filled & (filled - 1) == 0;
    let mut hole = 0;
    while hole < HOLES {
        let (least, most) = (next.least[hole], next.most[hole]);
        if filled >> hole & 1 == 1 {
            if real.that_fit(most) == 0 {
                return None;
            }
            // So many it has in any case, and so many at most.
            let (few, many) = (memories.that_fit(least), real.that_fit(most));
            if few >= slots {
                return None;
            }
            next.least[hole] = least.saturating_sub(memories.bytes(many));
            next.most[hole] = min(
                slot - 1 + waste,
                if few == 0 {
                    u64::MAX
                } else {
                    most.saturating_sub(real.bytes(few))
                },
            );
        } else if hole == last {
            if real.that_fit(most) == 0 {
                return None;
            }
            let most_of_all = slot.saturating_mul(slots - 1);
            next.least[hole] = least.saturating_sub(guard.saturating_add(most_of_all));
            next.most[hole] = most - real.bytes(1);
        }
        if single && filled >> hole & 1 == 0 {
            // The first one to be filled has room for the most slots.
            let first = bounds.most[filled.trailing_zeros() as usize];
            let most = first.saturating_add(slot).saturating_add(waste);
            next.most[hole] = min(next.most[hole], most);
        }
        hole += 1;
    }
    let pieces = filled.count_ones() as u64 + 1;
    let bytes = slot.saturating_mul(slots);
    next.sum.least = next
        .sum
        .least
        .saturating_sub(bytes.saturating_add(guard.saturating_mul(pieces)));
    let real_bytes = bytes.saturating_add(real_guard.saturating_mul(pieces));
    if real_bytes > next.sum.most {
        return None;
    }
    next.sum.most -= real_bytes;
    next.kind += 1;
    next.tight()
}
