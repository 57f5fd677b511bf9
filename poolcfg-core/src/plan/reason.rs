//! Reasons: which limit keeps pools from fitting, and by how much.

use crate::base::consts::wide;
use crate::base::consts::{max, min};
use crate::base::size::{GRAIN, Size};
use crate::engine::footprint::MappingName;
use crate::engine::limits::Limits;
use crate::model::fit::{MAX_POOLS, Mappings, Verdict, find_places};
use crate::model::group::KINDS;
use crate::model::limit::Limit;
use crate::model::room::HOLES;
use crate::model::sum::{Bound, Demand};
use crate::plan::in_the_way::{beyond, is_another_in_the_way, is_in_the_way, refuses, verdicts};
use crate::plan::misfit::{PlanMisfit, Suggested};
use crate::plan::search::{LargestFit, largest_fit, most_pools};
use crate::resolved::ResolvedProcess;
use crate::setting::Keep;
use crate::target::budget::Budget;

/// Why what is asked does not fit; `None` if it does.
///
/// Where several limits are in the way, it is the one that decides what fits: raising any other changes nothing.
/// What would fit of one pool is judged beside `others`, which is what the other pools have in any case.
pub(crate) const fn misfit(
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
    others: &[Limits; MAX_POOLS],
) -> Option<PlanMisfit> {
    let (hole, all) = verdicts(case, asked);
    let Some(first) = refuses(case, &hole, &all) else {
        return None;
    };
    let hole = match hole_alone(case, asked, others) {
        Some(alone) => alone,
        None => hole,
    };
    let misfit = of_limit(case, asked, others, first, &hole, &all);
    match decided(case, asked, others, &misfit) {
        Some(decided) if !decided.is(first) && is_in_the_way(case, decided, &hole, &all) => {
            Some(of_limit(case, asked, others, decided, &hole, &all))
        }
        _ => Some(misfit),
    }
}

/// The first pool that finds no place even if it is the only one, and shrinks as far as it may; `None` if each of several
/// does.
const fn hole_alone(
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
    others: &[Limits; MAX_POOLS],
) -> Option<Verdict> {
    let mut pool = 0;
    while pool < case.count && case.count > 1 {
        let least = place_alone(case, &others[pool]);
        if let (Verdict::Hole { .. }, Verdict::Hole { kind, free, .. }) =
            (least, place_alone(case, &asked[pool]))
        {
            return Some(Verdict::Hole { pool, kind, free });
        }
        pool += 1;
    }
    None
}

/// Whether the mappings of one pool find their places if there is no other one. A sum above 64 bits is not judged here.
const fn place_alone(case: &ResolvedProcess<'_>, limits: &Limits) -> Verdict {
    let budget = &case.budget;
    match limits.mappings(budget.page_size) {
        Some(mappings) => find_places(&budget.room, &[mappings], budget.huge_page.get()),
        None => Verdict::Fits,
    }
}

/// The limit that refuses more than what is suggested, or where nothing fits, the least.
const fn decided(
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
    others: &[Limits; MAX_POOLS],
    misfit: &PlanMisfit,
) -> Option<Limit> {
    let pool = misfit.pool;
    let (keep, value) = match Suggested::of(case.pools[pool].keep, &misfit.largest_fit) {
        Some(suggested) => suggested.value(),
        None => (Keep::MemoryReservation, 0),
    };
    beyond(case, &beside(others, asked, pool), pool, keep, value)
}

/// What is asked of one pool, and what the others have.
const fn beside(
    others: &[Limits; MAX_POOLS],
    asked: &[Limits; MAX_POOLS],
    pool: usize,
) -> [Limits; MAX_POOLS] {
    let mut limits = *others;
    limits[pool] = asked[pool];
    limits
}

