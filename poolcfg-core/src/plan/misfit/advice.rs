//! Advice: what fits in place of what is asked, and how large a limit has to be for it.

use crate::base::bisection::Bisection;
use crate::base::size::{GRAIN, Size};
use crate::base::text::{Text, say};
use crate::engine::footprint::MappingName;
use crate::engine::limits::Limits;
use crate::model::fit::MAX_POOLS;
use crate::model::limit::Limit;
use crate::plan::misfit::PlanMisfit;
use crate::plan::misfit::levers::LeastInstances;
use crate::plan::misfit::nothing::InTheWay;
use crate::plan::misfit::step::Advised;
use crate::plan::search::{fits, most_pools};
use crate::plan::share::fewest;
use crate::plan::tables::{beside_fewest, counts_with, least};
use crate::resolved::ResolvedProcess;
use crate::setting::{FilePlace, Keep, place_of};
use crate::target::budget::Budget;
use crate::target::process::{MOST_MAPS, ProcessLimits};

/// What a misfit is helped by.
pub(super) enum Help {
    /// Other numbers of the pool.
    Step(Advised),
    /// Fewer instances of several pools.
    Together([u32; MAX_POOLS]),
    /// No number of the pools.
    Nothing(InTheWay),
}

impl PlanMisfit {
    /// The numbers of the pool that fit, beside the least of those pools that may shrink; `None` if none do.
    const fn step(&self, case: &ResolvedProcess<'_>) -> Option<Advised> {
        let keeps_instances = matches!(case.pools[self.pool].keep, Keep::MaxInstances);
        if keeps_instances {
            if let Some(step) = self.reservation(case) {
                return Some(step);
            }
        }
        if let Some(step) = self.counts(case, LeastInstances::Kept) {
            return Some(step);
        }
        if let Some(step) = self.too_few(case) {
            return Some(step);
        }
        match self.reservation(case) {
            Some(step) => Some(step),
            None => self.both(case),
        }
    }

    /// How many pools fit where none of any size does in as many as are asked.
    const fn fewer_pools(&self, case: &ResolvedProcess<'_>) -> Option<Advised> {
        match self.most_pools(case) {
            0 => None,
            pools => Some(Advised {
                pools: Some(pools),
                ..Advised::NONE
            }),
        }
    }

    /// How many of several equal pools fit, each with the least that it may have.
    #[must_use]
    pub const fn most_pools(&self, case: &ResolvedProcess<'_>) -> u32 {
        most_pools(case, &fewest(case, &least(case)), self.pool)
    }

    pub(super) const fn help(&self, case: &ResolvedProcess<'_>) -> Help {
        if let Some(step) = self.step(case) {
            return Help::Step(step);
        }
        if let Some(fewer) = self.together(case) {
            return Help::Together(fewer);
        }
        match self.fewer_pools(case) {
            Some(step) => Help::Step(step),
            None => Help::Nothing(InTheWay::of(self, case)),
        }
    }

    /// What would fit under the same limits, as advice: `max_instances = 42 fits`.
    #[must_use]
    pub const fn fitting(&self, case: &ResolvedProcess<'_>) -> Text {
        self.write_help(case, &self.help(case))
    }

    const fn write_help(&self, case: &ResolvedProcess<'_>, help: &Help) -> Text {
        let text = match help {
            Help::Step(step) => self.write_step(case, step),
            Help::Together(fewer) => Self::write_together(case, fewer),
            Help::Nothing(in_the_way) => self.write_nothing(case, *in_the_way),
        };
        let text = if self.keeps_instances(case, help) {
            let default = if case.pools[self.pool].says_keep {
                ""
            } else {
                ", its default where no reservation is written"
            };
            say!(
                text;
                "; `keep` is `max_instances`", str(default), ", so that `shrink` does not lower it: set `keep = \
                 \"memory_reservation\"`"
            )
        } else {
            text
        };
        match (self.limit, self.smaller_memories(case)) {
            (Limit::RlimitData | Limit::CommitLimit, Some(size)) => {
                say!(text; "; `max_memory_size = \"", exact(size), "\"` fits, too")
            }
            _ => text,
        }
    }

    /// The numbers of a step, and what else should be known of them.
    const fn write_step(&self, case: &ResolvedProcess<'_>, step: &Advised) -> Text {
        let pool = &case.pools[self.pool];
        let text = step.write(Text::new()).str(" fits");
        match step.max_instances {
            Some(instances) if step.memory_reservation.is_none() && !pool.totals_at.is_said() => {
                match counts_with(case, self.pool, instances) {
                    Some(counts) => counts.write(text.str(", each of ")),
                    None => text,
                }
            }
            _ => text,
        }
    }

    /// The largest memory at which all that is asked fits, where only that has to be smaller; `None` if it does not help.
    const fn smaller_memories(&self, case: &ResolvedProcess<'_>) -> Option<Size> {
        let mut limits = beside_fewest(case, self.pool);
        let asked = limits[self.pool];
        let mut search = Bisection {
            fits: 0,
            misfit: asked.max_memory_size.get() / GRAIN.get(),
        };
        while let Some(grains) = search.next() {
            limits[self.pool] = Limits {
                max_memory_size: Size::bytes(grains * GRAIN.get()),
                ..asked
            };
            search = search.told(grains, fits(&limits, case));
        }
        let size = Size::bytes(search.fits * GRAIN.get());
        if search.fits == 0 || size.get() < case.pools[self.pool].memory_minimum.get() {
            None
        } else {
            Some(size)
        }
    }

