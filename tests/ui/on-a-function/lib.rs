use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits]
pub fn pool() -> Option<PoolLimits> {
    None
}
