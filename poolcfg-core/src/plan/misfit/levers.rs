//! Levers: which number of a pool has to be lowered so that all fit, and how far.

use crate::base::bisection::Bisection;
use crate::base::consts::wide;
use crate::base::size::{GRAIN, Size};
use crate::engine::footprint::MappingName;
use crate::engine::wasmtime::Totals;
use crate::plan::misfit::PlanMisfit;
use crate::plan::misfit::step::{Advised, MappedTotals, accepts};
use crate::plan::scale::{Scale, narrow};
use crate::resolved::{ResolvedPool, ResolvedProcess};
use crate::setting::{Keep, value_or};

/// A number that decides how much of a pool is mapped.
#[derive(Clone, Copy)]
enum Lever {
    Memories,
    Tables,
    Stacks,
    GcHeaps,
    Instances,
    /// How many are of use, of a pool that shrinks to them.
    Least,
    /// In grains.
    Reservation,
}

/// Whether fewer instances may be of use than the file says.
#[derive(Clone, Copy)]
pub(super) enum LeastInstances {
    Kept,
    Lowered,
}

/// Those that decide where totals are written.
const COUNTS: [Lever; 5] = [
    Lever::Memories,
    Lever::Tables,
    Lever::Stacks,
    Lever::GcHeaps,
    Lever::Instances,
];

/// The numbers, from those that decide first to those that are not written.
const RANKS: u32 = 4;

impl Lever {
    /// How large it is as asked.
    const fn value(self, pool: &ResolvedPool<'_>) -> u64 {
        match (self, written(pool)) {
            (Self::Memories, Some(totals)) => wide(totals.memories),
            (Self::Tables, Some(totals)) => wide(totals.tables),
            (Self::Stacks, Some(totals)) => wide(totals.stacks),
            (Self::GcHeaps, Some(totals)) => wide(totals.gc_heaps),
            (Self::Memories | Self::Tables | Self::Stacks | Self::GcHeaps, None) => 0,
            (Self::Instances, Some(_)) => wide(value_or(&pool.keys.max_instances, 0)),
            (Self::Instances, None) => wide(pool.asked.max_instances),
            (Self::Least, _) => wide(pool.min_instances),
            (Self::Reservation, _) => grains(pool.asked.memory_reservation),
        }
    }

    /// How small it may be.
    const fn least(self, pool: &ResolvedPool<'_>) -> u64 {
        match self {
            Self::Reservation => grains(pool.least_reservation()),
            _ => 1,
        }
    }

    const fn is_written(self, pool: &ResolvedPool<'_>) -> bool {
        let keys = &pool.keys;
        match self {
            Self::Memories => keys.wasmtime.total_memories.is_some(),
            Self::Tables => keys.wasmtime.total_tables.is_some(),
            Self::Stacks => keys.wasmtime.total_stacks.is_some(),
            Self::GcHeaps => keys.wasmtime.total_gc_heaps.is_some(),
            Self::Instances => keys.max_instances.is_some(),
            Self::Least => keys.min_instances.is_some(),
            Self::Reservation => keys.memory_reservation.is_some(),
        }
    }

    const fn is_of(self, mapping: MappingName) -> bool {
        matches!(
            (self, mapping),
            (Self::Memories, MappingName::Memories)
                | (Self::Tables, MappingName::Tables)
                | (Self::Stacks, MappingName::Stacks)
        )
    }

    /// In which turn it is tried: first what says how many there are of what finds no place.
    const fn rank(self, pool: &ResolvedPool<'_>, mapping: MappingName) -> u32 {
        let of_mapping = match mapping {
            MappingName::Memories => Self::Memories,
            MappingName::Tables => Self::Tables,
            MappingName::Stacks => Self::Stacks,
        };
        match (self, self.is_written(pool)) {
            (Self::Instances, true) if !of_mapping.is_written(pool) => 0,
            (_, true) if self.is_of(mapping) => 0,
            (_, true) => 1,
            (_, false) if self.is_of(mapping) => 2,
            (_, false) => 3,
        }
    }

