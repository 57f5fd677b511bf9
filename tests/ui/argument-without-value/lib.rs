use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits(pool)]
pub const POOL: PoolLimits;
