//! The scale: which number of a pool shrinks, from what it asks to the least that it may have.

use crate::base::consts::wide;
use crate::base::size::{GRAIN, Size};
use crate::engine::limits::Limits;
use crate::model::fit::MAX_POOLS;
use crate::resolved::ResolvedProcess;
use crate::setting::{Keep, OnMisfit};

#[doc(hidden)]
impl Keep {
    /// The number that is not kept: instances, or a reservation in grains.
    #[must_use]
    pub const fn value(self, limits: &Limits) -> u64 {
        match self {
            Self::MemoryReservation => wide(limits.max_instances),
            Self::MaxInstances => limits.memory_reservation.get() / GRAIN.get(),
        }
    }

    /// `limits` with another value of that number.
    #[must_use]
    pub const fn with_value(self, limits: &Limits, value: u64) -> Limits {
        match self {
            Self::MemoryReservation => limits.with_instances(narrow(value)),
            Self::MaxInstances => {
                let bytes = value.saturating_mul(GRAIN.get());
                limits.with_reservation(Size::bytes(bytes).round_down(GRAIN))
            }
        }
    }
}

/// `u32::try_from` for const code; more than 2^32 - 1 instances is as many as can be said.
pub(super) const fn narrow(number: u64) -> u32 {
    match number.to_le_bytes() {
        [a, b, c, d, 0, 0, 0, 0] => u32::from_le_bytes([a, b, c, d]),
        _ => u32::MAX,
    }
}

/// How a pool is scaled: from the least it may have to what is asked, in steps.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) least: u64,
    pub(super) asked: u64,
    pub(super) keep: Keep,
    /// How many pools of one instance each stand for one step, where no pool is made and those are what is counted.
    pub(super) on_demand: Option<u32>,
}

/// How each pool is scaled; `None` for those that stay as they are.
pub(super) type Scales = [Option<Scale>; MAX_POOLS];

impl Scale {
    /// `None` if the pool does not shrink.
    pub(super) const fn new(case: &ResolvedProcess<'_>, pool: usize) -> Option<Self> {
        let pool = &case.pools[pool];
        match (pool.on_misfit, pool.keep) {
            (OnMisfit::Error, _) => None,
            (OnMisfit::Shrink, Keep::MemoryReservation) => Some(Self {
                least: wide(pool.min_instances),
                asked: wide(pool.asked.max_instances),
                keep: Keep::MemoryReservation,
                on_demand: None,
            }),
            (OnMisfit::Shrink, Keep::MaxInstances) => Some(Self {
                // In grains, as what is asked.
                least: pool.least_reservation().get() / GRAIN.get(),
                asked: pool.asked.memory_reservation.get() / GRAIN.get(),
                keep: Keep::MaxInstances,
                on_demand: None,
            }),
        }
    }

    /// How each pool of a case is scaled.
    pub(super) const fn all(case: &ResolvedProcess<'_>) -> Scales {
        let mut scales = [None; MAX_POOLS];
        let mut i = 0;
        while i < case.count {
            scales[i] = Self::new(case, i);
            i += 1;
        }
        scales
    }

    /// The number that is scaled.
    pub(super) const fn value(&self, limits: &Limits) -> u64 {
        match self.on_demand {
            Some(each) => wide(limits.pools) / wide(each),
            None => self.keep.value(limits),
        }
    }

    /// `limits` with another value of that number.
    pub(super) const fn with_value(&self, limits: &Limits, value: u64) -> Limits {
        match self.on_demand {
            Some(each) => Limits {
                pools: narrow(value.saturating_mul(wide(each))),
                ..*limits
            },
            None => self.keep.with_value(limits, value),
        }
    }
}
