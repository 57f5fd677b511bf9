//! The share: what each pool that may shrink has of what it asks.

use crate::base::bisection::Bisection;
use crate::base::consts::{narrow, wide, wider};
use crate::base::size::GRAIN;
use crate::engine::limits::Limits;
use crate::model::fit::MAX_POOLS;
use crate::plan::search::{fits, largest, narrow as narrow_or_most};
use crate::resolved::ResolvedProcess;
use crate::setting::{Keep, OnMisfit};

/// How a pool is scaled: from the least it may have to what is asked, in steps.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) least: u64,
    pub(super) asked: u64,
    pub(super) keep: Keep,
    /// How many pools of one instance each stand for one step, where no pool is made and those are what is counted.
    pub(super) on_demand: Option<u32>,
}

/// How each pool is scaled; `None` for those that stay as they are.
pub(super) type Scales = [Option<Scale>; MAX_POOLS];

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
                on_demand: None,
            }),
            (OnMisfit::Shrink, Keep::MaxInstances) => Some(Self {
                // In grains, as what is asked.
                least: pool.least_reservation().get() / GRAIN.get(),
                asked: pool.asked.memory_reservation.get() / GRAIN.get(),
                keep: Keep::MaxInstances,
                on_demand: None,
            }),
        }
    }

    /// How each pool of a case is scaled.
    pub(super) const fn all(case: &ResolvedProcess<'_>) -> Scales {
        let mut scales = [None; MAX_POOLS];
        let mut i = 0;
        while i < case.count {
            scales[i] = Self::new(case, i);
            i += 1;
        }
        scales
    }

    /// The number that is scaled.
    pub(super) const fn value(&self, limits: &Limits) -> u64 {
        match self.on_demand {
            Some(each) => wide(limits.pools) / wide(each),
            None => self.keep.value(limits),
        }
    }

    /// `limits` with another value of that number.
    pub(super) const fn with_value(&self, limits: &Limits, value: u64) -> Limits {
        match self.on_demand {
            Some(each) => Limits {
                pools: narrow_or_most(value.saturating_mul(wide(each))),
                ..*limits
            },
            None => self.keep.with_value(limits, value),
        }
    }
}

/// What fits when every pool that may shrink does: all by the same share of what each asks first, so
/// that none starves, then each in the order of the file as far as it goes.
pub(super) const fn shrink(
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
    scales: &Scales,
) -> Option<[Limits; MAX_POOLS]> {
    let mut span = 0;
    let mut any = false;
    let mut i = 0;
    while i < case.count {
        if let Some(scale) = &scales[i] {
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
    let mut guaranteed = share(scales, asked, 0, 1);
    if !fits(&guaranteed, case) {
        return None;
    }
    let mut search = Bisection {
        fits: 0,
        misfit: span,
    };
    while let Some(part) = search.next() {
        let limits = share(scales, asked, part, span);
        let is_fit = fits(&limits, case);
        if is_fit {
            guaranteed = limits;
        }
        search = search.told(part, is_fit);
    }
    let mut i = 0;
    while i < case.count {
        if let Some(scale) = &scales[i] {
            let now = scale.value(&guaranteed[i]);
            let most = largest(case, &guaranteed, i, &asked[i], scale, now);
            guaranteed[i] = scale.with_value(&asked[i], most);
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
    share(&Scale::all(case), asked, 0, 1)
}

/// Every shrinking pool at `part` of `span` of its way from the least to what is asked.
const fn share(
    scales: &Scales,
    asked: &[Limits; MAX_POOLS],
    part: u64,
    span: u64,
) -> [Limits; MAX_POOLS] {
    let mut limits = *asked;
    let mut i = 0;
    while i < MAX_POOLS {
        if let Some(scale) = &scales[i] {
            let value = scale.least + proportion(scale.asked - scale.least, part, span);
            limits[i] = scale.with_value(&asked[i], value);
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
