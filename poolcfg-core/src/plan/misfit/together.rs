//! Together: what fits where no number of one pool alone does, since others ask for too much as well.

use crate::base::text::{Text, say};
use crate::model::fit::MAX_POOLS;
use crate::plan::Plan;
use crate::plan::misfit::PlanMisfit;
use crate::plan::tables::asked;
use crate::resolved::ResolvedProcess;
use crate::setting::Keep;

impl PlanMisfit {
    /// How many instances of each pool fit together; `None` if there is no other pool, or fewer instances do not help.
    pub(super) const fn together(&self, case: &ResolvedProcess<'_>) -> Option<[u32; MAX_POOLS]> {
        let fewer = match self.fewer(case) {
            Some(fewer) if case.count > 1 => fewer,
            _ => return None,
        };
        let mut is_any = false;
        let mut i = 0;
        while i < case.count {
            let pool = &case.pools[i];
            let is_fewer = fewer[i] < pool.asked.max_instances;
            if is_fewer && pool.totals_at.is_said() && matches!(pool.keep, Keep::MaxInstances) {
                // Its totals say how many it has, and do not shrink by themselves.
                return None;
            }
            is_any = is_any || has_fewer(&fewer, case, i);
            i += 1;
        }
        if is_any { Some(fewer) } else { None }
    }

    /// The same as advice, such as ``max_instances = 21 of `a` and 20 of `b` fit together``.
    pub(super) const fn write_together(
        case: &ResolvedProcess<'_>,
        fewer: &[u32; MAX_POOLS],
    ) -> Text {
        let mut last = 0;
        let mut i = 0;
        while i < case.count {
            if has_fewer(fewer, case, i) {
                last = i;
            }
            i += 1;
        }
        let mut text = Text::new().str("no size of this pool alone fits next to the others; ");
        let mut first = true;
        i = 0;
        while i < case.count {
            if has_fewer(fewer, case, i) {
                text = text.str(if first {
                    "max_instances = "
                } else if i == last {
                    " and "
                } else {
                    ", "
                });
                text = say!(text; number(fewer[i]), " of `", str(case.pools[i].name), "`");
                first = false;
            }
            i += 1;
        }
        text.str(" fit together")
    }

    const fn fewer(&self, case: &ResolvedProcess<'_>) -> Option<[u32; MAX_POOLS]> {
        let plan = Plan {
            guaranteed: asked(case),
            count: case.count,
            misfit: Some(*self),
        };
        plan.fewer(case)
    }
}

const fn has_fewer(fewer: &[u32; MAX_POOLS], case: &ResolvedProcess<'_>, pool: usize) -> bool {
    // Of written totals, a pool that may shrink has less by itself.
    let is_counted = !case.pools[pool].totals_at.is_said();
    is_counted && fewer[pool] < case.pools[pool].asked.max_instances
}
