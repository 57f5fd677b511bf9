//! The plan: do the pools of a case fit, what is guaranteed, and where they do not, why and what
//! would. The command, the macro and the runtime all ask here.

pub(crate) mod in_the_way;
pub(crate) mod misfit;
pub(crate) mod position;
pub(crate) mod promise;
pub(crate) mod reason;
pub(crate) mod refusal;
pub(crate) mod scale;
pub(crate) mod search;
pub(crate) mod share;
pub(crate) mod tables;
pub(crate) mod warning;
pub(crate) mod ways;
pub(crate) mod written;

use crate::base::consts::wide;
use crate::base::size::GRAIN;
use crate::engine::limits::Limits;
use crate::model::fit::MAX_POOLS;
use crate::model::limit::Limit;
use crate::plan::misfit::PlanMisfit;
use crate::plan::scale::Scale;
use crate::plan::search::{LargestFit, fits, largest_fit, most_instances};
use crate::plan::share::{fewest, shrink};
use crate::plan::tables::{asked, least, tables_of, with_tables};
use crate::resolved::ResolvedProcess;
use crate::setting::Keep;

/// The result for one case: whether its pools fit, and what is guaranteed.
///
/// ```
/// use poolcfg_core::{Arch, Os, Plan, Settings, Target};
/// let board = Target::new(Arch::Riscv64, Os::Linux, 64);
/// let case = Settings::new(&[], &[]).resolve(board).unwrap();
/// let plan = Plan::new(&case);
/// assert!(plan.misfit.is_none());
/// assert_eq!(plan.guaranteed()[0].max_instances, 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub(crate) guaranteed: [Limits; MAX_POOLS],
    pub(crate) count: usize,
    /// Why the pools do not fit; `None` if they do. With a misfit, what is guaranteed is what is asked for.
    pub misfit: Option<PlanMisfit>,
}

impl Plan {
    /// Fits the pools of a case, and shrinks those that may shrink if they do not fit.
    #[must_use]
    pub const fn new(case: &ResolvedProcess<'_>) -> Self {
        let least = least(case);
        let guaranteed = if fits(&least, case) {
            Some(least)
        } else {
            shrink(case, &least, &Scale::all(case))
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
                misfit: reason::misfit(case, &least, &fewest(case, &least)),
            },
        }
    }

    /// What is guaranteed of each pool.
    #[must_use]
    pub const fn guaranteed(&self) -> &[Limits] {
        self.guaranteed.split_at(self.count).0
    }

    /// The largest values of one pool that fit beside what is guaranteed of the others. Where totals are written,
    /// `max_instances` is one that the file may say with these totals, and `None` where none helps.
    #[must_use]
    pub const fn largest_fit(&self, case: &ResolvedProcess<'_>, pool: usize) -> LargestFit {
        let limits = self.with_least(case, pool);
        let fit = largest_fit(case, &limits, pool);
        if !case.pools[pool].totals_at.is_said() {
            return fit;
        }
        LargestFit {
            max_instances: most_instances(case, &limits, pool),
            ..fit
        }
    }

    /// The limit that refuses more than these values, each with the other as asked; `None` for a value that is
    /// `None`, and where nothing refuses more.
    #[must_use]
    pub const fn decided(
        &self,
        case: &ResolvedProcess<'_>,
        pool: usize,
        fit: &LargestFit,
    ) -> [Option<Limit>; 2] {
        let limits = self.with_least(case, pool);
        [
            match fit.max_instances {
                Some(instances) => in_the_way::beyond(
                    case,
                    &limits,
                    pool,
                    Keep::MemoryReservation,
                    wide(instances),
                ),
                None => None,
            },
            match fit.memory_reservation {
                Some(reservation) => in_the_way::beyond(
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
    /// let case = Settings::new(&[], &[]).resolve(board).unwrap();
    /// assert!(Plan::new(&case).bound(&case, 0).is_none());
    /// ```
    #[must_use]
    pub const fn bound(&self, case: &ResolvedProcess<'_>, pool: usize) -> Option<PlanMisfit> {
        let Some(scale) = Scale::new(case, pool) else {
            return None;
        };
        let value = scale.keep.value(&self.guaranteed[pool]);
        if self.misfit.is_some() || value >= scale.asked {
            return None;
        }
        let mut limits = self.with_least(case, pool);
        limits[pool] = scale.keep.with_value(&limits[pool], value + 1);
        reason::misfit(case, &limits, &limits)
    }

    /// What is guaranteed of every pool with the fewest tables that it may have, and of this one what is asked. Where
    /// nothing is guaranteed, the others have the least that they may have.
    const fn with_least(&self, case: &ResolvedProcess<'_>, pool: usize) -> [Limits; MAX_POOLS] {
        let mut limits = self.guaranteed;
        let mut i = 0;
        while i < case.count {
            limits[i] = tables_of(&limits[i], &case.pools[i].least);
            i += 1;
        }
        if self.misfit.is_some() {
            limits = fewest(case, &limits);
        }
        limits[pool] = case.pools[pool].least;
        limits
    }
}
