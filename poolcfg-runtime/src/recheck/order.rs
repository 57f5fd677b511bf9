//! The pools of the file that are still to come, in the file's order, in which the build has placed them.
//!
//! The kernel puts a mapping into the first hole that is large enough. So a pool that starts out of turn may take
//! the hole that another one needs. A recheck therefore reserves what comes before its own pool first: then its pool
//! gets the place that it has in the build's order, whichever pools are there by now.

use poolcfg_core::{Limits, Promise};

use crate::machine::live_pools::Holding;

/// More pools than this are not reserved beside one another: they would be mapped at each recheck again.
const MOST: usize = 256;

/// One pool that is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ToCome {
    pub(crate) name: &'static str,
    /// What is guaranteed to it; of an engine that is not made yet, what its recheck has found.
    pub(crate) limits: Limits,
    /// Whether it has been rechecked, and its engine is still to map it.
    pub(crate) checked: bool,
    /// Whether its engine seems to have mapped it without telling.
    pub(crate) seen: bool,
}

/// The pools that are still to come, before and after the one that is rechecked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) before: Vec<ToCome>,
    pub(crate) after: Vec<ToCome>,
}

impl Order {
    /// What is to come of the file of `promise` beside one pool of its own: a new one, or one of `holdings` whose
    /// engine is to be made. Of `seen` holdings the engines seem to be mapped.
    pub(crate) fn new(
        promise: &Promise<'static>,
        holdings: &[Holding],
        own: Option<usize>,
        seen: &[usize],
    ) -> Self {
        let mut order = Self::default();
        let file = || promise.process.pools();
        let checked = |name, limits, at| ToCome {
            name,
            limits,
            checked: true,
            seen: seen.contains(&at),
        };
        // Engines of other files have no place in this one.
        for (at, holding) in holdings.iter().enumerate() {
            if let (Some(name), Some(limits)) = (holding.name, holding.unmapped) {
                if file().all(|(other, _)| other != name) {
                    order.before.push(checked(name, limits, at));
                }
            }
        }
        let mut list = &mut order.before;
        for (name, limits) in file() {
            let mut here = 0;
            // Equal pools were placed in the order of their rechecks.
            for (at, holding) in holdings.iter().enumerate() {
                if holding.name != Some(name) {
                    continue;
                }
                here += 1;
                if own == Some(at) {
                    list = &mut order.after;
                } else if let Some(limits) = holding.unmapped {
                    list.push(checked(name, limits, at));
                }
            }
            if name == promise.name && own.is_none() {
                list = &mut order.after;
                here += 1;
            }
            let all = usize::try_from(limits.pools).unwrap_or(usize::MAX);
            let more = ToCome {
                name,
                limits,
                checked: false,
                seen: false,
            };
            // More than the most are as good as one more.
            let more = std::iter::repeat_n(more, all.saturating_sub(here).min(MOST + 1));
            list.extend(more);
        }
        order
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ToCome> {
        self.before.iter().chain(&self.after)
    }

    /// What is guaranteed to those that have not been rechecked.
    pub(crate) fn guarantees(&self) -> Vec<Limits> {
        let unchecked = self.iter().filter(|pool| !pool.checked);
        unchecked.map(|pool| pool.limits).collect()
    }

    /// Whether there are others, and few enough to be reserved.
    pub(crate) fn matters(&self) -> bool {
        let count = self.before.len() + self.after.len();
        (1..=MOST).contains(&count)
    }

    /// Whether there are no others.
    pub(crate) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// What is planned together, the most at first: all that is to come, then without engines that seem to be mapped. And
    /// last only engines that are not made yet, where the rest has no place; not so if that is strict.
    pub(crate) fn tried(&self, strict: bool) -> Vec<Self> {
        let owed = self.owed().filter(|_| !strict);
        let all = [Some(self.clone()), self.unseen(), owed];
        let mut orders: Vec<_> = all.into_iter().flatten().collect();
        orders.dedup();
        orders
    }

    /// The same without engines that seem to be mapped; `None` if there are none.
    fn unseen(&self) -> Option<Self> {
        let is_any = self.iter().any(|pool| pool.seen);
        is_any.then(|| self.only(|pool| !pool.seen))
    }

    /// Only the engines that are not made yet, and are to find what their rechecks have found; `None` if there are none.
    pub(crate) fn owed(&self) -> Option<Self> {
        let is_owed = |pool: &ToCome| pool.checked && !pool.seen;
        self.iter().any(is_owed).then(|| self.only(is_owed))
    }

    fn only(&self, is_it: impl Fn(&ToCome) -> bool) -> Self {
        let only = |pools: &[ToCome]| pools.iter().filter(|pool| is_it(pool)).copied().collect();
        Self {
            before: only(&self.before),
            after: only(&self.after),
        }
    }
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests;
