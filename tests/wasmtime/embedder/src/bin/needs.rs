//! What a module or a component needs of a pool, by trial: with settings of exactly the counts that are said, so many
//! instances are live at once, and with one less of any of them one is refused.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use embedder::outcome;
use wasmtime::component::{Component, Linker as ComponentLinker};
use wasmtime::{
    Config, Engine, ExternType, Func, InstanceAllocationStrategy, Linker, Module,
    PoolConcurrencyLimitError, PoolingAllocationConfig, Result, Store,
};

/// How many instances are made.
const INSTANCES: u32 = 3;

fn main() -> ExitCode {
    outcome(run())
}

/// What one instance is said to need, of what bounds a module or a store's heap.
#[derive(Clone, Copy)]
struct Needs {
    memories: u32,
    tables: u32,
    heaps: u32,
}

/// The totals that a pool is given.
#[derive(Clone, Copy)]
struct Totals {
    core_instances: u32,
    memories: u32,
    tables: u32,
    table_elements: u32,
}

enum Code {
    Module(Module),
    Component(Component),
}

/// Arguments: a compiled file, `module` or `component`, core instances, memories, tables, elements, and heaps. Prints
/// what Wasmtime itself says, how many are live, and how many with one less of each.
fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [file, kind, numbers @ ..] = &arguments[..] else {
        wasmtime::bail!("usage: needs FILE module|component NUMBERS");
    };
    let numbers: Vec<u32> = numbers
        .iter()
        .map(|number| number.parse())
        .collect::<Result<_, _>>()?;
    let [core_instances, memories, tables, table_elements, heaps] = numbers[..] else {
        wasmtime::bail!("five numbers are wanted");
    };
    let needs = Needs {
        memories,
        tables,
        heaps,
    };
    let exactly = Totals {
        core_instances: core_instances * INSTANCES,
        memories: (memories + heaps) * INSTANCES,
        tables: tables * INSTANCES,
        table_elements,
    };
    let path = Path::new(file);
    let engine = engine(needs, exactly)?;
    println!("resources: {}", resources(&load(&engine, path, kind)?));
    println!("exactly: {}", live(needs, exactly, path, kind)?);
    for (name, totals) in [
        (
            "core_instances",
            Totals {
                core_instances: exactly.core_instances.saturating_sub(1),
                ..exactly
            },
        ),
        (
            "memories",
            Totals {
                memories: exactly.memories.saturating_sub(1),
                ..exactly
            },
        ),
        (
            "tables",
            Totals {
                tables: exactly.tables.saturating_sub(1),
                ..exactly
            },
        ),
        (
            "table_elements",
            Totals {
                table_elements: table_elements.saturating_sub(1),
                ..exactly
            },
        ),
    ] {
        println!("less {name}: {}", live(needs, totals, path, kind)?);
    }
    Ok(())
}

/// What Wasmtime says: memories, tables, and the largest minimum of a table.
fn resources(code: &Code) -> String {
    let required = match code {
        Code::Module(module) => Some(module.resources_required()),
        Code::Component(component) => component.resources_required(),
    };
    required.map_or_else(
        || "none".to_owned(),
        |required| {
            let elements = required.max_initial_table_size.unwrap_or_default();
            format!(
                "{} {} {elements}",
                required.num_memories, required.num_tables
            )
        },
    )
}

fn engine(needs: Needs, totals: Totals) -> Result<Engine> {
    let mut pooling = PoolingAllocationConfig::default();
    pooling
        .total_core_instances(totals.core_instances)
        .total_memories(totals.memories)
        .total_tables(totals.tables)
        .table_elements(usize::try_from(totals.table_elements)?)
        .total_gc_heaps(needs.heaps * INSTANCES)
        .total_component_instances(INSTANCES)
        .total_stacks(1)
        .max_memories_per_module(needs.memories)
        .max_tables_per_module(needs.tables)
        // What bounds them is bookkeeping, which is none of these counts.
        .max_core_instance_size(1 << 28)
        .max_component_instance_size(1 << 28);
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling));
    Engine::new(&config)
}

fn load(engine: &Engine, path: &Path, kind: &str) -> Result<Code> {
    // SAFETY: the tests make the file with `wasmtime compile` and change it no more.
    match kind {
        "module" => unsafe { Module::deserialize_file(engine, path) }.map(Code::Module),
        _ => unsafe { Component::deserialize_file(engine, path) }.map(Code::Component),
    }
}

/// How many are live, up to one more than there have to be, and why not more.
fn live(needs: Needs, totals: Totals, path: &Path, kind: &str) -> Result<String> {
    let engine = engine(needs, totals)?;
    let code = match load(&engine, path, kind) {
        Ok(code) => code,
        Err(error) => return Ok(format!("0 {}", one_line(&error))),
    };
    let mut stores = Vec::new();
    let mut trapped = None;
    while stores.len() <= usize::try_from(INSTANCES)? {
        let mut store = Store::new(&engine, ());
        let made = match &code {
            Code::Module(module) => instantiate(&mut store, module),
            Code::Component(component) => {
                let mut linker = ComponentLinker::new(&engine);
                linker.define_unknown_imports_as_traps(component)?;
                linker.instantiate(&mut store, component).map(drop)
            }
        };
        match made {
            Ok(()) => stores.push(store),
            Err(error) if error.is::<PoolConcurrencyLimitError>() => {
                return Ok(format!("{} {}", stores.len(), one_line(&error)));
            }
            // What it is given does nothing: it may well trap, and lives on.
            Err(error) => {
                trapped = Some(one_line(&error));
                stores.push(store);
            }
        }
    }
    let trapped = trapped.map_or_else(String::new, |error| format!(" ({error})"));
    Ok(format!("{} and more{trapped}", stores.len()))
}

/// With functions that trap, and memories, tables and globals of the host's.
fn instantiate(store: &mut Store<()>, module: &Module) -> Result<()> {
    let mut linker = Linker::new(store.engine());
    linker.allow_shadowing(true);
    for import in module.imports() {
        if let ExternType::Func(ty) = import.ty() {
            let func = Func::new(&mut *store, ty, |_, _, _| {
                wasmtime::bail!("a function of the host's")
            });
            linker.define(&mut *store, import.module(), import.name(), func)?;
        }
    }
    linker.define_unknown_imports_as_default_values(&mut *store, module)?;
    linker.instantiate(&mut *store, module).map(drop)
}

fn one_line(error: &wasmtime::Error) -> String {
    format!("{error:#}").replace('\n', " ")
}