    /// Whether the pool shrinks, but not its instances, and would fit if it were those.
    const fn keeps_instances(&self, case: &ResolvedProcess<'_>, help: &Help) -> bool {
        let is_smaller = match help {
            Help::Step(step) => step.memory_reservation.is_some() && step.max_instances.is_none(),
            Help::Together(_) | Help::Nothing(_) => false,
        };
        if is_smaller || !case.pools[self.pool].keeps_instances() {
            return false;
        }
        let mut limits = fewest(case, &least(case));
        let mut i = 0;
        while i < case.count {
            let pool = &case.pools[i];
            if pool.keeps_instances() {
                limits[i] = pool.least.with_instances(pool.min_instances);
            }
            i += 1;
        }
        fits(&limits, case)
    }

    /// Whether no size of the pool fits, and a smaller headroom would change that.
    #[must_use]
    pub const fn is_helped_by_headroom(&self, case: &ResolvedProcess<'_>) -> bool {
        match self.help(case) {
            Help::Nothing(in_the_way) => in_the_way.headroom && !case.budget.headroom.is_zero(),
            Help::Step(_) | Help::Together(_) => false,
        }
    }

    /// The same, and how large a limit would have to be that can be said.
    #[must_use]
    pub const fn advice(&self, case: &ResolvedProcess<'_>) -> Text {
        let help = self.help(case);
        let text = self.write_help(case, &help);
        let text = match help {
            Help::Nothing(in_the_way) if in_the_way.headroom && !case.budget.headroom.is_zero() => {
                text.str(Self::CHANGES_HEADROOM)
            }
            _ => text,
        };
        if !self.is_only {
            return text;
        }
        let asked = "what is asked fits with `";
        match self.limit {
            Limit::MaxMapCount => {
                let maps = self.limit_needed(case);
                if maps > MOST_MAPS {
                    return text;
                }
                say!(text; "; ", str(asked), "max_map_count = ", u64(maps), "`")
            }
            Limit::RlimitAs => match self.raised(case) {
                Some(raised) => {
                    say!(text; "; ", str(asked), "rlimit_as = \"", exact(raised), "\"`")
                }
                None => text,
            },
            Limit::RlimitData => match self.raised(case) {
                Some(raised) => {
                    say!(text; "; ", str(asked), "rlimit_data = \"", exact(raised), "\"`")
                }
                None => text,
            },
            Limit::Hole | Limit::CommitLimit | Limit::RamAndSwap => text,
        }
    }

    /// How large the limit has to be for what is asked and for the rest of the process.
    #[must_use]
    pub const fn limit_needed(&self, case: &ResolvedProcess<'_>) -> u64 {
        match self.limit.bound() {
            Some(bound) => self.need.saturating_add(case.budget.own().of(bound)),
            None => self.need,
        }
    }

    /// `rlimit_as` or `rlimit_data`, whichever is in the way, under which what is asked fits beside the headroom that a process
    /// has under it; `None` if there is none.
    const fn raised(&self, case: &ResolvedProcess<'_>) -> Option<Size> {
        let mut headroom = case.budget.headroom;
        loop {
            let need = match self.need.checked_add(headroom.get()) {
                Some(need) => Size::bytes(need).round_up(Size::mib(1)),
                None => None,
            };
            let Some(limit) = need else { return None };
            let limits = &case.budget.limits;
            let limits = match self.limit {
                Limit::RlimitAs => ProcessLimits {
                    rlimit_as: Some(limit),
                    ..*limits
                },
                Limit::RlimitData => ProcessLimits {
                    rlimit_data: Some(limit),
                    ..*limits
                },
                _ => return None,
            };
            // It grows with the limit, up to the usual one, and by less.
            let under = case.headroom_under(&limits);
            if under.get() <= headroom.get() {
                // A larger headroom takes more of the holes and of the other limits, too.
                let budget = Budget::new(&case.profile, case.shape, Some(headroom));
                let raised = case.with_budget(budget.with_limits(limits));
                let fits =
                    headroom.get() <= case.budget.headroom.get() || fits(&least(case), &raised);
                return if fits { Some(limit) } else { None };
            }
            headroom = under;
        }
    }

    /// Where the number stands that has to change, or else one that is written of what finds no place.
    #[must_use]
    pub const fn place(&self, case: &ResolvedProcess<'_>) -> FilePlace {
        let pool = &case.pools[self.pool];
        let (decides, then_reservation) = match self.help(case) {
            Help::Step(step) => (step.place(pool), step.max_instances.is_some()),
            Help::Together(_) => (FilePlace::NOWHERE, false),
            Help::Nothing(in_the_way) => (in_the_way.place(pool), false),
        };
        let region = match (pool.asked.has_memories(), self.mapping) {
            (true, _) => pool.memory_reservation_at,
            (false, MappingName::Tables) => place_of(&pool.keys.table_reservation),
            (false, _) => place_of(&pool.keys.stack_reservation),
        };
        let instances = pool.instances_at();
        FilePlace::first_said(&[
            (true, decides),
            (then_reservation, region),
            (true, instances),
            (true, region),
            (pool.asked.pools > 1, pool.pools_at),
            (true, case.limits_at[self.limit as usize]),
            // Totals that are not written are Wasmtime's own where any is.
            (pool.totals_at.is_said(), pool.engine_at),
        ])
    }
}
