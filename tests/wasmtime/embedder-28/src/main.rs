//! Makes an engine with the limits of poolcfg.toml, and prints how many instances it has.

use poolcfg_runtime::{WasmtimeLimits, configure_wasmtime, pool_limits};

/// What this build may pool, from poolcfg.toml.
#[pool_limits]
pub const POOL: WasmtimeLimits;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let checked = POOL.recheck()?;
    let mut config = wasmtime::Config::new();
    let mut pooling = wasmtime::PoolingAllocationConfig::default();
    configure_wasmtime!(checked => config, pooling);
    config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pooling));
    let held = checked.hold();
    let _engine = wasmtime::Engine::new(&config)?;
    drop(held);
    println!("{}", checked.instances());
    Ok(())
}
