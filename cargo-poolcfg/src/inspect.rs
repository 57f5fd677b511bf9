//! What a file is that people run: a module, a component, or a program; and what of it decides the limits of a pool.
//!
//! - here: which of them a file is, and what an instance of it needs
//! - `beginning`: what else a file is; `stream`: a file of any size, read with little memory; `limits`: how much of it is
//!   kept
//! - `module`: a module, with what is `declared`, and what its `code` does; `component`: a component as it is written,
//!   `steps` by step
//! - `options`: its functions at a border; `resources`: what of its types has a place in the bookkeeping
//! - `instances`: what comes to life with a component, `frame` by frame, and what was `followed` before; `items`:
//!   what lies in it; `adapters`: what Wasmtime adds for what is `crossing` its border, in `adapter_modules`
//! - `program`: a program; `other_systems`: one without ELF; `marks`: what tells its target; `versions`: which Wasmtime is in it, by
//!   its `paths` and what else is `named`
//! - `bounds`: which limits a file keeps to, of which version and of which host
//! - `workload`: several files, and the keys to set for all of them; `beyond`: those that are no counts; `taken`: what
//!   a pool may have none of; `accepted`: the keys that poolcfg.toml takes

mod accepted;
mod adapter_modules;
mod adapters;
mod beginning;
pub(crate) mod beyond;
pub(crate) mod bounds;
mod code;
mod component;
mod crossing;
mod declared;
mod followed;
mod frame;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
#[cfg(test)]
mod hostile;
mod instances;
mod items;
mod limits;
mod marks;
mod module;
mod named;
mod options;
mod other_systems;
mod paths;
pub(crate) mod program;
mod resources;
mod steps;
mod stream;
pub(crate) mod taken;
mod versions;
pub(crate) mod workload;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use poolcfg_core::Size;
use wasmparser::{Validator, WasmFeatures};

use crate::cli::error::Error;
use crate::cli::progress::Progress;
use crate::cli::shell::Shell;
use beginning::no_program;
use component::{COMPONENT, MODULE, Tree};
pub(crate) use declared::Between;
use followed::Live;
use module::Module;
use program::Program;
pub(crate) use stream::Wanted;
use stream::{Stream, Unreadable};

/// Up to this size a file is checked as a whole. Larger ones are followed as far as their declarations say.
const CHECKED: u64 = 64 << 20;

/// What a file is.
#[derive(Clone, Debug)]
pub(crate) enum Inspected {
    Module(Needs),
    Component(Needs),
    /// A program, and the versions of Wasmtime in it.
    Program(Program, Vec<String>),
}

impl Inspected {
    /// What an instance needs; `None` of a program.
    pub(crate) const fn needs(&self) -> Option<&Needs> {
        match self {
            Self::Module(needs) | Self::Component(needs) => Some(needs),
            Self::Program(..) => None,
        }
    }
}

/// The largest table of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LargestTable {
    /// Its elements at the beginning.
    pub(crate) minimum: u64,
    /// The type of its elements; empty where there is no table.
    pub(crate) element: String,
}

/// What one instance takes from a pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    /// Instances of modules, with those of nested components, of shims, and of what Wasmtime makes of calls between
    /// components.
    pub(crate) core_instances: u64,
    /// Memories that are its own.
    pub(crate) memories: u64,
    /// Tables that are its own.
    pub(crate) tables: u64,
    pub(crate) largest_table: LargestTable,
    /// How many `table_elements` hold each of its tables.
    pub(crate) table_elements: Between,
    /// Of the memory that is largest at the beginning, in bytes.
    pub(crate) memory_minimum: u64,
    /// How far its memories may grow; `None` if one declares no maximum, or there is none.
    pub(crate) memory_maximum: Option<u64>,
    pub(crate) is_memory64: bool,
    /// Whether a memory is shared between threads, be it one that the host brings along.
    pub(crate) is_shared: bool,
    /// Whether one of its own is, which no pool takes.
    pub(crate) has_own_shared: bool,
    /// Whether a heap may take the place of a memory.
    pub(crate) gc: bool,
    /// The shared memories that a module imports, which its host makes beside the pool.
    pub(crate) shared_imports: BTreeSet<String>,
    /// The sizes of a page of its memories.
    pub(crate) page_sizes: BTreeSet<u64>,
    /// The bytes of all data segments in the file.
    pub(crate) data: u64,
    /// What an import leaves open, so that there may be more of it.
    pub(crate) open: BTreeSet<String>,
    /// The most memories of one module.
    pub(crate) memories_of_module: u64,
    /// The most tables of one module.
    pub(crate) tables_of_module: u64,
    /// The bytes of the largest core instance's bookkeeping.
    pub(crate) largest_instance: Between,
    /// Those of all its core instances.
    pub(crate) all_instances: Between,
    /// Those of a component's own, beside its core instances; `None` of a module.
    pub(crate) own_size: Option<Between>,
}

