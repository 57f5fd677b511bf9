//! How often a second a module is instantiated, called and dropped: in a pool with our limits, or in what
//! upstream's default comes to.

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use embedder::{POOL, engine, engine_with, module, outcome};
use poolcfg_runtime::RecheckOptions;
use wasmtime::{
    Config, Engine, Instance, InstanceAllocationStrategy, Module, PoolingAllocationConfig, Result,
    Store,
};

fn main() -> ExitCode {
    outcome(run())
}

/// Arguments: `ours`, `keeping` (ours, and pages stay resident) or `upstream`; threads; milliseconds; a compiled
/// module. Prints the strategy and the rate.
fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [whose, threads, milliseconds, file] = &arguments[..] else {
        wasmtime::bail!("usage: instantiate ours|keeping|upstream THREADS MILLISECONDS FILE");
    };
    let (engine, strategy) = match whose.as_str() {
        "ours" => {
            let checked = POOL.recheck_with(RecheckOptions::new().or_shrink(true))?;
            let engine = engine_with(&checked, |pooling| {
                pooling
                    .linear_memory_keep_resident(0)
                    .table_keep_resident(0);
            });
            (engine?, format!("pool of {}", checked.instances()))
        }
        "keeping" => {
            let checked = POOL.recheck_with(RecheckOptions::new().or_shrink(true))?;
            let scans = if checked.settings().pagemap_scan {
                ", and scans for them"
            } else {
                ""
            };
            let instances = checked.instances();
            let strategy = format!("pool of {instances} that keeps pages{scans}");
            (engine(&checked)?, strategy)
        }
        _ => upstream()?,
    };
    let module = module(&engine, Path::new(file))?;
    let threads: u32 = threads.parse()?;
    let span = Duration::from_millis(milliseconds.parse()?);
    let rates = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| rate(&engine, &module, span)))
            .collect();
        let rates = workers.into_iter().map(|worker| match worker.join() {
            Ok(rate) => rate,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        rates.sum::<Result<f64>>()
    })?;
    println!("{strategy}: {rates:.0}");
    Ok(())
}

/// Upstream's default pool, and what upstream falls back to where that does not fit.
fn upstream() -> Result<(Engine, String)> {
    let mut config = Config::new();
    let pooling = PoolingAllocationConfig::default();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling));
    if let Ok(engine) = Engine::new(&config) {
        return Ok((engine, "default pool".to_owned()));
    }
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Ok((Engine::new(&config)?, "on demand".to_owned()))
}

fn rate(engine: &Engine, module: &Module, span: Duration) -> Result<f64> {
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < span {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, module, &[])?;
        instance
            .get_typed_func::<(), i32>(&mut store, "run")?
            .call(&mut store, ())?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
