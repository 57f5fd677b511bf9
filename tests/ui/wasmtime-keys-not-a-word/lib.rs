use poolcfg_runtime::{WasmtimeLimits, pool_limits};

#[pool_limits]
pub const POOL: WasmtimeLimits;