/// Finds out what a file is and what it needs.
///
/// # Errors
/// Where it cannot be read, is none of the files that are understood, or is damaged.
pub(crate) fn inspect(path: &Path, wanted: Wanted) -> Result<Inspected, Error> {
    read(path).map_err(|why| why.error(path, wanted))
}

/// The same for each file that was found, with a bar where they are many.
pub(crate) fn inspect_each(
    shell: &Shell,
    paths: Vec<Result<PathBuf, Error>>,
    wanted: Wanted,
) -> Vec<Result<(PathBuf, Inspected), Error>> {
    let mut progress = Progress::new(shell, "files", paths.len());
    let look = |path: Result<PathBuf, Error>| {
        let file = path.and_then(|path| Ok((inspect(&path, wanted)?, path)));
        progress.step();
        file.map(|(file, path)| (path, file))
    };
    paths.into_iter().map(look).collect()
}

fn read(path: &Path) -> Result<Inspected, Unreadable> {
    // Whoever opens a FIFO waits.
    let about = std::fs::metadata(path)?;
    if about.is_dir() {
        return Err(Unreadable::Folder);
    }
    if !about.is_file() {
        return Err(Unreadable::NotKnown("no regular file".to_owned()));
    }
    let mut file = File::open(path)?;
    let length = about.len();
    let mut beginning = Vec::new();
    file.by_ref().take(64).read_to_end(&mut beginning)?;
    file.rewind()?;
    if beginning.starts_with(b"\0asm") {
        return wasm(&mut file, &beginning, length);
    }
    if let Some(text) = no_program(&beginning) {
        return Err(Unreadable::NotKnown(text.to_owned()));
    }
    let mut program = program::read(&file)?;
    let mut found = versions::in_file(&mut file, &program.constants)?;
    if let Some(packed) = &program.auditable {
        let listed = versions::in_list(packed);
        program.has_damaged_list |= listed.is_none();
        found.versions.extend(listed.unwrap_or_default());
    }
    program.has_wasmtime = found.is_there || !found.versions.is_empty();
    if found.versions.is_empty() {
        found.versions = found.of_parts;
    }
    let found = found.versions.into_iter().map(named::text).collect();
    Ok(Inspected::Program(program, found))
}

fn wasm(file: &mut File, beginning: &[u8], length: u64) -> Result<Inspected, Unreadable> {
    let mut stream = Stream::new(&mut *file);
    stream.skip(8, length)?;
    let inspected = match beginning.first_chunk() {
        Some(&MODULE) => {
            let module = module::read(&mut stream, length, None)?;
            Inspected::Module(Needs::default().with(&module, 1).with_host(&module))
        }
        Some(&COMPONENT) => {
            let tree = component::read(&mut stream, length)?;
            let needs = instances::follow(&tree).map(|live| Needs::of_component(&tree, live));
            // The check takes memory of its own.
            drop(tree);
            // The validator of the whole file reports what is invalid, since it knows the place.
            match needs {
                Ok(needs) => Inspected::Component(needs),
                Err(why) => {
                    check(file, length)?;
                    return Err(why);
                }
            }
        }
        _ => {
            let text = "WebAssembly of a version that is not known".to_owned();
            return Err(Unreadable::NotKnown(text));
        }
    };
    check(file, length)?;
    Ok(inspected)
}

/// Checks all of a file that is not too large for it, with every proposal switched on.
fn check(file: &mut File, length: u64) -> Result<(), Unreadable> {
    if length > CHECKED {
        return Ok(());
    }
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.take(CHECKED).read_to_end(&mut bytes)?;
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let checked = validator.validate_all(&bytes);
    checked.map(drop).map_err(|error| stream::damaged(&error))
}

