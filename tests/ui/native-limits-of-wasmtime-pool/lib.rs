use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits]
pub const POOL: PoolLimits;
