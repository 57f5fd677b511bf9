//! Advice: what fits in place of what is asked, and how large a limit has to be for it.

use crate::base::size::Size;
use crate::base::text::{Text, say};
use crate::model::limit::Limit;
use crate::plan::misfit::{PlanMisfit, Suggested};
use crate::plan::search::fits;
use crate::plan::share::fewest;
use crate::plan::tables::{counts_with, largest_with, least, memories_with};
use crate::resolved::{ResolvedPool, ResolvedProcess};
use crate::setting::{Keep, OnMisfit};
use crate::target::budget::{Budget, HEADROOM_MAPS};
use crate::target::process::{MOST_MAPS, ProcessLimits};

impl PlanMisfit {
    /// What would fit, such as `max_instances = 42`, as it may be written in poolcfg.toml; empty when no
    /// value of this pool does.
    #[must_use]
    pub const fn suggestion(&self, case: &ResolvedProcess<'_>) -> Text {
        match self.memories(case) {
            Some(memories) => write_memories(memories),
            None => self.write_suggested(case),
        }
    }

    const fn write_suggested(&self, case: &ResolvedProcess<'_>) -> Text {
        let text = Text::new();
        match self.suggested(case) {
            Some(Suggested::Instances(instances)) => text.str("max_instances = ").number(instances),
            Some(Suggested::Reservation(reservation)) => {
                say!(text; "memory_reservation = \"", exact(reservation), "\"")
            }
            None => text,
        }
    }

    /// How many memories in all would fit, where poolcfg.toml writes totals: fewer instances then need not be asked for.
    const fn memories(&self, case: &ResolvedProcess<'_>) -> Option<u32> {
        match case.pools[self.pool].keep {
            Keep::MemoryReservation => memories_with(case, self.pool),
            Keep::MaxInstances => None,
        }
    }

    pub(super) const fn suggested(&self, case: &ResolvedProcess<'_>) -> Option<Suggested> {
        match self.shared {
            Some(shared) => Some(shared),
            None => Suggested::of(case.pools[self.pool].keep, &self.largest_fit),
        }
    }

    /// What would fit under the same limits, as advice: `max_instances = 42 fits`.
    #[must_use]
    pub const fn fitting(&self, case: &ResolvedProcess<'_>) -> Text {
        let text = self.write_fit(case);
        let text = if self.keeps_instances(case) {
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
        match self.limit {
            // Of nothing not even the smallest memory goes in.
            Limit::RlimitData | Limit::CommitLimit if self.have > 0 => {
                text.str("; a smaller `max_memory_size` takes less")
            }
            _ => text,
        }
    }

    /// Whether the pool shrinks, but not its instances, and would fit if it were those.
    const fn keeps_instances(&self, case: &ResolvedProcess<'_>) -> bool {
        if !keeps(&case.pools[self.pool])
            || matches!(self.suggested(case), Some(Suggested::Reservation(_)))
        {
            return false;
        }
        let mut limits = fewest(case, &least(case));
        let mut i = 0;
        while i < case.count {
            let pool = &case.pools[i];
            if keeps(pool) {
                limits[i] = pool.least.with_instances(pool.min_instances);
            }
            i += 1;
        }
        fits(&limits, case)
    }

    /// The same, and how large a limit would have to be that can be said.
    #[must_use]
    pub const fn advice(&self, case: &ResolvedProcess<'_>) -> Text {
        let text = self.fitting(case);
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
                    say!(text; ", and ", str(asked), "rlimit_data = \"", exact(raised), "\"`")
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

    const fn write_fit(&self, case: &ResolvedProcess<'_>) -> Text {
        if let Some(memories) = self.memories(case) {
            return write_memories(memories).str(" fits");
        }
        let text = self.write_suggested(case);
        let least = case.pools[self.pool].min_instances;
        match self.suggested(case) {
            None => self.write_both(case),
            Some(Suggested::Instances(instances)) if instances < least => {
                say!(text; " fits, below min_instances = ", number(least))
            }
            Some(Suggested::Instances(instances)) => {
                match counts_with(case, self.pool, instances) {
                    Some(counts) => counts.write(text.str(" fits, each of ")),
                    None => text.str(" fits"),
                }
            }
            // The exact value is in a unit that nobody reads.
            Some(Suggested::Reservation(reservation)) => {
                say!(text; " (", available(reservation), ") fits")
            }
        }
    }

    /// What would fit when neither number helps alone: the largest reservation of the fewest instances.
    const fn write_both(&self, case: &ResolvedProcess<'_>) -> Text {
        let text = Text::new();
        let pool = &case.pools[self.pool];
        let instances = pool.min_instances;
        if let Some(reservation) = largest_with(case, self.pool, instances) {
            // Written totals outrank the instances.
            if pool.totals_at.is_said() {
                let text = say!(text; "memory_reservation = \"", exact(reservation), "\" (");
                let text = say!(text; available(reservation), ") with totals for max_instances = ");
                return say!(text; number(instances), " fits");
            }
            let text =
                say!(text; "max_instances = ", number(instances), " with memory_reservation = \"");
            return say!(text; exact(reservation), "\" (", available(reservation), ") fits");
        }
        if let Some(text) = self.write_together(case) {
            return text;
        }
        let text = text.str("no size of this pool fits");
        let text = if pool.totals_at.is_said() {
            text.str(" with its totals")
        } else {
            text
        };
        let text = if case.count == 1 {
            text
        } else {
            text.str(" next to the others")
        };
        if matches!(self.limit, Limit::MaxMapCount) {
            let what = " maps reserved for the rest of the process";
            return say!(text; " after the ", u64(HEADROOM_MAPS), str(what));
        }
        if case.budget.headroom.is_zero() {
            return text;
        }
        let text = say!(text; " with a headroom of ", needed(case.budget.headroom));
        let text = if pool.asked.guard_size.is_zero() {
            text
        } else {
            say!(text; " and a guard_size of ", needed(pool.asked.guard_size))
        };
        text.str(Self::CHANGES_HEADROOM)
    }
}

/// Whether a pool shrinks, but not its instances.
const fn keeps(pool: &ResolvedPool<'_>) -> bool {
    matches!(
        (pool.on_misfit, pool.keep),
        (OnMisfit::Shrink, Keep::MaxInstances)
    )
}

const fn write_memories(memories: u32) -> Text {
    Text::new().str("total_memories = ").number(memories)
}
