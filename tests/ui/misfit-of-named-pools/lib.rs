use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits(pool = "third")]
pub const POOL: PoolLimits;
