//! What a program links: its limits, rechecked at start, and a pool in the very mappings that the
//! recheck reserved.

mod pool_limits;

pub use pool_limits::PoolLimits;
pub use poolcfg_core::{Keep, Limits, Shape, Size};

/// What the code of `#[pool_limits]` names; not for users.
#[doc(hidden)]
pub mod __private {
    pub use poolcfg_core::*;
}
