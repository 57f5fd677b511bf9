//! The plan: do the pools of a case fit, what is guaranteed, and where they do not, why and what
//! would. The command, the macro and the runtime all ask here.

use crate::case::Case;
use crate::fit::{MAX_POOLS, Mappings, Verdict, fit};
use crate::limits::{Limits, wide};
use crate::misfit::{LargestFit, Limit, Misfit};
use crate::reason;
use crate::setting::{Keep, OnMisfit};
use crate::size::{GRAIN, Size};
use crate::wasmtime::{Counts, Wasmtime};

/// The answer for one case.
///
/// ```
/// use poolcfg_core::{Arch, Os, Plan, Settings, Target};
/// let board = Target::new(Arch::Riscv64, Os::Linux, 64);
/// let case = Settings::new(&[], &[]).case(board).unwrap();
/// let plan = Plan::new(&case);
/// assert!(plan.misfit.is_none());
/// assert_eq!(plan.guaranteed()[0].max_instances, 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub(crate) guaranteed: [Limits; MAX_POOLS],
    pub(crate) count: usize,
    /// Why the pools do not fit, when they do not; what is guaranteed is then as asked.
    pub misfit: Option<Misfit>,
}

impl Plan {
    /// Fits the pools of a case, and shrinks those that may be shrunk where they do not fit.
    #[must_use]
    pub const fn new(case: &Case<'_>) -> Self {
        let least = least(case);
        let guaranteed = if fits(&least, case) {
            Some(least)
        } else {
            shrink(case, &least)
        };
        match guaranteed {
            Some(guaranteed) => Self {
                guaranteed: with_tables(case, guaranteed),
                count: case.count,
                misfit: None,
            },
            None => Self {
                guaranteed: asked(case),
                count: case.count,
                misfit: reason::misfit(case, &least),
            },
        }
    }

    /// What is guaranteed of each pool.
    #[must_use]
    pub const fn guaranteed(&self) -> &[Limits] {
        self.guaranteed.split_at(self.count).0
    }

    /// The largest values of one pool that fit beside what is guaranteed of the others.
    #[must_use]
    pub const fn largest_fit(&self, case: &Case<'_>, pool: usize) -> LargestFit {
        largest_fit(case, &self.with_least(case, pool), pool)
    }

    /// The limit that refuses more than these values, each with the other as asked; `None` for a value that is
    /// `None`, and where nothing refuses more.
    #[must_use]
    pub const fn decided(
        &self,
        case: &Case<'_>,
        pool: usize,
        fit: &LargestFit,
    ) -> [Option<Limit>; 2] {
        let limits = self.with_least(case, pool);
        [
            match fit.max_instances {
                Some(instances) => reason::beyond(
                    case,
                    &limits,
                    pool,
                    Keep::MemoryReservation,
                    wide(instances),
                ),
                None => None,
            },
            match fit.memory_reservation {
                Some(reservation) => reason::beyond(
                    case,
                    &limits,
                    pool,
                    Keep::MaxInstances,
                    reservation.get() / GRAIN.get(),
                ),
                None => None,
            },
        ]
    }

    /// What decides how much a pool has that has less than is asked: what is in the way of one more instance, or
    /// where those are kept, of a larger reservation. `None` if it has all that is asked, or nothing fits.
    ///
    /// ```
    /// use poolcfg_core::{Arch, Limit, Os, Plan, Settings, Target};
    /// let board = Target::new(Arch::Riscv64, Os::Linux, 64);
    /// let case = Settings::new(&[], &[]).case(board).unwrap();
    /// assert!(Plan::new(&case).bound(&case, 0).is_none());
    /// ```
    #[must_use]
    pub const fn bound(&self, case: &Case<'_>, pool: usize) -> Option<Misfit> {
        let Some(scale) = Scale::new(case, pool) else {
            return None;
        };
        let value = scale.value(&self.guaranteed[pool]);
        if self.misfit.is_some() || value >= scale.asked {
            return None;
        }
        let mut limits = self.with_least(case, pool);
        limits[pool] = scale.limits(&limits[pool], value + 1);
        reason::misfit(case, &limits)
    }

    /// What is guaranteed of every pool with the fewest tables that it may have, and of this one what is asked.
    const fn with_least(&self, case: &Case<'_>, pool: usize) -> [Limits; MAX_POOLS] {
        let mut limits = self.guaranteed;
        let mut i = 0;
        while i < case.count {
            limits[i] = tables_of(&limits[i], &case.pools[i].least);
            i += 1;
        }
        limits[pool] = case.pools[pool].least;
        limits
    }
}

const fn asked(case: &Case<'_>) -> [Limits; MAX_POOLS] {
    let mut limits = [case.pools[0].asked; MAX_POOLS];
    let mut i = 0;
    while i < case.count {
        limits[i] = case.pools[i].asked;
        i += 1;
    }
    limits
}

/// What is asked, each pool with the fewest tables that it may have.
const fn least(case: &Case<'_>) -> [Limits; MAX_POOLS] {
    let mut limits = [case.pools[0].least; MAX_POOLS];
    let mut i = 0;
    while i < case.count {
        limits[i] = case.pools[i].least;
        i += 1;
    }
    limits
}

