//! The search: which values of one pool fit beside the others.

use crate::base::bisection::Bisection;
use crate::base::consts::wide;
use crate::base::size::{GRAIN, Size};
use crate::engine::limits::Limits;
use crate::model::fit::{MAX_POOLS, Mappings, Verdict, fit};
use crate::plan::scale::{Scale, narrow};
use crate::resolved::ResolvedProcess;
use crate::setting::{Keep, PoolKeys, Setting};

/// The largest values that fit, each with the other number as asked.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::LargestFit;
/// fn advice(fit: &LargestFit) -> Option<String> {
///     Some(format!("max_instances = {} fits", fit.max_instances?))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargestFit {
    /// Most instances at the asked reservation.
    pub max_instances: Option<u32>,
    /// Largest reservation at the asked instances, with a smaller `max_memory_size` where more than that is written.
    pub memory_reservation: Option<Size>,
}

/// Whether these limits of every pool fit the case's budget.
pub(super) const fn fits(limits: &[Limits; MAX_POOLS], case: &ResolvedProcess<'_>) -> bool {
    let Ok(mappings) = mappings(limits, case) else {
        return false;
    };
    let budget = &case.budget;
    let verdict = fit(
        &budget.room,
        mappings.split_at(case.count).0,
        budget.huge_page.get(),
        &budget.own(),
        &budget.limits.most(),
    );
    matches!(verdict, Verdict::Fits)
}

/// What every pool maps; the first pool whose sum is above 64 bits where one is.
pub(super) const fn mappings(
    limits: &[Limits; MAX_POOLS],
    case: &ResolvedProcess<'_>,
) -> Result<[Mappings; MAX_POOLS], usize> {
    let mut mappings = [Mappings::NONE; MAX_POOLS];
    let mut i = 0;
    while i < case.count {
        mappings[i] = match limits[i].mappings(case.budget.page_size) {
            Some(mappings) => mappings,
            None => return Err(i),
        };
        i += 1;
    }
    Ok(mappings)
}

/// The largest value of one pool from `fits_at`, which does, up to what is asked: it fits, and the next one does
/// not or is more than that.
pub(super) const fn largest(
    case: &ResolvedProcess<'_>,
    limits: &[Limits; MAX_POOLS],
    pool: usize,
    asked: &Limits,
    scale: &Scale,
    fits_at: u64,
) -> u64 {
    let mut limits = *limits;
    let mut search = Bisection {
        fits: fits_at,
        misfit: scale.asked.saturating_add(1),
    };
    while let Some(value) = search.next() {
        limits[pool] = case.pools[pool].grown(&scale.with_value(asked, value));
        search = search.told(value, fits(&limits, case));
    }
    search.fits
}

/// The largest values of one pool that fit beside these limits of the others.
pub(super) const fn largest_fit(
    case: &ResolvedProcess<'_>,
    limits: &[Limits; MAX_POOLS],
    pool: usize,
) -> LargestFit {
    let asked = limits[pool];
    let most = [wide(u32::MAX), u64::MAX / GRAIN.get()];
    let least = [1, case.pools[pool].least_reservation().get() / GRAIN.get()];
    let keep = [Keep::MemoryReservation, Keep::MaxInstances];
    let mut found = [None; 2];
    let mut i = 0;
    while i < found.len() {
        let mut one = *limits;
        one[pool] = case.pools[pool].grown(&keep[i].with_value(&asked, least[i]));
        let is_there = asked.has_memories() || matches!(keep[i], Keep::MemoryReservation);
        if is_there && fits(&one, case) {
            let scale = Scale {
                least: least[i],
                asked: most[i],
                keep: keep[i],
                on_demand: None,
            };
            let value = largest(case, limits, pool, &asked, &scale, least[i]);
            found[i] = Some(keep[i].with_value(&asked, value));
        }
        i += 1;
    }
    LargestFit {
        max_instances: match &found[0] {
            Some(limits) => Some(limits.max_instances),
            None => None,
        },
        memory_reservation: match &found[1] {
            Some(limits) => Some(limits.memory_reservation),
            None => None,
        },
    }
}

/// The most instances that one pool may ask for beside its totals that are written; `None` if there are none with which it
/// fits beside these limits of the others.
pub(super) const fn most_instances(
    case: &ResolvedProcess<'_>,
    limits: &[Limits; MAX_POOLS],
    pool: usize,
) -> Option<u32> {
    let own = &case.pools[pool];
    let mut limits = *limits;
    let mut search = Bisection {
        fits: 0,
        misfit: wide(u32::MAX).saturating_add(1),
    };
    while let Some(instances) = search.next() {
        let mut keys = PoolKeys::EMPTY;
        keys.max_instances = Some(Setting::given(narrow(instances)));
        // How many are of use is not the question.
        keys.min_instances = Some(Setting::given(1));
        let is_fit = match own.said_over(&keys, case.target, case.budget.page_size) {
            // With more, the totals say how many there are.
            Some(asking) if wide(asking.least.max_instances) == instances => {
                limits[pool] = asking.least;
                fits(&limits, case)
            }
            _ => false,
        };
        search = search.told(instances, is_fit);
    }
    match narrow(search.fits) {
        0 => None,
        instances => Some(instances),
    }
}

/// How many pools of the shape of this one fit beside these limits of the others, where several are asked, and fewer than
/// are.
pub(super) const fn most_pools(
    case: &ResolvedProcess<'_>,
    limits: &[Limits; MAX_POOLS],
    pool: usize,
) -> u32 {
    let mut limits = *limits;
    let asked = limits[pool];
    let mut search = Bisection {
        fits: 0,
        misfit: wide(asked.pools),
    };
    while let Some(pools) = search.next() {
        limits[pool] = Limits {
            pools: narrow(pools),
            ..asked
        };
        search = search.told(pools, fits(&limits, case));
    }
    narrow(search.fits)
}
