//! Together: what fits where no number of one pool alone does, since others ask for too much as well.

use crate::base::text::{Text, say};
use crate::model::fit::MAX_POOLS;
use crate::plan::Plan;
use crate::plan::misfit::PlanMisfit;
use crate::plan::tables::asked;
use crate::resolved::ResolvedProcess;

impl PlanMisfit {
    /// How many instances of each pool fit together, such as ``max_instances = 21 of `a` and 20 of `b` ``; `None` if there
    /// is no other pool, or fewer instances do not help.
    pub(super) const fn write_together(&self, case: &ResolvedProcess<'_>) -> Option<Text> {
        let fewer = match self.fewer(case) {
            Some(fewer) if case.count > 1 => fewer,
            _ => return None,
        };
        let mut last = 0;
        let mut i = 0;
        while i < case.count {
            if has_fewer(&fewer, case, i) {
                last = i;
            }
            i += 1;
        }
        let mut text = Text::new().str("no size of this pool alone fits next to the others; ");
        let mut first = true;
        i = 0;
        while i < case.count {
            if has_fewer(&fewer, case, i) {
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
        Some(text.str(" fit together"))
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
    fewer[pool] < case.pools[pool].asked.max_instances
}
