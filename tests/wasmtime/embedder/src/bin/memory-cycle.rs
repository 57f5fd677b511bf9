//! How long one owner of a memory takes: it gets 64 KiB, writes to three pages of them, and gives them back
//! so that the next one finds zeros. In our own pool, and in Wasmtime's, through an instance that has nothing
//! but the memory; an instance that has nothing at all is timed beside them.

use std::env;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use embedder::{POOL, module, outcome};
use poolcfg_runtime::__private::{PoolKeys, Setting, Settings, Target};
use poolcfg_runtime::{AcquireOptions, Pool, PoolLimits, RecheckOptions, Size};
use wasmtime::{
    Engine, Extern, InstancePre, Linker, ModuleExport, PoolingAllocationConfig, Result, Store,
};

/// In turns, each much shorter than what the kernel gives a program at a time: most are not interrupted on a
/// machine that does other things, too, and so is their median.
const ROUNDS: usize = 1001;
const CYCLES: u32 = 200;

/// One page of WebAssembly.
const BYTES: usize = 64 << 10;
/// In three pages of the system.
const WRITTEN: [usize; 3] = [0, 5 << 12, 15 << 12];

/// Slots like those of Wasmtime, memories alone.
const NATIVE: PoolLimits = {
    let keys = PoolKeys {
        max_instances: Some(Setting::given(1000)),
        memory_reservation: Some(Setting::given(Size::gib(4))),
        table_reservation: Some(Setting::given(Size::ZERO)),
        stack_reservation: Some(Setting::given(Size::ZERO)),
        ..PoolKeys::EMPTY
    };
    let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    PoolLimits::new(settings.promise(Target::CURRENT, 0))
};

fn main() -> ExitCode {
    outcome(run())
}

/// Arguments: two compiled modules, one with nothing but a memory `memory` of a page, and one with nothing.
/// Prints a line each, our own pool's first: what it is, how it clears, and the median of a cycle in
/// nanoseconds.
fn run() -> Result<()> {
    let files: Vec<String> = env::args().skip(1).collect();
    let [memory, empty] = &files[..] else {
        wasmtime::bail!("usage: memory-cycle FILE FILE");
    };
    let (engine, clearing) = engine()?;
    let memory = Instances::new(&engine, Path::new(memory))?;
    let empty = Instances::new(&engine, Path::new(empty))?;
    let pool = Pool::new(NATIVE.recheck()?)?;
    let mut times = [const { Vec::new() }; 4];
    // The first round is to warm up.
    for round in 0..=ROUNDS {
        let slot = nanoseconds(|| native(&pool, write))?;
        let instance = nanoseconds(|| memory.with_memory(write))?;
        let nothing = nanoseconds(|| empty.with_nothing())?;
        native(&pool, check)?;
        memory.with_memory(check)?;
        if round > 0 {
            let round = [slot, instance, nothing, instance - nothing];
            for (times, time) in times.iter_mut().zip(round) {
                times.push(time);
            }
        }
    }
    let [slot, instance, nothing, memory] = times.map(median);
    println!("{}: {slot:.0}", pool.reset_mode());
    println!("an instance, {clearing}: {instance:.0}");
    println!("an instance less an empty one of {nothing:.0} ns, {clearing}: {memory:.0}");
    Ok(())
}

/// A slot of our own pool, from the pool and back.
fn native(pool: &Pool, used: impl FnOnce(&mut [u8])) -> Result<()> {
    let mut slot = pool.acquire_with(AcquireOptions::new().memory(BYTES))?;
    used(slot.memory_mut().as_mut_slice());
    Ok(())
}

/// An engine that keeps the pages of its slots, with the settings that poolcfg hands over; and how it clears them.
fn engine() -> Result<(Engine, &'static str)> {
    let checked = POOL.recheck_with(RecheckOptions::new().or_shrink(true))?;
    let scans =
        checked.settings().pagemap_scan && PoolingAllocationConfig::is_pagemap_scan_available();
    let clearing = if scans {
        "pagemap scan"
    } else {
        "zeros over all of it"
    };
    Ok((embedder::engine(&checked)?, clearing))
}

/// What makes instances of one module.
struct Instances {
    engine: Engine,
    instances: InstancePre<()>,
    memory: Option<ModuleExport>,
}

impl Instances {
    fn new(engine: &Engine, file: &Path) -> Result<Self> {
        let module = module(engine, file)?;
        Ok(Self {
            engine: engine.clone(),
            instances: Linker::new(engine).instantiate_pre(&module)?,
            memory: module.get_export_index("memory"),
        })
    }

    fn with_memory(&self, used: impl FnOnce(&mut [u8])) -> Result<()> {
        let mut store = Store::new(&self.engine, ());
        let instance = self.instances.instantiate(&mut store)?;
        let memory = self
            .memory
            .and_then(|memory| instance.get_module_export(&mut store, &memory))
            .and_then(Extern::into_memory);
        match memory {
            Some(memory) => used(memory.data_mut(&mut store)),
            None => wasmtime::bail!("the module has no memory"),
        }
        Ok(())
    }

    fn with_nothing(&self) -> Result<()> {
        let mut store = Store::new(&self.engine, ());
        black_box(self.instances.instantiate(&mut store)?);
        Ok(())
    }
}

fn write(bytes: &mut [u8]) {
    for at in WRITTEN {
        bytes[at] = 1;
    }
    black_box(bytes);
}

fn check(bytes: &mut [u8]) {
    assert_eq!(bytes.len(), BYTES);
    assert!(bytes.iter().all(|byte| *byte == 0));
}

/// How long a cycle takes.
fn nanoseconds(mut cycle: impl FnMut() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..CYCLES {
        cycle()?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(CYCLES))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}
