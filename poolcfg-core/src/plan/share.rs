//! The share: what each pool that may shrink has of what it asks.

use crate::base::bisection::Bisection;
use crate::base::consts::{narrow, wide, wider};
use crate::base::size::GRAIN;
use crate::engine::limits::Limits;
use crate::model::fit::MAX_POOLS;
use crate::plan::search::{fits, largest};
use crate::resolved::ResolvedProcess;
use crate::setting::{Keep, OnMisfit};

/// How a pool is scaled: from the least it may have to what is asked, in steps.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    least: u64,
    pub(super) asked: u64,
    pub(super) keep: Keep,
}

impl Scale {
    /// `None` if the pool does not shrink.
    pub(super) const fn new(case: &ResolvedProcess<'_>, pool: usize) -> Option<Self> {
        let pool = &case.pools[pool];
        match (pool.on_misfit, pool.keep) {
            (OnMisfit::Error, _) => None,
            (OnMisfit::Shrink, Keep::MemoryReservation) => Some(Self {
                least: wide(pool.min_instances),
                asked: wide(pool.asked.max_instances),
                keep: Keep::MemoryReservation,
            }),
            (OnMisfit::Shrink, Keep::MaxInstances) => Some(Self {
                // In grains, as what is asked.
                least: pool.least_reservation().get() / GRAIN.get(),
                asked: pool.asked.memory_reservation.get() / GRAIN.get(),
                keep: Keep::MaxInstances,
            }),
        }
    }
}

/// What fits when every pool that may shrink does: all by the same share of what each asks first, so
/// that none starves, then each in the order of the file as far as it goes.
pub(super) const fn shrink(
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
) -> Option<[Limits; MAX_POOLS]> {
    let mut span = 0;
    let mut any = false;
    let mut i = 0;
    while i < case.count {
        if let Some(scale) = Scale::new(case, i) {
            any = true;
            if scale.asked - scale.least > span {
                span = scale.asked - scale.least;
            }
        }
        i += 1;
    }
    if !any {
        return None;
    }
    let mut guaranteed = fewest(case, asked);
    if !fits(&guaranteed, case) {
        return None;
    }
    let mut search = Bisection {
        fits: 0,
        misfit: span,
    };
    while let Some(part) = search.next() {
        let limits = share(case, asked, part, span);
        let is_fit = fits(&limits, case);
        if is_fit {
            guaranteed = limits;
        }
        search = search.told(part, is_fit);
    }
    let mut i = 0;
    while i < case.count {
        if let Some(scale) = Scale::new(case, i) {
            let (keep, now) = (scale.keep, scale.keep.value(&guaranteed[i]));
            let most = largest(case, &guaranteed, i, &asked[i], keep, now, scale.asked);
            guaranteed[i] = keep.with_value(&asked[i], most);
        }
        i += 1;
    }
    Some(guaranteed)
}

/// Every pool that may shrink at the least that it may have, the others as asked.
pub(super) const fn fewest(
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
) -> [Limits; MAX_POOLS] {
    share(case, asked, 0, 1)
}

/// Every shrinking pool at `part` of `span` of its way from the least to what is asked.
const fn share(
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
    part: u64,
    span: u64,
) -> [Limits; MAX_POOLS] {
    let mut limits = *asked;
    let mut i = 0;
    while i < case.count {
        if let Some(scale) = Scale::new(case, i) {
            let value = scale.least + proportion(scale.asked - scale.least, part, span);
            limits[i] = scale.keep.with_value(&asked[i], value);
        }
        i += 1;
    }
    limits
}

/// `value * part / span` where `part <= span`, so the result is at most `value`.
const fn proportion(value: u64, part: u64, span: u64) -> u64 {
    match narrow(wider(value) * wider(part) / wider(span)) {
        Some(part) => part,
        None => value,
    }
}
