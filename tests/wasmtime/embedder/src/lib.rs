//! What the programs share that embed Wasmtime and take its limits from poolcfg.toml: the engine, and how they
//! end.

use std::path::Path;
use std::process::ExitCode;

use poolcfg_runtime::{Checked, WasmtimeLimits, configure_wasmtime, pool_limits};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, Module, PoolingAllocationConfig, Result,
};

/// What this build may pool.
#[pool_limits]
pub const POOL: WasmtimeLimits;

/// The engine with limits that the process was found to hold.
pub fn engine(checked: &Checked) -> Result<Engine> {
    engine_with(checked, |_| {})
}

/// The same with settings of its own for the pool.
pub fn engine_with(
    checked: &Checked,
    change: impl FnOnce(&mut PoolingAllocationConfig),
) -> Result<Engine> {
    let mut config = Config::new();
    let mut pooling = PoolingAllocationConfig::default();
    configure_wasmtime!(checked => config, pooling, pagemap_scan = Enabled::Auto);
    change(&mut pooling);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling));
    Engine::new(&config)
}

/// A module that the `wasmtime` command compiled.
pub fn module(engine: &Engine, file: &Path) -> Result<Module> {
    // SAFETY: the tests make `file` with `wasmtime compile` and change it no more.
    unsafe { Module::deserialize_file(engine, file) }
}

/// What a program ends with, and why it fails.
pub fn outcome(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
