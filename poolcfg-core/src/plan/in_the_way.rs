//! Which limits are in the way of the limits of every pool.

use crate::engine::limits::Limits;
use crate::model::fit::{MAX_POOLS, Verdict, demand, find_places};
use crate::model::limit::Limit;
use crate::model::room::HOLES;
use crate::model::sum::Demand;
use crate::plan::search::mappings;
use crate::resolved::ResolvedProcess;
use crate::setting::Keep;

/// The limit that refuses one pool more than `value` of the number that is not kept.
pub(crate) const fn beyond(
    case: &ResolvedProcess<'_>,
    limits: &[Limits; MAX_POOLS],
    pool: usize,
    keep: Keep,
    value: u64,
) -> Option<Limit> {
    let mut limits = *limits;
    let more = keep.with_value(&limits[pool], value.saturating_add(1));
    limits[pool] = case.pools[pool].grown(&more);
    refused(case, &limits)
}

/// The first limit that is in the way of these limits of every pool; `None` if they fit.
pub(crate) const fn refused(
    case: &ResolvedProcess<'_>,
    limits: &[Limits; MAX_POOLS],
) -> Option<Limit> {
    let (hole, all) = verdicts(case, limits);
    refuses(case, &hole, &all)
}

/// Whether every mapping finds its place, and what all pools take of the other limits.
pub(super) const fn verdicts(
    case: &ResolvedProcess<'_>,
    limits: &[Limits; MAX_POOLS],
) -> (Verdict, Demand) {
    let budget = &case.budget;
    match mappings(limits, case) {
        Ok(mappings) => {
            let pools = mappings.split_at(case.count).0;
            let hole = find_places(&budget.room, pools, budget.huge_page.get());
            let all = demand(&budget.room, pools, budget.huge_page.get());
            (hole, all)
        }
        // A sum above 64 bits is larger than any hole.
        Err(pool) => {
            let mut free = [0; HOLES];
            let [first, second] = budget.holes();
            free[0] = first.get();
            free[1] = second.get();
            let hole = Verdict::Hole {
                pool,
                kind: 0,
                free,
            };
            (hole, Demand::NONE)
        }
    }
}

/// The first limit that is in the way.
pub(super) const fn refuses(
    case: &ResolvedProcess<'_>,
    hole: &Verdict,
    all: &Demand,
) -> Option<Limit> {
    if let Verdict::Hole { .. } = hole {
        return Some(Limit::Hole);
    }
    let own = case.budget.own();
    match own.and(*all).exceeds(&case.budget.limits.most()) {
        Some(exceeded) => Some(Limit::of_bound(exceeded.bound)),
        None => None,
    }
}

/// Whether a limit is in the way, be it the first or not.
pub(super) const fn is_in_the_way(
    case: &ResolvedProcess<'_>,
    limit: Limit,
    hole: &Verdict,
    all: &Demand,
) -> bool {
    match limit.bound() {
        None => matches!(hole, Verdict::Hole { .. }),
        Some(bound) => {
            let own = case.budget.own().of(bound);
            own.saturating_add(all.of(bound)) > case.budget.limits.most().of(bound)
        }
    }
}

/// Whether another limit than this one is in the way.
pub(super) const fn is_another_in_the_way(
    case: &ResolvedProcess<'_>,
    limit: Limit,
    hole: &Verdict,
    all: &Demand,
) -> bool {
    let mut i = 0;
    while i < Limit::ALL.len() {
        let other = Limit::ALL[i];
        if !other.is(limit) && is_in_the_way(case, other, hole, all) {
            return true;
        }
        i += 1;
    }
    false
}
