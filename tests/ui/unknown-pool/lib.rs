use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits(pool = "plugin")]
pub const POOL: PoolLimits;
