//! What a program links: its limits, rechecked at start, and a pool in the very mappings that the
//! recheck reserved.

mod bounds;
mod layout;
mod ledger;
mod machine;
mod misfit;
mod pool;
mod pool_limits;
mod probe;
mod proc;
mod recheck;
mod reserved;
mod slabs;
mod sys;
pub mod variables;

pub use misfit::{Misfit, RecheckError, RecheckLimit, Unit};
pub use pool::{AcquireError, Exhausted, Pool, PoolError, Slot};
pub use pool_limits::PoolLimits;
pub use poolcfg_core::{
    Budget, Keep, LargestFit, Limits, MappingName, Shape, Size, UnlimitedStack, VaProfile,
};
#[cfg(feature = "macros")]
pub use poolcfg_macros::pool_limits;
pub use probe::{Probe, ProcessLimits, probe};
pub use reserved::{Reserved, Warning};
pub use sys::{GrowError, Region};

/// What the code of `#[pool_limits]` names; not for users.
#[doc(hidden)]
pub mod __private {
    pub use poolcfg_core::*;
}
