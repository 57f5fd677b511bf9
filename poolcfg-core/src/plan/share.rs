//! The share: what each pool that may shrink has of what it asks.

use crate::base::consts::wide;
use crate::base::size::GRAIN;
use crate::case::Case;
use crate::engine::limits::Limits;
use crate::model::fit::MAX_POOLS;
use crate::plan::search::{fits, largest, with_value};
use crate::setting::{Keep, OnMisfit};

/// How a pool is scaled: from the least it may have to what is asked, in steps.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    least: u64,
    pub(super) asked: u64,
    keep: Keep,
}

impl Scale {
    /// `None` if the pool does not shrink.
    pub(super) const fn new(case: &Case<'_>, pool: usize) -> Option<Self> {
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
                least: pool.asked.least_reservation().get() / GRAIN.get(),
                asked: pool.asked.memory_reservation.get() / GRAIN.get(),
                keep: Keep::MaxInstances,
            }),
        }
    }

    pub(super) const fn value(&self, limits: &Limits) -> u64 {
        match self.keep {
            Keep::MemoryReservation => wide(limits.max_instances),
            Keep::MaxInstances => limits.memory_reservation.get() / GRAIN.get(),
        }
    }

    pub(super) const fn limits(&self, asked: &Limits, value: u64) -> Limits {
        with_value(asked, self.keep, value)
    }
}

/// What fits when every pool that may shrink does: all by the same share of what each asks first, so
/// that none starves, then each in the order of the file as far as it goes.
pub(super) const fn shrink(
    case: &Case<'_>,
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
    let mut guaranteed = share(case, asked, 0, span);
    if !fits(&guaranteed, case) {
        return None;
    }
    let mut fit = 0;
    let mut misfit = span;
    while misfit - fit > 1 {
        let middle = fit + (misfit - fit) / 2;
        let limits = share(case, asked, middle, span);
        if fits(&limits, case) {
            fit = middle;
            guaranteed = limits;
        } else {
            misfit = middle;
        }
    }
    let mut i = 0;
    while i < case.count {
        if let Some(scale) = Scale::new(case, i) {
            let now = scale.value(&guaranteed[i]);
            guaranteed[i] = scale.limits(
                &asked[i],
                largest(
                    case,
                    &guaranteed,
                    i,
                    &asked[i],
                    scale.keep,
                    now,
                    scale.asked,
                ),
            );
        }
        i += 1;
    }
    Some(guaranteed)
}

/// Every shrinking pool at `part` of `span` of its way from the least to what is asked.
const fn share(
    case: &Case<'_>,
    asked: &[Limits; MAX_POOLS],
    part: u64,
    span: u64,
) -> [Limits; MAX_POOLS] {
    let mut limits = *asked;
    let mut i = 0;
    while i < case.count {
        if let Some(scale) = Scale::new(case, i) {
            let value = if span == 0 {
                scale.least
            } else {
                scale.least + proportion(scale.asked - scale.least, part, span)
            };
            limits[i] = scale.limits(&asked[i], value);
        }
        i += 1;
    }
    limits
}

/// `value * part / span` where `part <= span`, so the result is at most `value`.
#[allow(
    clippy::cast_lossless,
    clippy::cast_possible_truncation,
    reason = "`From` and `TryFrom` are not const, and the quotient is at most `value`"
)]
const fn proportion(value: u64, part: u64, span: u64) -> u64 {
    (value as u128 * part as u128 / span as u128) as u64
}
