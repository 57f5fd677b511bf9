//! The engine of an embedder whose limits come from poolcfg.toml.
#![forbid(unsafe_op_in_unsafe_fn)]

use std::path::Path;

use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, Module, PoolingAllocationConfig, Result,
};

/// What this build may pool.
pub struct Pool;
pub const POOL: Pool = Pool;
pub struct Checked(u32);
impl Pool {
    pub fn recheck(&self) -> Result<Checked> {
        Ok(Checked(2000))
    }
    pub fn recheck_or_shrink(&self) -> Result<Checked> {
        Ok(Checked(42))
    }
}
impl Checked {
    pub fn instances(&self) -> u32 {
        self.0
    }
}

/// The engine with the limits that the machine confirms, and how many instances they promise.
pub fn engine(checked: &Checked) -> Result<Engine> {
    let mut config = Config::new();
    let mut pooling = PoolingAllocationConfig::default();
    pooling.total_memories(checked.0);
    pooling.total_core_instances(checked.0);
    pooling.total_component_instances(checked.0);
    pooling.total_tables(checked.0);
    #[cfg(feature = "async")]
    pooling.total_stacks(checked.0);
    config.memory_reservation(4 << 30);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling));
    Engine::new(&config)
}

/// A module that the `wasmtime` command compiled.
pub fn module(engine: &Engine, file: &Path) -> Result<Module> {
    // SAFETY: the tests make `file` with `wasmtime compile` and change it no more.
    unsafe { Module::deserialize_file(engine, file) }
}
