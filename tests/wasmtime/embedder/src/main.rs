//! Uses the pool up to its last slot and one beyond, and says what happened.

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use embedder::{POOL, engine, module, outcome};
use poolcfg_runtime::RecheckOptions;
use wasmtime::{Engine, Instance, PoolConcurrencyLimitError, Result, Store};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [way, what, file] => run(way, what, Path::new(file)),
        _ => Err(wasmtime::format_err!(
            "usage: embedder all|shrink WHAT FILE"
        )),
    };
    outcome(done)
}

fn run(way: &str, what: &str, file: &Path) -> Result<()> {
    let checked = match way {
        "all" => POOL.recheck()?,
        _ => POOL.recheck_with(RecheckOptions::new().or_shrink(true))?,
    };
    let engine = engine(&checked)?;
    let promised = checked.instances();
    println!("promised: {promised}");
    match what {
        "memories" => memories(&engine, file, promised),
        #[cfg(feature = "async")]
        "stacks" => stacks(&engine, file, promised),
        #[cfg(feature = "component-model")]
        "components" => components(&engine, file, promised),
        _ => wasmtime::bail!("`{what}` is not compiled in"),
    }
}

/// Makes `promised` of something and keeps them, then one more.
fn fill<T>(promised: u32, mut make: impl FnMut() -> Result<T>) -> Result<()> {
    let before = maps()?;
    let held = (0..promised).map(|_| make()).collect::<Result<Vec<_>>>()?;
    println!("held: {}", held.len());
    println!("mappings: +{}", maps()?.saturating_sub(before));
    match make() {
        Ok(_) => println!("one more: made"),
        Err(error) if error.is::<PoolConcurrencyLimitError>() => {
            println!("one more: refused by Wasmtime's own limit: {error:#}");
        }
        Err(error) => println!("one more: failed: {error:#}"),
    }
    Ok(())
}

/// How many mappings the kernel keeps for this process.
fn maps() -> Result<usize> {
    Ok(fs::read_to_string("/proc/self/maps")?.lines().count())
}

/// Instances of a module with one memory.
fn memories(engine: &Engine, file: &Path, promised: u32) -> Result<()> {
    let module = module(engine, file)?;
    fill(promised, || {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        // The last byte of the memory as it was made, and one page more.
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| wasmtime::format_err!("the module exports no memory"))?;
        let last = memory.data_size(&store) - 1;
        memory.write(&mut store, last, &[1])?;
        memory.grow(&mut store, 1)?;
        Ok(store)
    })
}

/// Calls that wait for a host that never answers: each holds a stack.
#[cfg(feature = "async")]
fn stacks(engine: &Engine, file: &Path, promised: u32) -> Result<()> {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    use wasmtime::Linker;

    let module = module(engine, file)?;
    let mut linker = Linker::new(engine);
    linker.func_wrap_async("host", "wait", |_, ()| {
        Box::new(std::future::pending::<()>())
    })?;
    let linker = &linker;
    let module = &module;
    fill(promised, || {
        let mut call: Pin<Box<dyn Future<Output = Result<()>>>> = Box::pin(async move {
            let mut store = Store::new(engine, ());
            let instance = linker.instantiate_async(&mut store, module).await?;
            let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
            run.call_async(&mut store, ()).await
        });
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Ok(call),
            Poll::Ready(Ok(())) => wasmtime::bail!("the call does not wait"),
            Poll::Ready(Err(error)) => Err(error),
        }
    })
}

/// Instances of a component with one core module, which has one memory.
#[cfg(feature = "component-model")]
fn components(engine: &Engine, file: &Path, promised: u32) -> Result<()> {
    use wasmtime::component::{Component, Linker};

    // SAFETY: the tests make `file` with `wasmtime compile` and change it no more.
    let component = unsafe { Component::deserialize_file(engine, file) }?;
    let linker = Linker::<()>::new(engine);
    fill(promised, || {
        let mut store = Store::new(engine, ());
        linker.instantiate(&mut store, &component)?;
        Ok(store)
    })
}
