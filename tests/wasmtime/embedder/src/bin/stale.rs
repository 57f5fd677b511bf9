//! What is left in a slot of Wasmtime's of an owner whose pages were swapped out, with limits from our own settings
//! and `configure_wasmtime!`.
//!
//! Arguments: `none`, `some` or `all`, how much of a slot stays resident, or `scan`, which is `all` with
//! `pagemap_scan = true`; the way into swap; and a module that the command of the same version compiled. On stderr it
//! says whether the pool scans for written pages, and of what a recheck warns.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use embedder::{POOL, engine, module, outcome};
use poolcfg_runtime::__private::{
    Engine as Of, PoolKeys, Setting, Settings, Switch, Target, WasmtimeVersion,
};
use poolcfg_runtime::{Size, WasmtimeLimits};
use poolcfg_tests_swapped::{Found, PAGE, PATTERN, not_in_swap, stale, swap_out};
use wasmtime::{Engine, Instance, Memory, Module, Result, Store};

fn main() -> ExitCode {
    outcome(run())
}

/// What poolcfg.toml says it is, as `cargo poolcfg sync` keeps it.
const VERSION: WasmtimeVersion = match POOL.guaranteed().wasmtime {
    Some(wasmtime) => wasmtime.version,
    None => panic!("the limits are of Wasmtime's"),
};

/// One slot of which so much stays resident, so that every owner has the same; the rest as it is by default.
const fn limits(memory: Size, table: Size, scan: Switch) -> WasmtimeLimits {
    let mut keys = PoolKeys::EMPTY;
    keys.engine = Some(Setting::given(Of::Wasmtime));
    keys.max_instances = Some(Setting::given(1));
    keys.wasmtime.tables_per_instance = Some(Setting::given(1));
    keys.wasmtime.version = Some(Setting::given(VERSION));
    keys.wasmtime.memory_keep_resident = Some(Setting::given(memory));
    keys.wasmtime.table_keep_resident = Some(Setting::given(table));
    keys.wasmtime.pagemap_scan = Some(Setting::given(scan));
    let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    WasmtimeLimits::new(settings.answer(Target::CURRENT).promise(0, Of::Wasmtime))
}

const NONE: WasmtimeLimits = limits(Size::ZERO, Size::ZERO, Switch::Auto);
/// Less than an owner writes.
const SOME: WasmtimeLimits = limits(Size::kib(256), Size::kib(16), Switch::Auto);
const ALL: WasmtimeLimits = limits(Size::mib(4), Size::mib(1), Switch::Auto);
const SCAN: WasmtimeLimits = limits(Size::mib(4), Size::mib(1), Switch::On);

fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [settings, way, file] = words[..] else {
        wasmtime::bail!("usage: stale none|some|all|scan WAY FILE");
    };
    let limits = match settings {
        "none" => NONE,
        "some" => SOME,
        "all" => ALL,
        "scan" => SCAN,
        other => wasmtime::bail!("settings `{other}`"),
    };
    let checked = limits.recheck()?;
    eprintln!("scans: {}", checked.settings().pagemap_scan);
    for warning in checked.warnings() {
        eprintln!("warning: {warning}");
    }
    let engine = engine(&checked)?;
    let module = module(&engine, Path::new(file))?;
    let mut found = Found::default();

    let mut owner = Owner::new(&engine, &module)?;
    let new = owner.memory().to_vec();
    wasmtime::ensure!(owner.elements()? == 0, "a new table has elements");
    owner.write()?;
    let written = owner.memory().iter().all(|byte| *byte == PATTERN);
    wasmtime::ensure!(written, "the memory has something else than was written");
    found.written = owner.memory().len() / PAGE;
    let left = swap_out(way, || not_in_swap(owner.memory())).map_err(wasmtime::Error::msg)?;
    found.swapped = found.written - left;
    drop(owner);

    let mut next = Owner::new(&engine, &module)?;
    found.stale = stale(next.memory(), &new);
    found.elements = usize::try_from(next.elements()?)?;
    println!("{found}");
    Ok(())
}

/// One owner of the only slot.
struct Owner {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Owner {
    fn new(engine: &Engine, module: &Module) -> Result<Self> {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, module, &[])?;
        let memory = instance.get_memory(&mut store, "memory");
        let Some(memory) = memory else {
            wasmtime::bail!("the module has no memory");
        };
        Ok(Self {
            store,
            instance,
            memory,
        })
    }

    fn memory(&self) -> &[u8] {
        self.memory.data(&self.store)
    }

    /// Writes to all of the memory and all of the table.
    fn write(&mut self) -> Result<()> {
        let write = self
            .instance
            .get_typed_func::<(), ()>(&mut self.store, "write")?;
        write.call(&mut self.store, ())
    }

    /// How many elements the table has that are not null.
    fn elements(&mut self) -> Result<i32> {
        let count = self
            .instance
            .get_typed_func::<(), i32>(&mut self.store, "elements")?;
        count.call(&mut self.store, ())
    }
}