/// The misfit by one limit, which is in the way.
const fn of_limit(
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
    others: &[Limits; MAX_POOLS],
    limit: Limit,
    hole: &Verdict,
    all: &Demand,
) -> PlanMisfit {
    let budget = &case.budget;
    let mut misfit = PlanMisfit {
        pool: 0,
        mapping: MappingName::Memories,
        limit,
        need: 0,
        have: 0,
        holes: [Size::ZERO; HOLES],
        slot: None,
        together: None,
        pools: None,
        largest_fit: LargestFit {
            max_instances: None,
            memory_reservation: None,
        },
        is_only: !is_another_in_the_way(case, limit, hole, all),
    };
    match (limit.bound(), hole) {
        (Some(bound), _) => {
            let own = budget.own().of(bound);
            misfit.need = all.of(bound);
            misfit.have = budget.limits.most().of(bound).saturating_sub(own);
            misfit.pool = most_of(case, asked, bound);
            if let Bound::Charged = bound {
                misfit.mapping = charged(&asked[misfit.pool], budget, misfit.need);
            }
        }
        (None, Verdict::Hole { pool, kind, free }) => {
            misfit.pool = *pool;
            misfit.mapping = MappingName::of_kind(*kind);
            let mut free = descending(*free);
            if asked[*pool].pools == 1 {
                // A mapping in one piece is there where so many fit all holes together.
                let room = &budget.room;
                if let Some(each) = left(case, asked, *pool, *kind).checked_div(room.parts as u64) {
                    free[0] = max(free[0], each);
                }
            }
            misfit = misfit.in_holes(&asked[*pool], *kind, free, budget);
        }
        (None, _) => {}
    }
    let pool = misfit.pool;
    misfit.largest_fit = largest_fit(case, &beside(others, asked, pool), pool);
    if let Limit::Hole = limit {
        if let Some(pools) = misfit.pools_that_fit(case, others) {
            return misfit.of_pools(case, others, pools);
        }
        misfit = misfit.in_all_holes(case, asked);
    }
    if let (Limit::Hole, MappingName::Memories, Some(fits)) =
        (limit, misfit.mapping, misfit.largest_fit.memory_reservation)
    {
        if misfit.slot.is_none() {
            // Where ASLR puts things otherwise, there may be less than here. What fits is there in any case.
            let asked = &asked[misfit.pool];
            let next = Size::bytes(fits.get().saturating_add(GRAIN.get()));
            if let (Some(least), Some(most)) = (
                asked.with_reservation(fits).mappings(budget.page_size),
                asked.with_reservation(next).mappings(budget.page_size),
            ) {
                let (least, most) = (least.sizes[0], most.sizes[0].saturating_sub(1));
                misfit.have = max(min(misfit.have, most), least);
                let hole = max(min(misfit.holes[0].get(), most), least);
                misfit.holes[0] = Size::bytes(hole);
            }
        }
    }
    misfit
}

/// Bytes that all holes together have when it is the turn of this mapping of a pool.
const fn left(
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
    pool: usize,
    kind: usize,
) -> u64 {
    let total = Size::bytes(case.budget.room.total);
    left_of(total, case, asked, pool, kind)
}

/// What is left of so many bytes.
const fn left_of(
    total: Size,
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
    pool: usize,
    kind: usize,
) -> u64 {
    let mut left = total.get();
    let mut i = 0;
    while i <= pool {
        if let Some(mappings) = asked[i].mappings(case.budget.page_size) {
            let group = mappings.group(case.budget.huge_page.get());
            let mut before = 0;
            while before < KINDS && (i < pool || before < kind) {
                let bytes = group.sizes[before].saturating_mul(group.count);
                left = left.saturating_sub(bytes);
                before += 1;
            }
        }
        i += 1;
    }
    left
}

/// The pool that takes the most of what a limit counts.
const fn most_of(case: &ResolvedProcess<'_>, limits: &[Limits; MAX_POOLS], bound: Bound) -> usize {
    let mut most = 0;
    let mut pool = 0;
    let mut i = 0;
    while i < case.count {
        let takes = limits[i].demand(case.budget.page_size).of(bound);
        if takes > most {
            most = takes;
            pool = i;
        }
        i += 1;
    }
    pool
}

/// The mapping of a pool that is charged with so many bytes when it is made.
const fn charged(limits: &Limits, budget: &Budget, bytes: u64) -> MappingName {
    let mut name = MappingName::Tables;
    if let Some(Mappings { sizes, .. }) = limits.mappings(budget.page_size) {
        let mut kind = 1;
        while kind < KINDS {
            if sizes[kind] == bytes {
                name = MappingName::of_kind(kind);
            }
            kind += 1;
        }
    }
    name
}

