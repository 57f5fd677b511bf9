//! Shared: what fits where several pools take a number from one place.

use crate::base::bisection::Bisection;
use crate::base::size::GRAIN;
use crate::engine::limits::Limits;
use crate::model::fit::MAX_POOLS;
use crate::plan::misfit::{PlanMisfit, Suggested};
use crate::plan::search::fits;
use crate::resolved::ResolvedProcess;
use crate::setting::{FilePlace, Keep};

impl PlanMisfit {
    /// The same with the value that fits for all pools that take the number from the place of this pool's. What others
    /// have in any case is `others`.
    pub(crate) const fn with_shared(
        mut self,
        case: &ResolvedProcess<'_>,
        asked: &[Limits; MAX_POOLS],
        others: &[Limits; MAX_POOLS],
    ) -> Self {
        let keep = case.pools[self.pool].keep;
        self.shared = self.at_place(case, asked, others, keep);
        if let (None, Keep::MaxInstances, None | Some(Suggested::Instances(_))) =
            (self.shared, keep, Suggested::of(keep, &self.largest_fit))
        {
            self.shared = self.at_place(case, asked, others, Keep::MemoryReservation);
        }
        self
    }

    /// The most of the number that is not kept at its place; `None` if only this pool takes it from there, or none fits.
    const fn at_place(
        &self,
        case: &ResolvedProcess<'_>,
        asked: &[Limits; MAX_POOLS],
        others: &[Limits; MAX_POOLS],
        keep: Keep,
    ) -> Option<Suggested> {
        let place = place(case, self.pool, keep);
        if !place.is_said() {
            return None;
        }
        let mut least = match keep {
            Keep::MemoryReservation => 1,
            Keep::MaxInstances => 0,
        };
        let mut count = 0;
        let mut i = 0;
        while i < case.count {
            if takes(case, i, keep, place) {
                count += 1;
                let own = case.pools[i].least_reservation().get() / GRAIN.get();
                if matches!(keep, Keep::MaxInstances) && own > least {
                    least = own;
                }
            }
            i += 1;
        }
        if count < 2 || !fits(&with(case, asked, others, keep, place, least), case) {
            return None;
        }
        let mut search = Bisection {
            fits: least,
            misfit: keep.value(&asked[self.pool]).saturating_add(1),
        };
        while let Some(value) = search.next() {
            let limits = with(case, asked, others, keep, place, value);
            search = search.told(value, fits(&limits, case));
        }
        let limits = keep.with_value(&asked[self.pool], search.fits);
        Some(match keep {
            Keep::MemoryReservation => Suggested::Instances(limits.max_instances),
            Keep::MaxInstances => Suggested::Reservation(limits.memory_reservation),
        })
    }
}

/// Where the number of a pool stands that is not kept.
const fn place(case: &ResolvedProcess<'_>, pool: usize, keep: Keep) -> FilePlace {
    match keep {
        Keep::MemoryReservation => case.pools[pool].max_instances_at,
        Keep::MaxInstances => case.pools[pool].memory_reservation_at,
    }
}

const fn takes(case: &ResolvedProcess<'_>, pool: usize, keep: Keep, from: FilePlace) -> bool {
    let place = place(case, pool, keep);
    place.line == from.line && place.column == from.column
}

/// What is asked of the pools that take a number from one place, with another value there, and what the others have.
const fn with(
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
    others: &[Limits; MAX_POOLS],
    keep: Keep,
    from: FilePlace,
    value: u64,
) -> [Limits; MAX_POOLS] {
    let mut limits = *others;
    let mut i = 0;
    while i < case.count {
        if takes(case, i, keep, from) {
            limits[i] = keep.with_value(&asked[i], value);
        }
        i += 1;
    }
    limits
}
