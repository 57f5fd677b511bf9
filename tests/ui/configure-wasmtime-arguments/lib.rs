use poolcfg_runtime::{PoolLimits, configure_wasmtime, pool_limits};

#[pool_limits]
pub const POOL: PoolLimits;

pub fn configure<C, P>(config: C, pooling: P) {
    configure_wasmtime!(POOL, config, pooling);
}
