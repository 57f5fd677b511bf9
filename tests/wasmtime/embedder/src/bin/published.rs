//! An engine configured as a published program configures its own. What maps nothing is left out, and the compiler, which
//! this program has none of.

use std::env;
use std::fs;
use std::process::ExitCode;

use embedder::outcome;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, Memory, MemoryType, PoolingAllocationConfig,
    Result, Store,
};

fn main() -> ExitCode {
    outcome(run())
}

/// Arguments: the name of a package, and a file that is opened when all is mapped.
fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, file] = &arguments[..] else {
        wasmtime::bail!("usage: published PACKAGE FILE");
    };
    let config = match name.as_str() {
        "near-vm-runner" => near_vm_runner()?,
        "sc-executor-wasmtime" => sc_executor_wasmtime(),
        "fvm" => fvm(),
        "yara-x" => yara_x(),
        _ => wasmtime::bail!("unknown package: {name}"),
    };
    let engine = Engine::new(&config)?;
    // The one without a pool maps when a memory is made.
    let mut store = Store::new(&engine, ());
    if name == "yara-x" {
        Memory::new(&mut store, MemoryType::new(1, None))?;
    }
    fs::read(file)?;
    Ok(())
}

/// near-vm-runner 0.38.0, src/wasmtime_runner/mod.rs, with the limits of near-parameters 0.38.0
/// (res/runtime_configs/parameters.yaml and 82.yaml).
fn near_vm_runner() -> Result<Config> {
    const MAX_CONCURRENCY: u32 = 1_000;
    let max_memory_size: usize = 2_048 << 16;
    let max_tables_per_contract = 1;
    let max_elements_per_contract_table = 10_000;
    let mut pooling_config = PoolingAllocationConfig::default();
    pooling_config
        .decommit_batch_size(500)
        .max_memory_size(max_memory_size)
        .table_elements(max_elements_per_contract_table)
        .total_component_instances(0)
        .total_core_instances(MAX_CONCURRENCY)
        .total_memories(MAX_CONCURRENCY)
        .total_tables(MAX_CONCURRENCY * max_tables_per_contract)
        .max_memories_per_module(1)
        .max_tables_per_module(max_tables_per_contract)
        .max_core_instance_size(1 << 20)
        .table_keep_resident(max_elements_per_contract_table);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling_config))
        .memory_init_cow(true)
        .max_wasm_stack(1024 * 1024 * 1024)
        // Later versions refuse less, even without `async`, where it maps nothing.
        .async_stack_size(1024 * 1024 * 1024)
        .signals_based_traps(true)
        .force_memory_init_memfd(true)
        .memory_guaranteed_dense_image_size(0)
        .guard_before_linear_memory(false)
        .memory_guard_size(0)
        .memory_may_move(false)
        .memory_reservation(max_memory_size.try_into()?)
        .memory_reservation_for_growth(0);
    Ok(config)
}

/// sc-executor-wasmtime 0.47.0, src/runtime.rs, `common_config`, with the instances pooled.
fn sc_executor_wasmtime() -> Config {
    const MAX_INSTANCE_COUNT: u32 = 64;
    let mut pooling_config = PoolingAllocationConfig::default();
    pooling_config
        .max_unused_warm_slots(4)
        .max_core_instance_size(512 * 1024)
        .table_elements(8192)
        .max_memory_size(0x10000 * 65536)
        .total_tables(MAX_INSTANCE_COUNT)
        .total_memories(MAX_INSTANCE_COUNT)
        .total_core_instances(MAX_INSTANCE_COUNT);
    let mut config = Config::new();
    config
        .max_wasm_stack(1024 * 1024)
        .memory_init_cow(true)
        .memory_guaranteed_dense_image_size(u64::MAX)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling_config));
    config
}

/// fvm 4.8.4, src/engine/mod.rs, `wasmtime_config`, for the network of src/machine/mod.rs and one call at a time.
fn fvm() -> Config {
    let instance_count = 1024 + 20;
    let mut alloc_strat_cfg = PoolingAllocationConfig::default();
    alloc_strat_cfg
        .total_core_instances(instance_count)
        .total_memories(instance_count)
        .max_memories_per_module(1)
        .total_tables(instance_count)
        .max_tables_per_module(1)
        .table_elements(20_000)
        .total_component_instances(0)
        .max_component_instance_size(0)
        .max_core_instances_per_component(0)
        .max_memories_per_component(0)
        .max_tables_per_component(0)
        .max_memory_size(512 * (1 << 20));
    let mut config = Config::default();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(alloc_strat_cfg))
        .memory_init_cow(false)
        .memory_may_move(false)
        .max_wasm_stack(4 << 20)
        // The same.
        .async_stack_size(4 << 20)
        .guard_before_linear_memory(true);
    config
}

/// yara-x 1.22.1, src/wasm/mod.rs, `CONFIG`: no pool, and a small reservation for each memory.
fn yara_x() -> Config {
    let mut config = Config::default();
    config
        .memory_reservation(0x100_0000)
        .memory_reservation_for_growth(0)
        .memory_may_move(false);
    config
}