/// The same numbers, the largest first.
const fn descending(mut free: [u64; HOLES]) -> [u64; HOLES] {
    let mut end = HOLES;
    while end > 1 {
        let mut i = 1;
        while i < end {
            if free[i] > free[i - 1] {
                (free[i], free[i - 1]) = (free[i - 1], free[i]);
            }
            i += 1;
        }
        end -= 1;
    }
    free
}

impl PlanMisfit {
    /// How many equal pools find their places, where it is their number that decides: one does, and not all that are asked,
    /// of whatever size.
    const fn pools_that_fit(
        &self,
        case: &ResolvedProcess<'_>,
        least: &[Limits; MAX_POOLS],
    ) -> Option<u32> {
        let fit = &self.largest_fit;
        if fit.max_instances.is_some() || fit.memory_reservation.is_some() {
            return None;
        }
        match most_pools(case, least, self.pool) {
            0 => None,
            pools => Some(pools),
        }
    }

    /// The same where the number of equal pools decides: what all of them need at the least, and what all holes have, or where that is as
    /// much, what those take that fit.
    const fn of_pools(
        mut self,
        case: &ResolvedProcess<'_>,
        least: &[Limits; MAX_POOLS],
        pools: u32,
    ) -> Self {
        let budget = &case.budget;
        let each = match least[self.pool].mappings(budget.page_size) {
            Some(Mappings { sizes, .. }) => {
                sizes[0].saturating_add(sizes[1]).saturating_add(sizes[2])
            }
            None => return self,
        };
        let all = left_of(budget.all(), case, least, self.pool, 0);
        self.pools = Some(pools);
        self.need = each.saturating_mul(wide(least[self.pool].pools));
        self.have = if all < self.need {
            all
        } else {
            each.saturating_mul(wide(pools))
        };
        self.together = Some((Size::bytes(all), budget.room.most_holes()));
        self
    }

    /// The same with what the memories of a pool in slots have in all holes: what those hold that the message lists, or
    /// what all have together where that tells more. Where either is as much as is needed, it is what the slots take
    /// that fit.
    const fn in_all_holes(
        mut self,
        case: &ResolvedProcess<'_>,
        asked: &[Limits; MAX_POOLS],
    ) -> Self {
        let budget = &case.budget;
        let limits = &asked[self.pool];
        let (Some(_), Some(mappings)) = (self.slot, limits.mappings(budget.page_size)) else {
            return self;
        };
        let Some(memories) = mappings.group(0).memories() else {
            return self;
        };
        let instances = match self.largest_fit.max_instances {
            Some(instances) => min(wide(instances), memories.slots - 1),
            None => 0,
        };
        let mut fits = memories.bytes(instances);
        let least = match self.largest_fit.memory_reservation {
            Some(size) => limits.with_reservation(size).mappings(budget.page_size),
            None => None,
        };
        if let Some(least) = least {
            fits = max(fits, min(least.sizes[0], self.need - 1));
        }
        let (count, listed) = self.listed(budget);
        let all = max(left(case, asked, self.pool, 0), fits);
        let holes = budget.room.most_holes();
        let is_sum = holes > 1 && all > listed && (count == 1 || fits > listed);
        let sum = if is_sum { all } else { listed };
        if (limits.pools == 1 || holes == 1) && sum < self.need {
            self.have = sum;
            if is_sum {
                self.together = Some((Size::bytes(all), holes));
            }
        } else if instances > 0 {
            self.have = memories.bytes(instances);
            self.together = Some((Size::bytes(sum), if is_sum { holes } else { count as u64 }));
        }
        self
    }

    /// What a mapping of a pool needs, and what of it these free holes have, the largest first.
    const fn in_holes(
        mut self,
        limits: &Limits,
        kind: usize,
        free: [u64; HOLES],
        budget: &Budget,
    ) -> Self {
        let mut hole = 0;
        while hole < HOLES {
            self.holes[hole] = Size::bytes(free[hole]);
            hole += 1;
        }
        self.have = free[0];
        let Some(mappings) = limits.mappings(budget.page_size) else {
            self.need = u64::MAX;
            return self;
        };
        self.need = mappings.sizes[kind];
        // What alignment may waste is not told.
        self.have = min(self.have, self.need.saturating_sub(1));
        if let Some(memories) = mappings.group(0).memories() {
            if kind == 0 && memories.slots > 1 {
                self.slot = Some(Size::bytes(memories.slot));
            }
        }
        self
    }
}
