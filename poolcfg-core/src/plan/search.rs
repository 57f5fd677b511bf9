//! The search: which values of one pool fit beside the others.

use crate::base::consts::wide;
use crate::base::size::{GRAIN, Size};
use crate::case::Case;
use crate::engine::limits::Limits;
use crate::model::fit::{MAX_POOLS, Mappings, Verdict, fit};
use crate::setting::Keep;

/// The largest values that fit, each with the other number as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargestFit {
    /// Most instances at the asked reservation.
    pub max_instances: Option<u32>,
    /// Largest reservation at the asked instances.
    pub memory_reservation: Option<Size>,
}

/// Whether these limits of every pool fit the case's budget.
pub(super) const fn fits(limits: &[Limits; MAX_POOLS], case: &Case<'_>) -> bool {
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
    case: &Case<'_>,
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

/// `asked` with another value of the number that is not kept: instances, or a reservation in grains.
pub(super) const fn with_value(asked: &Limits, keep: Keep, value: u64) -> Limits {
    match keep {
        Keep::MemoryReservation => with_instances(asked, value),
        Keep::MaxInstances => with_reservation(asked, value),
    }
}

const fn with_instances(asked: &Limits, instances: u64) -> Limits {
    asked.with_instances(narrow(instances))
}

/// `asked` with a reservation of this many grains.
const fn with_reservation(asked: &Limits, grains: u64) -> Limits {
    let bytes = grains.saturating_mul(GRAIN.get());
    asked.with_reservation(Size::bytes(bytes).round_down(GRAIN))
}

/// `u32::try_from` for const code; more than 2^32 - 1 instances is as many as can be said.
const fn narrow(number: u64) -> u32 {
    match number.to_le_bytes() {
        [a, b, c, d, 0, 0, 0, 0] => u32::from_le_bytes([a, b, c, d]),
        _ => u32::MAX,
    }
}

/// The largest value of one pool from `fits`, which does, up to `most`: it fits, and the next one does
/// not or is above `most`.
pub(super) const fn largest(
    case: &Case<'_>,
    limits: &[Limits; MAX_POOLS],
    pool: usize,
    asked: &Limits,
    keep: Keep,
    fits_at: u64,
    most: u64,
) -> u64 {
    let mut limits = *limits;
    let mut fit = fits_at;
    let mut misfit = match most.checked_add(1) {
        Some(beyond) => beyond,
        None => most,
    };
    while misfit - fit > 1 {
        let middle = fit + (misfit - fit) / 2;
        limits[pool] = with_value(asked, keep, middle);
        if fits(&limits, case) {
            fit = middle;
        } else {
            misfit = middle;
        }
    }
    fit
}

/// The largest values of one pool that fit beside these limits of the others.
pub(super) const fn largest_fit(
    case: &Case<'_>,
    limits: &[Limits; MAX_POOLS],
    pool: usize,
) -> LargestFit {
    let asked = limits[pool];
    let mut one = *limits;
    one[pool] = with_instances(&asked, 1);
    let max_instances = if fits(&one, case) {
        let keep = Keep::MemoryReservation;
        let most = wide(u32::MAX);
        Some(narrow(largest(case, limits, pool, &asked, keep, 1, most)))
    } else {
        None
    };
    let least = asked.least_reservation().get() / GRAIN.get();
    one[pool] = with_reservation(&asked, least);
    let memory_reservation = if asked.has_memories() && fits(&one, case) {
        let keep = Keep::MaxInstances;
        let most = u64::MAX / GRAIN.get();
        let grains = largest(case, limits, pool, &asked, keep, least, most);
        Some(with_reservation(&asked, grains).memory_reservation)
    } else {
        None
    };
    LargestFit {
        max_instances,
        memory_reservation,
    }
}
