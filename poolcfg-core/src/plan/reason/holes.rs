//! What the holes have of what is needed.

use crate::base::consts::{max, min, wide};
use crate::base::size::Size;
use crate::engine::limits::Limits;
use crate::model::fit::{MAX_POOLS, Mappings};
use crate::model::group::KINDS;
use crate::model::room::HOLES;
use crate::plan::misfit::PlanMisfit;
use crate::plan::search::most_pools;
use crate::resolved::ResolvedProcess;
use crate::target::budget::Budget;

/// Bytes that all holes together have when it is the turn of this mapping of a pool.
pub(super) const fn left(
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
    pool: usize,
    kind: usize,
) -> u64 {
    let total = Size::bytes(case.budget.room.total);
    left_of(total, case, asked, pool, kind)
}

/// What is left of so many bytes.
const fn left_of(
    total: Size,
    case: &ResolvedProcess<'_>,
    asked: &[Limits; MAX_POOLS],
    pool: usize,
    kind: usize,
) -> u64 {
    let mut left = total.get();
    let mut i = 0;
    while i <= pool {
        if let Some(mappings) = asked[i].mappings(case.budget.page_size) {
            let group = mappings.group(case.budget.huge_page.get());
            let mut before = 0;
            while before < KINDS && (i < pool || before < kind) {
                let bytes = group.sizes[before].saturating_mul(group.count);
                left = left.saturating_sub(bytes);
                before += 1;
            }
        }
        i += 1;
    }
    left
}

/// The same numbers, the largest first.
pub(super) const fn descending(mut free: [u64; HOLES]) -> [u64; HOLES] {
    let mut end = HOLES;
    while end > 1 {
        let mut i = 1;
        while i < end {
            if free[i] > free[i - 1] {
                (free[i], free[i - 1]) = (free[i - 1], free[i]);
            }
            i += 1;
        }
        end -= 1;
    }
    free
}

impl PlanMisfit {
    /// How many equal pools find their places, where it is their number that decides: one does, and not all that are asked,
    /// of whatever size.
    pub(super) const fn pools_that_fit(
        &self,
        case: &ResolvedProcess<'_>,
        least: &[Limits; MAX_POOLS],
    ) -> Option<u32> {
        let fit = &self.largest_fit;
        if fit.max_instances.is_some() || fit.memory_reservation.is_some() {
            return None;
        }
        match most_pools(case, least, self.pool) {
            0 => None,
            pools => Some(pools),
        }
    }

    /// The same where the number of equal pools decides: what all of them need at the least, and what all holes have, or where that is as
    /// much, what those take that fit.
    pub(super) const fn of_pools(
        mut self,
        case: &ResolvedProcess<'_>,
        least: &[Limits; MAX_POOLS],
        pools: u32,
    ) -> Self {
        let budget = &case.budget;
        let each = match least[self.pool].mappings(budget.page_size) {
            Some(Mappings { sizes, .. }) => {
                sizes[0].saturating_add(sizes[1]).saturating_add(sizes[2])
            }
            None => return self,
        };
        let all = left_of(budget.all(), case, least, self.pool, 0);
        self.pools = Some(pools);
        self.need = each.saturating_mul(wide(least[self.pool].pools));
        self.have = if all < self.need {
            all
        } else {
            each.saturating_mul(wide(pools))
        };
        self.together = Some((Size::bytes(all), budget.room.most_holes()));
        self
    }

    /// The same with what the memories of a pool in slots have in all holes: what those hold that the message lists, or
    /// what all have together where that tells more. Where either is as much as is needed, it is what the slots take
    /// that fit.
    pub(super) const fn in_all_holes(
        mut self,
        case: &ResolvedProcess<'_>,
        asked: &[Limits; MAX_POOLS],
    ) -> Self {
        let budget = &case.budget;
        let limits = &asked[self.pool];
        let (Some(_), Some(mappings)) = (self.slot, limits.mappings(budget.page_size)) else {
            return self;
        };
        let Some(memories) = mappings.group(0).memories() else {
            return self;
        };
        let instances = match self.largest_fit.max_instances {
            Some(instances) => min(wide(instances), memories.slots - 1),
            None => 0,
        };
        let mut fits = memories.bytes(instances);
        let least = match self.largest_fit.memory_reservation {
            Some(size) => limits.with_reservation(size).mappings(budget.page_size),
            None => None,
        };
        if let Some(least) = least {
            fits = max(fits, min(least.sizes[0], self.need - 1));
        }
        let (count, listed) = self.listed(budget);
        let all = max(left(case, asked, self.pool, 0), fits);
        let holes = budget.room.most_holes();
        let is_sum = holes > 1 && all > listed && (count == 1 || fits > listed);
        let sum = if is_sum { all } else { listed };
        if (limits.pools == 1 || holes == 1) && sum < self.need {
            self.have = sum;
            if is_sum {
                self.together = Some((Size::bytes(all), holes));
            }
        } else if instances > 0 {
            self.have = memories.bytes(instances);
            self.together = Some((Size::bytes(sum), if is_sum { holes } else { count as u64 }));
        }
        self
    }

    /// What a mapping of a pool needs, and what of it these free holes have, the largest first.
    pub(super) const fn in_holes(
        mut self,
        limits: &Limits,
        kind: usize,
        free: [u64; HOLES],
        budget: &Budget,
    ) -> Self {
        let mut hole = 0;
        while hole < HOLES {
            self.holes[hole] = Size::bytes(free[hole]);
            hole += 1;
        }
        self.have = free[0];
        let Some(mappings) = limits.mappings(budget.page_size) else {
            self.need = u64::MAX;
            return self;
        };
        self.need = mappings.sizes[kind];
        // What alignment may waste is not told.
        self.have = min(self.have, self.need.saturating_sub(1));
        if let Some(memories) = mappings.group(0).memories() {
            if kind == 0 && memories.slots > 1 {
                self.slot = Some(Size::bytes(memories.slot));
            }
        }
        self
    }
}
