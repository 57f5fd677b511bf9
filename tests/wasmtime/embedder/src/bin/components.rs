//! How many components of one kind are live at once in a pool with exactly the settings that `cargo poolcfg
//! --emit wasmtime-flags` prints.

use std::env;
use std::fs;
use std::future::{Future, pending};
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};

use embedder::outcome;
use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result, Store,
};

fn main() -> ExitCode {
    outcome(run())
}

/// Arguments: a file with the flags, a compiled component, and how many of it are wanted. Prints how many there
/// are, and what happens to one more.
fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [flags, component, wanted] = &arguments[..] else {
        wasmtime::bail!("usage: components FLAGS COMPONENT COUNT");
    };
    let engine = Engine::new(&config(&fs::read_to_string(flags)?)?)?;
    // SAFETY: the tests make the file with `wasmtime compile` and change it no more.
    let component = unsafe { Component::deserialize_file(&engine, Path::new(component)) }?;
    let mut linker = Linker::<()>::new(&engine);
    let mut imports = component.component_type();
    let waits = imports.imports(&engine).any(|(name, _)| name == WAIT);
    linker
        .root()
        .func_wrap_async(WAIT, |_, (): ()| Box::new(pending::<Result<()>>()))?;
    let make = || -> Result<Live> {
        let mut store = Store::new(&engine, ());
        if !waits {
            linker.instantiate(&mut store, &component)?;
            return Ok(Live::Ready(store));
        }
        let (linker, component) = (linker.clone(), component.clone());
        let mut begun = Box::pin(async move {
            linker.instantiate_async(&mut store, &component).await?;
            Ok(())
        });
        match begun.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Ok(Live::Waiting(begun)),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) => wasmtime::bail!("it has not waited"),
        }
    };
    let wanted: usize = wanted.parse()?;
    let mut live = Vec::new();
    let refused = loop {
        match make() {
            Ok(one) if live.len() < wanted => live.push(one),
            Ok(_) => break "one more: made".to_owned(),
            Err(error) => break format!("refused: {error:#}"),
        }
    };
    println!("live: {}\n{refused}", live.len());
    Ok(())
}

/// The import that never returns, so that whoever calls it keeps a stack.
const WAIT: &str = "wait";

/// An instance that is made, or one whose start waits on a stack of its own.
#[expect(dead_code, reason = "they are kept, and no more")]
enum Live {
    Ready(Store<()>),
    Waiting(Pin<Box<dyn Future<Output = Result<()>>>>),
}

/// The configuration that the `wasmtime` command makes of its options, each by the setter of its name.
fn config(flags: &str) -> Result<Config> {
    let mut config = Config::new();
    let mut pooling = PoolingAllocationConfig::default();
    let pairs = flags
        .split_whitespace()
        .filter(|word| !word.starts_with('-'))
        .flat_map(|word| word.split(','));
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            wasmtime::bail!("not an option: {pair}");
        };
        let count = || value.parse::<u32>();
        let bytes = || value.parse::<usize>();
        let size = || value.parse::<u64>();
        let flag = match value {
            "y" => Ok(true),
            "n" => Ok(false),
            _ => Err(wasmtime::format_err!("not a flag: {pair}")),
        };
        match name {
            "pooling-allocator" => wasmtime::ensure!(flag?, "no pool"),
            "pooling-total-memories" => _ = pooling.total_memories(count()?),
            "pooling-total-tables" => _ = pooling.total_tables(count()?),
            "pooling-total-stacks" => _ = pooling.total_stacks(count()?),
            "pooling-total-core-instances" => _ = pooling.total_core_instances(count()?),
            "pooling-total-component-instances" => {
                _ = pooling.total_component_instances(count()?);
            }
            "pooling-total-gc-heaps" => _ = pooling.total_gc_heaps(count()?),
            "pooling-max-memory-size" => _ = pooling.max_memory_size(bytes()?),
            "pooling-table-elements" => _ = pooling.table_elements(bytes()?),
            "pooling-max-core-instance-size" => _ = pooling.max_core_instance_size(bytes()?),
            "pooling-max-component-instance-size" => {
                _ = pooling.max_component_instance_size(bytes()?);
            }
            "pooling-max-memories-per-module" => _ = pooling.max_memories_per_module(count()?),
            "pooling-max-tables-per-module" => _ = pooling.max_tables_per_module(count()?),
            "memory-reservation" => _ = config.memory_reservation(size()?),
            "memory-guard-size" => _ = config.memory_guard_size(size()?),
            "memory-may-move" => _ = config.memory_may_move(flag?),
            "guard-before-linear-memory" => _ = config.guard_before_linear_memory(flag?),
            "async-stack-size" => _ = config.async_stack_size(bytes()?),
            "max-wasm-stack" => _ = config.max_wasm_stack(bytes()?),
            // Nothing that is emitted is left out.
            _ => wasmtime::bail!("unknown option: {pair}"),
        }
    }
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling));
    Ok(config)
}
