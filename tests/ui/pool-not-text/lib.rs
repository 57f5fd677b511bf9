use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits(pool = plugins)]
pub const POOL: PoolLimits;
