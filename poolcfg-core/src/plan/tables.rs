//! Tables: as many for each instance as fit, since an instance of more tables than are there does not start.

use crate::base::bisection::Bisection;
use crate::base::size::Size;
use crate::engine::limits::Limits;
use crate::engine::wasmtime::{Counts, Wasmtime};
use crate::model::fit::MAX_POOLS;
use crate::plan::scale::Scale;
use crate::plan::search::fits;
use crate::plan::share::{fewest, shrink};
use crate::resolved::ResolvedProcess;

pub(super) const fn asked(case: &ResolvedProcess<'_>) -> [Limits; MAX_POOLS] {
    let mut limits = [case.pools[0].asked; MAX_POOLS];
    let mut i = 0;
    while i < case.count {
        limits[i] = case.pools[i].asked;
        i += 1;
    }
    limits
}

/// What is asked, each pool with the fewest tables that it may have.
pub(super) const fn least(case: &ResolvedProcess<'_>) -> [Limits; MAX_POOLS] {
    let mut limits = [case.pools[0].least; MAX_POOLS];
    let mut i = 0;
    while i < case.count {
        limits[i] = case.pools[i].least;
        i += 1;
    }
    limits
}

/// `limits` with as many tables, and of such a size, as `other` has.
pub(super) const fn tables_of(limits: &Limits, other: &Limits) -> Limits {
    Limits {
        wasmtime: other.wasmtime,
        table_reservation: other.table_reservation,
        ..*limits
    }
}

/// `guaranteed`, which has the fewest tables, with as many as are asked for and fit: in turn one more for an
/// instance of each pool, and then larger ones, in the order of the file.
pub(super) const fn with_tables(
    case: &ResolvedProcess<'_>,
    guaranteed: [Limits; MAX_POOLS],
) -> [Limits; MAX_POOLS] {
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

/// What one instance of a pool of Wasmtime's may have where the pool has so many, which fit beside what the others then
/// have.
pub(super) const fn counts_with(
    case: &ResolvedProcess<'_>,
    pool: usize,
    instances: u32,
) -> Option<Counts> {
    let mut limits = least(case);
    limits[pool] = limits[pool].with_instances(instances);
    if !fits(&limits, case) {
        let mut scales = Scale::all(case);
        scales[pool] = None;
        if let Some(shrunk) = shrink(case, &limits, &scales) {
            limits = shrunk;
        }
    }
    match &with_tables(case, limits)[pool].wasmtime {
        Some(wasmtime) => Some(wasmtime.counts()),
        None => None,
    }
}

/// What is asked of one pool, and the least that the others may have.
pub(super) const fn beside_fewest(case: &ResolvedProcess<'_>, pool: usize) -> [Limits; MAX_POOLS] {
    let least = least(case);
    let mut limits = fewest(case, &least);
    limits[pool] = least[pool];
    limits
}

impl ResolvedProcess<'_> {
    /// Whether the fewest instances of a pool fit in slots so large that Wasmtime's code need not check, beside the least
    /// that the others may have.
    pub(super) const fn fits_unchecked(&self, pool: usize) -> bool {
        let own = &self.pools[pool];
        let mut limits = beside_fewest(self, pool);
        let whole = limits[pool].with_reservation(Wasmtime::ELIDED);
        limits[pool] = own.grown(&whole).with_instances(own.min_instances);
        fits(&limits, self)
    }
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
const fn larger_tables(
    case: &ResolvedProcess<'_>,
    limits: &[Limits; MAX_POOLS],
    pool: usize,
) -> Limits {
    let mut limits = *limits;
    let now = limits[pool];
    let Some(wasmtime) = &now.wasmtime else {
        return now;
    };
    let element = wasmtime.element_size.get();
    let most = case.pools[pool].asked.table_reservation.get() / element;
    // All that is asked did not fit with all tables, and may with fewer.
    let mut search = Bisection {
        fits: now.table_reservation.get() / element,
        misfit: most.saturating_add(1),
    };
    while let Some(elements) = search.next() {
        limits[pool] = Limits {
            table_reservation: Size::bytes(elements * element),
            ..now
        };
        search = search.told(elements, fits(&limits, case));
    }
    Limits {
        table_reservation: Size::bytes(search.fits * element),
        ..now
    }
}
