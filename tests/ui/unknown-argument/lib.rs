use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits(max_instances = 40)]
pub const POOL: PoolLimits;
