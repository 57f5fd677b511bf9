//! Ways: what fits where pools get less than is asked of them: fewer instances, smaller slots, or no pool.
//!
//! - here: what a pool has of each `way`
//! - `slots`: what one pool may have each way
//! - `search`: what all pools have together

mod search;
mod slots;
mod way;

use crate::model::fit::MAX_POOLS;
use crate::plan::Plan;
use crate::plan::ways::search::WaySearch;
use crate::resolved::ResolvedProcess;

pub use way::{Fit, Way};

impl Plan {
    /// Whether a pool gets less than is asked of it. Where the pools do not fit, that is each of them.
    #[must_use]
    pub const fn has_less(&self, case: &ResolvedProcess<'_>, pool: usize) -> bool {
        if self.misfit.is_some() {
            return true;
        }
        let (limits, asked) = (&self.guaranteed[pool], &case.pools[pool].asked);
        limits.max_instances < asked.max_instances
            || limits.memory_reservation.get() < asked.memory_reservation.get()
    }

    /// What a pool has where every pool that gets less than is asked is made to fit this way, or without a pool, every
    /// one; `None` if they cannot be, or if this one stays as it is.
    ///
    /// ```
    /// use poolcfg_core::{Arch, Fit, Os, Plan, PoolKeys, Setting, Settings, Size, Target};
    /// let board = Target::new(Arch::Riscv64, Os::Linux, 64);
    /// let keys = PoolKeys { max_instances: Some(Setting::given(1000)), ..PoolKeys::EMPTY };
    /// let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    /// let case = settings.resolve(board).unwrap();
    /// let way = Plan::new(&case).way(&case, 0, Fit::Smaller).unwrap();
    /// assert_eq!((way.instances, way.limits.memory_reservation), (1000, Size::mib(128)));
    /// ```
    #[must_use]
    pub const fn way(&self, case: &ResolvedProcess<'_>, pool: usize, fit: Fit) -> Option<Way> {
        let Some(search) = WaySearch::new(self, case, fit) else {
            return None;
        };
        if !search.is_taken[pool] {
            return None;
        }
        match search.found() {
            Some(found) => Some(found.way(&search, pool)),
            None => None,
        }
    }
}

impl Plan {
    /// How many instances each pool has where all that may have fewer; `None` if that does not help.
    pub(super) const fn fewer(&self, case: &ResolvedProcess<'_>) -> Option<[u32; MAX_POOLS]> {
        let Some(search) = WaySearch::new(self, case, Fit::Fewer) else {
            return None;
        };
        let Some(found) = search.found() else {
            return None;
        };
        let mut instances = [0; MAX_POOLS];
        let mut i = 0;
        while i < case.count {
            instances[i] = if search.is_taken[i] {
                found.instances(&search, i)
            } else {
                case.pools[i].asked.max_instances
            };
            i += 1;
        }
        Some(instances)
    }
}
