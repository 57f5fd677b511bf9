//! Reasons: which limit keeps pools from fitting, and by how much.

mod holes;

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
use crate::plan::search::{LargestFit, largest_fit};
use crate::resolved::ResolvedProcess;
use crate::setting::Keep;
use crate::target::budget::Budget;
use holes::{descending, left};

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
