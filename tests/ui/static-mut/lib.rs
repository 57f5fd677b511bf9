use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits]
pub static mut POOL: PoolLimits;
