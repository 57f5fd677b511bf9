//! The share: what each pool that may shrink has of what it asks.

use crate::base::bisection::Bisection;
use crate::base::consts::{narrow, wider};
use crate::engine::limits::Limits;
use crate::model::fit::MAX_POOLS;
use crate::plan::scale::{Scale, Scales};
use crate::plan::search::{fits, largest};
use crate::resolved::ResolvedProcess;

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
