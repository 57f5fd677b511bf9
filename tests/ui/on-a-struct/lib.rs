use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits]
pub struct Pool {
    pub limits: Option<PoolLimits>,
}
