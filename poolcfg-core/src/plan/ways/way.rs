//! The ways to make a pool fit.

use crate::engine::limits::Limits;
use crate::model::limit::Limit;

/// How a pool is made to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Fewer instances, in slots as asked.
    Fewer,
    /// Smaller slots, for as many instances as are asked if they fit.
    Smaller,
    /// No pool: each memory of Wasmtime's makes a reservation on demand.
    NoPool,
}

crate::base::consts::words! {
    Fit {
        Fewer = "fewer",
        Smaller = "smaller",
        NoPool = "no-pool",
    }
}

/// One way to make a pool fit, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Which way.
    pub fit: Fit,
    /// How many instances fit, of each pool of this shape.
    pub instances: u32,
    /// How many are asked.
    pub asked: u32,
    /// What each has: the limits of the pool, or without one, those of as many pools of one instance each, which map what
    /// is reserved on demand.
    pub limits: Limits,
    /// What refuses one more instance, or where all that are asked fit, twice the reservation; `None` if nothing does.
    pub limit: Option<Limit>,
}

impl Way {
    /// Whether code checks every access to these memories, since none is reserved whole.
    #[must_use]
    pub const fn is_checked(&self) -> bool {
        match &self.limits.wasmtime {
            Some(wasmtime) => !wasmtime.elides_bounds_checks(&self.limits),
            None => false,
        }
    }
}

impl Fit {
    /// The first version that reserves for a memory outside of a pool what `memory_reservation` says, whatever its
    /// maximum is: the first for [`Fit::NoPool`].
    pub const ON_DEMAND_SINCE: u32 = 28;

    /// Equality for const code.
    pub(crate) const fn is(self, other: Self) -> bool {
        self as u8 == other as u8
    }
}
