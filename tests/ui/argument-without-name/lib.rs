use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits("plugins")]
pub const POOL: PoolLimits;
