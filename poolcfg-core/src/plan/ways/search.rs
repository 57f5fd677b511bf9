//! The search for a way: what all pools have together.

use crate::engine::limits::Limits;
use crate::model::fit::MAX_POOLS;
use crate::plan::Plan;
use crate::plan::in_the_way::refused;
use crate::plan::scale::{Scale, Scales};
use crate::plan::search::fits;
use crate::plan::share::shrink;
use crate::plan::tables::least;
use crate::plan::ways::slots::{SlotSize, WayPool};
use crate::plan::ways::way::{Fit, Way};
use crate::resolved::ResolvedProcess;

/// More steps than any size has bits.
const ALL_STEPS: u32 = u64::BITS;

/// The search for one way.
pub(super) struct WaySearch<'a> {
    case: &'a ResolvedProcess<'a>,
    fit: Fit,
    /// Which pools are made to fit this way; the others stay as they are.
    pub(super) is_taken: [bool; MAX_POOLS],
}

/// What all pools have.
pub(super) struct WayLimits {
    limits: [Limits; MAX_POOLS],
    slots: [SlotSize; MAX_POOLS],
}

impl<'a> WaySearch<'a> {
    /// `None` if no pool can be made to fit this way, or where none is left, not every one.
    pub(super) const fn new(plan: &Plan, case: &'a ResolvedProcess<'a>, fit: Fit) -> Option<Self> {
        let mut search = Self {
            case,
            fit,
            is_taken: [false; MAX_POOLS],
        };
        let mut any = false;
        let mut i = 0;
        while i < case.count {
            let is_possible = search.pool(i).is_possible();
            if fit.is(Fit::NoPool) {
                if !is_possible {
                    return None;
                }
                search.is_taken[i] = true;
            } else {
                search.is_taken[i] = is_possible && plan.has_less(case, i);
            }
            any = any || search.is_taken[i];
            i += 1;
        }
        if any { Some(search) } else { None }
    }

    const fn pool(&self, pool: usize) -> WayPool<'_> {
        WayPool {
            pool: &self.case.pools[pool],
            fit: self.fit,
        }
    }

    /// The slots of every pool after so many steps down.
    const fn slots(&self, steps: u32, further: u32) -> [SlotSize; MAX_POOLS] {
        let mut slots = [self.pool(0).slot_as_asked(); MAX_POOLS];
        let mut i = 0;
        while i < self.case.count {
            slots[i] = if self.is_taken[i] {
                self.pool(i).slot(steps, further)
            } else {
                self.pool(i).slot_as_asked()
            };
            i += 1;
        }
        slots
    }

    /// The limits of all instances that are asked, in such slots.
    const fn all(&self, slots: &[SlotSize; MAX_POOLS]) -> [Limits; MAX_POOLS] {
        let mut limits = least(self.case);
        let mut i = 0;
        while i < self.case.count {
            if self.is_taken[i] {
                limits[i] = self.pool(i).judged(limits[i].max_instances, slots[i]);
            }
            i += 1;
        }
        limits
    }

    const fn scales(&self) -> Scales {
        let mut scales = Scale::all(self.case);
        let mut i = 0;
        while i < self.case.count {
            if self.is_taken[i] {
                scales[i] = self.pool(i).scale();
            }
            i += 1;
        }
        scales
    }

    /// What all pools have: all instances in the largest slots in which they fit, or else as many as fit.
    pub(super) const fn found(&self) -> Option<WayLimits> {
        if self.fit.is(Fit::Fewer) {
            return self.fewer(self.slots(0, 0));
        }
        let mut steps = 0;
        loop {
            let slots = self.slots(steps, 0);
            if fits(&self.all(&slots), self.case) {
                return Some(self.larger(slots, steps));
            }
            if is_same(&slots, &self.slots(steps + 1, 0)) {
                break;
            }
            steps += 1;
        }
        let mut further = 0;
        loop {
            let slots = self.slots(ALL_STEPS, further);
            if let Some(found) = self.fewer(slots) {
                return Some(found);
            }
            if is_same(&slots, &self.slots(ALL_STEPS, further + 1)) {
                return None;
            }
            further += 1;
        }
    }

    /// As many instances as fit in such slots; `None` if not even the fewest do.
    const fn fewer(&self, slots: [SlotSize; MAX_POOLS]) -> Option<WayLimits> {
        let all = self.all(&slots);
        let limits = if fits(&all, self.case) {
            Some(all)
        } else {
            shrink(self.case, &all, &self.scales())
        };
        match limits {
            Some(limits) => Some(WayLimits { limits, slots }),
            None => None,
        }
    }

    /// The slots after so many steps, in which all instances fit, each in the order of the file as far back up as it
    /// goes: not every pool has to give as much as the one that gives the most.
    const fn larger(&self, mut slots: [SlotSize; MAX_POOLS], steps: u32) -> WayLimits {
        let mut i = 0;
        while i < self.case.count {
            let now = slots[i];
            let mut up = if self.is_taken[i] { 0 } else { steps };
            while up < steps {
                slots[i] = self.pool(i).slot(up, 0);
                if fits(&self.all(&slots), self.case) {
                    break;
                }
                slots[i] = now;
                up += 1;
            }
            i += 1;
        }
        WayLimits {
            limits: self.all(&slots),
            slots,
        }
    }
}

impl WayLimits {
    /// How many instances one pool has of it.
    pub(super) const fn instances(&self, search: &WaySearch<'_>, pool: usize) -> u32 {
        search.pool(pool).instances(&self.limits[pool])
    }

    /// What one pool has of it.
    pub(super) const fn way(&self, search: &WaySearch<'_>, pool: usize) -> Way {
        let of = search.pool(pool);
        let (slot, asked) = (self.slots[pool], of.pool.least.max_instances);
        let instances = self.instances(search, pool);
        let mut more = self.limits;
        more[pool] = if instances < asked {
            of.judged(instances + 1, slot)
        } else {
            of.judged(instances, slot.twice())
        };
        Way {
            fit: search.fit,
            instances,
            asked,
            limits: of.limits(instances, slot),
            limit: refused(search.case, &more),
        }
    }
}

/// Whether no pool has other slots.
const fn is_same(slots: &[SlotSize; MAX_POOLS], others: &[SlotSize; MAX_POOLS]) -> bool {
    let mut i = 0;
    while i < MAX_POOLS {
        if !slots[i].is(others[i]) {
            return false;
        }
        i += 1;
    }
    true
}