    const fn step(self, pool: &ResolvedPool<'_>, value: u64) -> Advised {
        let mut step = Advised::NONE;
        match self {
            Self::Memories => step.totals.memories = Some(narrow(value)),
            Self::Tables => step.totals.tables = Some(narrow(value)),
            Self::Stacks => step.totals.stacks = Some(narrow(value)),
            Self::GcHeaps => step.totals.gc_heaps = Some(narrow(value)),
            Self::Instances => step.max_instances = Some(narrow(value)),
            Self::Least => step.min_instances = Some(narrow(value)),
            Self::Reservation => return step.reserving(pool, of_grains(value)),
        }
        step
    }
}

impl PlanMisfit {
    /// The instances that fit, or the totals where those are written; of one number alone if that does.
    pub(super) const fn counts(
        &self,
        case: &ResolvedProcess<'_>,
        least: LeastInstances,
    ) -> Option<Advised> {
        let pool = &case.pools[self.pool];
        if written(pool).is_none() {
            return self.lowered(case, Lever::Instances, least);
        }
        let mut rank = 0;
        while rank < RANKS {
            let mut i = 0;
            while i < COUNTS.len() {
                if COUNTS[i].rank(pool, self.mapping) == rank {
                    if let Some(step) = self.lowered(case, COUNTS[i], least) {
                        return Some(step);
                    }
                }
                i += 1;
            }
            rank += 1;
        }
        self.all_counts(case, least)
    }

    /// As many instances as fit, where that is fewer than are of use, and so many of use.
    pub(super) const fn too_few(&self, case: &ResolvedProcess<'_>) -> Option<Advised> {
        match Scale::new(case, self.pool) {
            _ if case.pools[self.pool].min_instances <= 1 => None,
            Some(Scale {
                keep: Keep::MemoryReservation,
                ..
            }) => self.lowered(case, Lever::Least, LeastInstances::Kept),
            _ => self.counts(case, LeastInstances::Lowered),
        }
    }

    /// The largest reservation that fits.
    pub(super) const fn reservation(&self, case: &ResolvedProcess<'_>) -> Option<Advised> {
        if case.pools[self.pool].asked.has_memories() {
            self.lowered(case, Lever::Reservation, LeastInstances::Kept)
        } else {
            None
        }
    }

    /// The totals of as many instances as fit, where no total alone helps.
    const fn all_counts(
        &self,
        case: &ResolvedProcess<'_>,
        least: LeastInstances,
    ) -> Option<Advised> {
        let pool = &case.pools[self.pool];
        let mut search = Bisection {
            fits: 0,
            misfit: wide(pool.least.max_instances).saturating_add(1),
        };
        while let Some(instances) = search.next() {
            let step = self.with(case, all_for(pool, narrow(instances)), least);
            let is_too_small = !matches!(accepts(case, self.pool, &step), Some(false));
            search = search.told(instances, is_too_small);
        }
        let step = self.with(case, all_for(pool, narrow(search.fits)), least);
        if search.fits > 0 && matches!(accepts(case, self.pool, &step), Some(true)) {
            Some(self.fewest_keys(case, step))
        } else {
            None
        }
    }

    /// The fewest instances with the largest reservation that then fits.
    pub(super) const fn both(&self, case: &ResolvedProcess<'_>) -> Option<Advised> {
        let pool = &case.pools[self.pool];
        if !pool.asked.has_memories() {
            return None;
        }
        let few = all_for(pool, pool.min_instances);
        let mut search = Bisection {
            fits: Lever::Reservation.least(pool),
            misfit: Lever::Reservation.value(pool) + 1,
        };
        while let Some(grains) = search.next() {
            let step = few.reserving(pool, of_grains(grains));
            let is_fit = matches!(accepts(case, self.pool, &step), Some(true));
            search = search.told(grains, is_fit);
        }
        let step = few.reserving(pool, of_grains(search.fits));
        if matches!(accepts(case, self.pool, &step), Some(true)) {
            Some(self.fewest_keys(case, step))
        } else {
            None
        }
    }

