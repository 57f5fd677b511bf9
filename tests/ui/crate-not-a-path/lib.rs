use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits(crate = "poolcfg_runtime")]
pub const POOL: PoolLimits;