/// `limits` with as many tables, and of such a size, as `other` has.
const fn tables_of(limits: &Limits, other: &Limits) -> Limits {
    Limits {
        wasmtime: other.wasmtime,
        table_reservation: other.table_reservation,
        ..*limits
    }
}

/// `guaranteed`, which has the fewest tables, with as many as are asked for and fit: in turn one more for an
/// instance of each pool, and then larger ones, in the order of the file.
const fn with_tables(case: &Case<'_>, guaranteed: [Limits; MAX_POOLS]) -> [Limits; MAX_POOLS] {
    let mut all = guaranteed;
    let mut i = 0;
    while i < case.count {
        all[i] = tables_of(&guaranteed[i], &case.pools[i].asked);
        i += 1;
    }
    if fits(&all, case) {
        return all;
    }
    let mut limits = guaranteed;
    let mut more = true;
    while more {
        more = false;
        let mut i = 0;
        while i < case.count {
            let now = limits[i];
            if let Some(one_more) = one_table_more(&now, &case.pools[i].asked) {
                limits[i] = one_more;
                if fits(&limits, case) {
                    more = true;
                } else {
                    limits[i] = now;
                }
            }
            i += 1;
        }
    }
    let mut i = 0;
    while i < case.count {
        limits[i] = larger_tables(case, &limits, i);
        i += 1;
    }
    limits
}

/// What one instance of a pool of Wasmtime's may have where the pool has so many, which fit.
pub(crate) const fn counts_with(case: &Case<'_>, pool: usize, instances: u32) -> Option<Counts> {
    let mut limits = least(case);
    limits[pool] = limits[pool].with_instances(instances);
    match &with_tables(case, limits)[pool].wasmtime {
        Some(wasmtime) => Some(wasmtime.counts()),
        None => None,
    }
}

/// The largest reservation with which so many instances of a pool fit beside what is asked of the others.
pub(crate) const fn largest_with(case: &Case<'_>, pool: usize, instances: u32) -> Option<Size> {
    let mut limits = least(case);
    limits[pool] = limits[pool].with_instances(instances);
    largest_fit(case, &limits, pool).memory_reservation
}

/// The same with one table more for each instance; `None` if that is more than `asked`.
const fn one_table_more(limits: &Limits, asked: &Limits) -> Option<Limits> {
    let (Some(now), Some(asked)) = (&limits.wasmtime, &asked.wasmtime) else {
        return None;
    };
    match (now.tables_per_instance, asked.tables_per_instance) {
        (Some(tables), Some(most)) if tables < most => Some(Limits {
            wasmtime: Some(Wasmtime {
                tables_per_instance: Some(tables + 1),
                ..*now
            }),
            ..*limits
        }),
        _ => None,
    }
}

/// The limits of one pool with the largest tables that fit, up to those that are asked for.
const fn larger_tables(case: &Case<'_>, limits: &[Limits; MAX_POOLS], pool: usize) -> Limits {
    let mut limits = *limits;
    let now = limits[pool];
    let Some(wasmtime) = &now.wasmtime else {
        return now;
    };
    let element = wide(wasmtime.element_bytes);
    let mut fit = now.table_reservation.get() / element;
    let most = case.pools[pool].asked.table_reservation.get() / element;
    // All that is asked did not fit with all tables, and may with fewer.
    let mut misfit = most.saturating_add(1);
    while misfit - fit > 1 {
        let middle = fit + (misfit - fit) / 2;
        limits[pool] = Limits {
            table_reservation: Size::bytes(middle * element),
            ..now
        };
        if fits(&limits, case) {
            fit = middle;
        } else {
            misfit = middle;
        }
    }
    Limits {
        table_reservation: Size::bytes(fit * element),
        ..now
    }
}

/// Whether these limits of every pool fit the case's budget.
const fn fits(limits: &[Limits; MAX_POOLS], case: &Case<'_>) -> bool {
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
pub(crate) const fn mappings(
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

/// How a pool is scaled: from the least it may have to what is asked, in steps.
#[derive(Clone, Copy)]
struct Scale {
    least: u64,
    asked: u64,
    keep: Keep,
}

impl Scale {
    /// Nothing when the pool does not shrink.
    const fn new(case: &Case<'_>, pool: usize) -> Option<Self> {
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

    const fn value(&self, limits: &Limits) -> u64 {
        match self.keep {
            Keep::MemoryReservation => wide(limits.max_instances),
            Keep::MaxInstances => limits.memory_reservation.get() / GRAIN.get(),
        }
    }

    const fn limits(&self, asked: &Limits, value: u64) -> Limits {
        with_value(asked, self.keep, value)
    }
}

/// `asked` with another value of the number that is not kept: instances, or a reservation in grains.
pub(crate) const fn with_value(asked: &Limits, keep: Keep, value: u64) -> Limits {
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

/// What fits when every pool that may shrink does: all by the same share of what each asks first, so
/// that none starves, then each in the order of the file as far as it goes.
const fn shrink(case: &Case<'_>, asked: &[Limits; MAX_POOLS]) -> Option<[Limits; MAX_POOLS]> {
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

/// The largest value of one pool from `fits`, which does, up to `most`: it fits, and the next one does
/// not or is above `most`.
const fn largest(
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
pub(crate) const fn largest_fit(
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
    let memory_reservation = if fits(&one, case) {
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
