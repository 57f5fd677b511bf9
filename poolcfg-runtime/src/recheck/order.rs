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
}

/// The pools that are still to come, before and after the one that is rechecked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) before: Vec<ToCome>,
    pub(crate) after: Vec<ToCome>,
}

impl Order {
    /// What is to come of the file of `promise` beside one pool of its own: a new one, or one of `holdings` whose
    /// engine is to be made.
    pub(crate) fn new(
        promise: &Promise<'static>,
        holdings: &[Holding],
        own: Option<usize>,
    ) -> Self {
        let mut order = Self::default();
        let file = || promise.process.pools();
        // Engines of other files have no place in this one.
        for holding in holdings {
            if let (Some(name), Some(limits)) = (holding.name, holding.unmapped) {
                if file().all(|(other, _)| other != name) {
                    order.before.push(ToCome::checked(name, limits));
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
                    list.push(ToCome::checked(name, limits));
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

    /// The same without engines that are not made yet.
    pub(crate) fn unchecked(&self) -> Self {
        let unchecked =
            |pools: &[ToCome]| pools.iter().filter(|pool| !pool.checked).copied().collect();
        Self {
            before: unchecked(&self.before),
            after: unchecked(&self.after),
        }
    }
}

impl ToCome {
    const fn checked(name: &'static str, limits: Limits) -> Self {
        Self {
            name,
            limits,
            checked: true,
        }
    }
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests;