impl Needs {
    /// These and so many instances of a module more. Wasmtime holds a module to its limits even where nobody
    /// instantiates it. Source: crates/wasmtime/src/runtime/module.rs, `Module::from_parts_raw` (v48), which each module
    /// of a component goes through.
    fn with(mut self, module: &Module, instances: u64) -> Self {
        let count = |items: usize| u64::try_from(items).unwrap_or(u64::MAX);
        let (memories, tables) = (count(module.memories.len()), count(module.tables.len()));
        let sum = |of: u64, each: u64| of.saturating_add(each.saturating_mul(instances));
        let had_memories = !self.page_sizes.is_empty();
        self.core_instances = sum(self.core_instances, 1);
        self.memories = sum(self.memories, memories);
        self.tables = sum(self.tables, tables);
        self.memories_of_module = self.memories_of_module.max(memories);
        self.tables_of_module = self.tables_of_module.max(tables);
        for memory in &module.memories {
            self.memory_minimum = self.memory_minimum.max(memory.minimum);
            self.is_memory64 |= memory.is_64_bit;
            self.is_shared |= memory.is_shared;
            self.has_own_shared |= memory.is_shared;
            self.page_sizes.insert(memory.page_size);
        }
        let maxima = module.memories.iter().map(|memory| memory.maximum);
        let maximum = maxima.reduce(|one, other| Some(one?.max(other?)));
        if let Some(maximum) = maximum {
            self.memory_maximum = match had_memories {
                true => self
                    .memory_maximum
                    .zip(maximum)
                    .map(|(one, other)| one.max(other)),
                false => maximum,
            };
        }
        let largest = module.tables.iter().max_by_key(|table| table.minimum);
        if let Some(table) = largest
            && (table.minimum > self.largest_table.minimum || self.largest_table.element.is_empty())
        {
            self.largest_table = LargestTable {
                minimum: table.minimum,
                element: table.element.clone(),
            };
        }
        for table in &module.tables {
            self.table_elements = self.table_elements.or(table.slots);
        }
        for imported in &module.imported {
            self.is_shared |= imported.is_shared;
            self.is_memory64 |= imported.is_64_bit;
        }
        self.gc |= module.has_heap() && instances > 0;
        let size = module.instance_size();
        self.largest_instance = self.largest_instance.or(size);
        let all = Between::of(instances, size.least, size.most);
        self.all_instances = self.all_instances.plus(all);
        self
    }

    /// Of a module that is not part of a component, what its host has to bring along.
    fn with_host(mut self, module: &Module) -> Self {
        self.data = module.data;
        for imported in &module.imported {
            // A shared one is never of a pool, so nothing is left open.
            if imported.is_shared && imported.what == "memory" {
                self.shared_imports.insert(imported.name.clone());
                continue;
            }
            let least = match imported.what {
                "memory" => Size::bytes(imported.minimum).to_string(),
                _ => format!("{} elements", imported.minimum),
            };
            self.open.insert(format!(
                "the {} `{}` of at least {least}, which is imported",
                imported.what, imported.name
            ));
        }
        self
    }

    fn of_component(tree: &Tree, live: Live) -> Self {
        let instances = tree.modules.iter().zip(&live.of_module);
        let mut needs = instances.fold(Self::default(), |needs, (module, instances)| {
            needs.with(module, *instances)
        });
        let adapters = live.adapters;
        let more = adapters.count.saturating_add(live.of_imported);
        needs.core_instances = needs.core_instances.saturating_add(more);
        // What is compiled of one module, be it of one that has no instance, is a heap for all that are compiled with it.
        let has_instance = adapters.count > 0 || live.of_module.iter().any(|count| *count > 0);
        needs.gc |= has_instance && tree.modules.iter().any(|module| module.code_has_heap);
        // What is made of adapters has no memory and no table.
        needs.largest_instance = needs.largest_instance.or(adapters.largest);
        needs.all_instances = needs.all_instances.plus(adapters.all);
        let data = tree.modules.iter().map(|module| module.data);
        needs.data = data.fold(0, u64::saturating_add);
        needs.open = live.open;
        // What every component has, each one in it, each function at a border, and each resource. Source:
        // crates/environ/src/component/vmcomponent_offsets.rs (v28 to v50).
        let own = Between::of(1, 32, 256)
            .plus(Between::of(live.components, 16, 64))
            .plus(Between::of(live.crossings, 0, 128))
            .plus(Between::of(adapters.functions, 0, 40))
            .plus(Between::of(live.resources, 0, 8));
        needs.own_size = Some(own);
        needs
    }
}
