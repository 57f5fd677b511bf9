//! What poolcfg.toml allows this server.

use poolcfg_runtime::{PoolLimits, pool_limits};

/// The slots that requests are kept in.
#[pool_limits]
pub(crate) const POOL: PoolLimits;