    /// A step, where it leaves fewer instances than are of use, with so many of use if those may be fewer.
    const fn with(
        &self,
        case: &ResolvedProcess<'_>,
        step: Advised,
        least: LeastInstances,
    ) -> Advised {
        match least {
            LeastInstances::Kept => step,
            LeastInstances::Lowered => step.lowering_least(case, self.pool),
        }
    }

    /// The most of one number that fits, with the rest as it is.
    const fn lowered(
        &self,
        case: &ResolvedProcess<'_>,
        lever: Lever,
        least: LeastInstances,
    ) -> Option<Advised> {
        let pool = &case.pools[self.pool];
        let less = lever.least(pool).saturating_sub(1);
        let mut search = Bisection {
            fits: less,
            misfit: lever.value(pool),
        };
        while let Some(value) = search.next() {
            // What is at fault is too little for an instance.
            let step = self.with(case, lever.step(pool, value), least);
            let is_too_small = !matches!(accepts(case, self.pool, &step), Some(false));
            search = search.told(value, is_too_small);
        }
        let step = self.with(case, lever.step(pool, search.fits), least);
        if search.fits > less && matches!(accepts(case, self.pool, &step), Some(true)) {
            Some(step)
        } else {
            None
        }
    }

    /// The same without the totals that need not be lowered.
    const fn fewest_keys(&self, case: &ResolvedProcess<'_>, mut step: Advised) -> Advised {
        let mut i = 0;
        while written(&case.pools[self.pool]).is_some() && i < COUNTS.len() {
            let mut without = step;
            match COUNTS[i] {
                Lever::Memories => without.totals.memories = None,
                Lever::Tables => without.totals.tables = None,
                Lever::Stacks => without.totals.stacks = None,
                Lever::GcHeaps => without.totals.gc_heaps = None,
                Lever::Instances | Lever::Least | Lever::Reservation => {
                    without.max_instances = None;
                }
            }
            if matches!(accepts(case, self.pool, &without), Some(true)) {
                step = without;
            }
            i += 1;
        }
        step
    }
}

/// The totals of a pool; `None` if poolcfg.toml writes none.
const fn written(pool: &ResolvedPool<'_>) -> Option<Totals> {
    match &pool.least.wasmtime {
        Some(wasmtime) => match &wasmtime.written {
            Some(written) => Some(written.totals),
            None => None,
        },
        None => None,
    }
}

/// So many instances; where totals are written, every one that is larger than those need, lowered to that, and the
/// instances where they are written, too.
const fn all_for(pool: &ResolvedPool<'_>, instances: u32) -> Advised {
    let limits = pool.least.with_instances(instances);
    let counted = match &limits.wasmtime {
        Some(wasmtime) => wasmtime.counted(&limits),
        None => None,
    };
    let (Some(totals), Some(counted)) = (written(pool), counted) else {
        return Advised::instances(instances);
    };
    Advised {
        max_instances: match &pool.keys.max_instances {
            Some(said) => below(instances, said.value),
            None => None,
        },
        totals: MappedTotals {
            memories: below(counted.memories, totals.memories),
            tables: below(counted.tables, totals.tables),
            stacks: below(counted.stacks, totals.stacks),
            gc_heaps: below(counted.gc_heaps, totals.gc_heaps),
        },
        ..Advised::NONE
    }
}

const fn below(value: u32, now: u32) -> Option<u32> {
    if value < now { Some(value) } else { None }
}

const fn of_grains(grains: u64) -> Size {
    Size::bytes(grains.saturating_mul(GRAIN.get()))
}

const fn grains(size: Size) -> u64 {
    size.get() / GRAIN.get()
}
