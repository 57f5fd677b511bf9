//! Nothing: what is in the way where no size of a pool fits.

use crate::base::size::Size;
use crate::base::text::{Text, say};
use crate::engine::limits::Limits;
use crate::model::limit::Limit;
use crate::plan::misfit::PlanMisfit;
use crate::plan::misfit::step::between;
use crate::plan::search::fits;
use crate::plan::tables::beside_fewest;
use crate::resolved::{ResolvedPool, ResolvedProcess};
use crate::setting::{FilePlace, place_of};
use crate::target::budget::{Budget, HEADROOM_MAPS};

/// Which sizes are in the way of even the smallest pool.
#[derive(Clone, Copy)]
pub(super) struct InTheWay {
    pub(super) headroom: bool,
    guard: bool,
    table: bool,
    stack: bool,
}

/// How many sizes there are.
const SIZES: usize = 4;

impl InTheWay {
    const NOTHING: Self = Self {
        headroom: false,
        guard: false,
        table: false,
        stack: false,
    };

    const ALL: Self = Self {
        headroom: true,
        guard: true,
        table: true,
        stack: true,
    };

    /// Each without which the smallest pool fits; or if there is none, as few as may be without which it does together.
    pub(super) const fn of(misfit: &PlanMisfit, case: &ResolvedProcess<'_>) -> Self {
        let nothing = Self::NOTHING;
        let mut alone = nothing;
        let mut together = Self::ALL;
        let mut any = false;
        let mut i = 0;
        while i < SIZES {
            if nothing.with(i, true).decides(misfit, case) {
                alone = alone.with(i, true);
                any = true;
            }
            let fewer = together.with(i, false);
            if fewer.decides(misfit, case) {
                together = fewer;
            }
            i += 1;
        }
        if any || !together.decides(misfit, case) {
            alone
        } else {
            together
        }
    }

    const fn with(mut self, size: usize, is_in_the_way: bool) -> Self {
        match size {
            0 => self.headroom = is_in_the_way,
            1 => self.guard = is_in_the_way,
            2 => self.table = is_in_the_way,
            _ => self.stack = is_in_the_way,
        }
        self
    }

    /// Whether the smallest pool fits without these.
    const fn decides(self, misfit: &PlanMisfit, case: &ResolvedProcess<'_>) -> bool {
        let mut limits = beside_fewest(case, misfit.pool);
        let pool = &case.pools[misfit.pool];
        let mut least = limits[misfit.pool].with_instances(pool.min_instances);
        if least.has_memories() {
            least = least.with_reservation(pool.least_reservation());
        }
        limits[misfit.pool] = self.left_out(least);
        let budget = if self.headroom {
            let without = Budget::new(&case.profile, case.shape, Some(Size::ZERO));
            without.with_limits(case.budget.limits)
        } else {
            case.budget
        };
        fits(&limits, &case.with_budget(budget))
    }

    /// Where the first of them is written that is a key of the pool.
    pub(super) const fn place(self, pool: &ResolvedPool<'_>) -> FilePlace {
        let keys = &pool.keys;
        FilePlace::first_said(&[
            (self.stack, place_of(&keys.stack_reservation)),
            (self.table, place_of(&keys.table_reservation)),
            (self.guard, place_of(&keys.guard_size)),
        ])
    }

    const fn left_out(self, limits: Limits) -> Limits {
        Limits {
            guard_size: unless(self.guard, limits.guard_size),
            table_reservation: unless(self.table, limits.table_reservation),
            stack_reservation: unless(self.stack, limits.stack_reservation),
            ..limits
        }
    }

    const fn write(self, text: Text, misfit: &PlanMisfit, case: &ResolvedProcess<'_>) -> Text {
        let asked = &case.pools[misfit.pool].asked;
        let table = match &asked.wasmtime {
            Some(_) => "table",
            None => "table_reservation",
        };
        let sizes = [
            ("headroom", self.headroom, case.budget.headroom),
            ("guard_size", self.guard, asked.guard_size),
            (table, self.table, asked.table_reservation),
            ("stack_reservation", self.stack, asked.stack_reservation),
        ];
        let mut all = 0;
        let mut i = 0;
        while i < sizes.len() {
            let (_, is_said, size) = sizes[i];
            all += (is_said && !size.is_zero()) as u32;
            i += 1;
        }
        let mut text = text;
        let mut before = 0;
        i = 0;
        while i < sizes.len() {
            let (name, is_said, size) = sizes[i];
            if is_said && !size.is_zero() {
                text = if before == 0 {
                    text.str(" with ")
                } else {
                    text.str(between(before, all))
                };
                text = say!(text; "a ", str(name), " of ", needed(size));
                before += 1;
            }
            i += 1;
        }
        text
    }
}

impl PlanMisfit {
    /// That no size fits, and what is in the way.
    pub(super) const fn write_nothing(
        &self,
        case: &ResolvedProcess<'_>,
        in_the_way: InTheWay,
    ) -> Text {
        let text = Text::new().str("no size of this pool fits");
        let text = if case.count == 1 {
            text
        } else {
            text.str(" next to the others")
        };
        if matches!(self.limit, Limit::MaxMapCount) {
            let what = " maps reserved for the rest of the process";
            return say!(text; " after the ", u64(HEADROOM_MAPS), str(what));
        }
        in_the_way.write(text, self, case)
    }
}

const fn unless(is_left_out: bool, size: Size) -> Size {
    if is_left_out { Size::ZERO } else { size }
}
