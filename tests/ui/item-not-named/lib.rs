use poolcfg_runtime::{PoolLimits, pool_limits};

#[pool_limits]
const _: PoolLimits;
