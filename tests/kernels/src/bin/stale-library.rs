//! What is left in a slot of Wasmtime's of an owner whose pages were swapped out, with Wasmtime's C library and
//! settings as `wasmtime` takes them on its command line.
//!
//! Arguments: the library; a text file with a module; the way into swap; settings.
//!
//! Functions of the library are as its headers declare them, the same from 37 to 50: wasm.h, wasmtime/config.h,
//! module.h, store.h, instance.h, extern.h, func.h, memory.h, wat.h. Structures of which the size differs from one
//! version to the next are passed by pointers to more than any of them has.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a function is looked up where it is called, and one proof is of both"
)]

use std::ffi::{CString, c_char, c_void};
use std::fs;
use std::ptr;

use poolcfg_tests_swapped::{Found, PAGE, PATTERN, not_in_swap, stale, swap_out};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [library, file, way, settings @ ..] => run(library, file, way, settings),
        words => Err(format!("arguments {words:?}")),
    };
    if let Err(error) = done {
        eprintln!("stale-library: {error}");
        std::process::exit(1);
    }
}

/// Something of the library's, behind its pointer.
type Handle = *mut c_void;

/// `wasm_byte_vec_t`
#[repr(C)]
struct Bytes {
    size: usize,
    data: *mut u8,
}

/// `wasmtime_instance_t`, `wasmtime_extern_t` and `wasmtime_val_t`, or more: none of them has as much.
#[repr(C, align(16))]
struct Opaque([u8; 128]);

impl Opaque {
    const fn new() -> Self {
        Self([0; 128])
    }

    /// What lies behind the kind of an extern or a value: include/wasmtime/extern.h and val.h.
    fn inside(&mut self) -> *mut c_void {
        self.0[8..].as_mut_ptr().cast()
    }
}

/// The library.
struct Library(Handle);

impl Library {
    fn open(path: &str) -> Result<Self, String> {
        let path_c = CString::new(path).map_err(|error| error.to_string())?;
        // SAFETY: the path is a text with an end; the library is upstream's, and what it does when it is loaded
        // is what every program of its does.
        let handle = unsafe { libc::dlopen(path_c.as_ptr(), libc::RTLD_NOW) };
        if handle.is_null() {
            return Err(format!("`{path}` cannot be loaded"));
        }
        Ok(Self(handle))
    }

    /// A function of this name, which must be of this type.
    ///
    /// # Safety
    /// `F` is the type of a function pointer, and the one that the library's header declares.
    unsafe fn function<F: Copy>(&self, name: &str) -> Result<F, String> {
        const { assert!(size_of::<F>() == size_of::<Handle>()) };
        let name_c = CString::new(name).map_err(|error| error.to_string())?;
        // SAFETY: the library is loaded, and the name is a text with an end.
        let address = unsafe { libc::dlsym(self.0, name_c.as_ptr()) };
        if address.is_null() {
            return Err(format!("the library has no `{name}`"));
        }
        // SAFETY: a pointer to a function is as large as any pointer, it is none that is null, and the caller
        // vouches for the type.
        Ok(unsafe { std::mem::transmute_copy(&address) })
    }

    fn result(&self, error: Handle) -> Result<(), String> {
        if error.is_null() {
            return Ok(());
        }
        let mut text = Bytes {
            size: 0,
            data: ptr::null_mut(),
        };
        // SAFETY: error.h: `void wasmtime_error_message(const wasmtime_error_t*, wasm_name_t*)`.
        unsafe {
            let message: unsafe extern "C" fn(Handle, *mut Bytes) =
                self.function("wasmtime_error_message")?;
            message(error, &raw mut text);
        }
        Err(String::from_utf8_lossy(text.as_slice()).into_owned())
    }
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: the library filled in both fields, and nothing of this program frees what they tell of.
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }
}

/// An engine with a pool of these settings.
fn engine(library: &Library, settings: &[&str]) -> Result<Handle, String> {
    type New = unsafe extern "C" fn() -> Handle;
    // Counts, sizes and flags are passed alike in a register of 64 bits, of which the callee reads what it wants.
    type Set = unsafe extern "C" fn(Handle, u64);
    // SAFETY: wasm.h and config.h: both make something, the setters take it and an integer or a flag, and
    // `wasmtime_pooling_allocation_strategy_set` and `wasm_engine_new_with_config` take what was made.
    unsafe {
        let config = library.function::<New>("wasm_config_new")?();
        let pooling = library.function::<New>("wasmtime_pooling_allocation_config_new")?();
        for (name, value) in pairs(settings)? {
            let (setter, of) = match name.strip_prefix("pooling-") {
                Some("allocator") => continue,
                Some("memory-keep-resident") => (
                    "wasmtime_pooling_allocation_config_linear_memory_keep_resident_set".to_owned(),
                    pooling,
                ),
                Some(name) => {
                    let name = name.replace('-', "_");
                    let setter = format!("wasmtime_pooling_allocation_config_{name}_set");
                    (setter, pooling)
                }
                // It has no setter, and is so by itself.
                None if name == "guard-before-linear-memory" && value == 1 => continue,
                None => {
                    let name = name.replace('-', "_");
                    (format!("wasmtime_config_{name}_set"), config)
                }
            };
            library.function::<Set>(&setter)?(of, value);
        }
        let strategy: unsafe extern "C" fn(Handle, Handle) =
            library.function("wasmtime_pooling_allocation_strategy_set")?;
        strategy(config, pooling);
        let engine: unsafe extern "C" fn(Handle) -> Handle =
            library.function("wasm_engine_new_with_config")?;
        let engine = engine(config);
        if engine.is_null() {
            return Err("no engine with these settings".to_owned());
        }
        Ok(engine)
    }
}

/// `-O a=1,b=y -W c=2` as names and numbers.
fn pairs<'a>(settings: &[&'a str]) -> Result<Vec<(&'a str, u64)>, String> {
    let settings = settings.iter().filter(|word| !["-O", "-W"].contains(word));
    settings
        .flat_map(|word| word.split(','))
        .map(|setting| {
            let pair = setting.split_once('=').and_then(|(name, value)| {
                let value = match value {
                    "y" => 1,
                    "n" => 0,
                    number => number.parse().ok()?,
                };
                Some((name, value))
            });
            pair.ok_or_else(|| format!("setting `{setting}`"))
        })
        .collect()
}

fn module(library: &Library, engine: Handle, file: &str) -> Result<Handle, String> {
    let text = fs::read(file).map_err(|error| format!("`{file}`: {error}"))?;
    let mut wasm = Bytes {
        size: 0,
        data: ptr::null_mut(),
    };
    let mut module = ptr::null_mut();
    // SAFETY: wat.h and module.h: texts and bytes with their lengths, and places for what is made, all of them
    // alive during the calls.
    unsafe {
        let parse: unsafe extern "C" fn(*const c_char, usize, *mut Bytes) -> Handle =
            library.function("wasmtime_wat2wasm")?;
        library.result(parse(text.as_ptr().cast(), text.len(), &raw mut wasm))?;
        let new: unsafe extern "C" fn(Handle, *const u8, usize, *mut Handle) -> Handle =
            library.function("wasmtime_module_new")?;
        library.result(new(engine, wasm.data, wasm.size, &raw mut module))?;
    }
    Ok(module)
}

/// One owner of the only slot.
struct Owner<'a> {
    library: &'a Library,
    store: Handle,
    context: Handle,
    instance: Opaque,
}

impl<'a> Owner<'a> {
    fn new(library: &'a Library, engine: Handle, module: Handle) -> Result<Self, String> {
        let mut instance = Opaque::new();
        let mut trap = ptr::null_mut();
        // SAFETY: store.h and instance.h: an engine and a module that are alive, no data and no imports, and places
        // for what is made.
        unsafe {
            let new: unsafe extern "C" fn(Handle, Handle, Handle) -> Handle =
                library.function("wasmtime_store_new")?;
            let store = new(engine, ptr::null_mut(), ptr::null_mut());
            let context: unsafe extern "C" fn(Handle) -> Handle =
                library.function("wasmtime_store_context")?;
            let context = context(store);
            let instantiate: unsafe extern "C" fn(
                Handle,
                Handle,
                Handle,
                usize,
                *mut Opaque,
                *mut Handle,
            ) -> Handle = library.function("wasmtime_instance_new")?;
            let imports = ptr::null_mut();
            library.result(instantiate(
                context,
                module,
                imports,
                0,
                &raw mut instance,
                &raw mut trap,
            ))?;
            if !trap.is_null() {
                return Err("the instance traps".to_owned());
            }
            Ok(Self {
                library,
                store,
                context,
                instance,
            })
        }
    }

    fn export(&mut self, name: &str) -> Result<Opaque, String> {
        let mut export = Opaque::new();
        // SAFETY: instance.h: an instance of the store, a name with its length and a place for the export.
        let found = unsafe {
            let get: unsafe extern "C" fn(
                Handle,
                *mut Opaque,
                *const c_char,
                usize,
                *mut Opaque,
            ) -> bool = self.library.function("wasmtime_instance_export_get")?;
            get(
                self.context,
                &raw mut self.instance,
                name.as_ptr().cast(),
                name.len(),
                &raw mut export,
            )
        };
        found
            .then_some(export)
            .ok_or_else(|| format!("no export `{name}`"))
    }

    /// Calls a function that takes nothing and gives one number, or none.
    fn call(&mut self, name: &str, results: usize) -> Result<i32, String> {
        let mut function = self.export(name)?;
        let mut result = Opaque::new();
        let mut trap = ptr::null_mut();
        // SAFETY: func.h: a function of the store, no arguments, and a place for as many results as it has.
        unsafe {
            let call: unsafe extern "C" fn(
                Handle,
                *mut c_void,
                Handle,
                usize,
                *mut Opaque,
                usize,
                *mut Handle,
            ) -> Handle = self.library.function("wasmtime_func_call")?;
            self.library.result(call(
                self.context,
                function.inside(),
                ptr::null_mut(),
                0,
                &raw mut result,
                results,
                &raw mut trap,
            ))?;
        }
        if !trap.is_null() {
            return Err(format!("`{name}` traps"));
        }
        let value = result.0[8..].first_chunk().copied().unwrap_or_default();
        Ok(i32::from_ne_bytes(value))
    }

    /// The bytes of the memory.
    fn memory(&mut self) -> Result<&[u8], String> {
        type Of<T> = unsafe extern "C" fn(Handle, *mut c_void) -> T;
        let mut memory = self.export("memory")?;
        // SAFETY: memory.h: a memory of the store. Its bytes stay where they are as long as the store lives, and
        // nothing writes to them while they are borrowed, since every call of this owner borrows it anew.
        unsafe {
            let data: Of<*const u8> = self.library.function("wasmtime_memory_data")?;
            let size: Of<usize> = self.library.function("wasmtime_memory_data_size")?;
            let data = data(self.context, memory.inside());
            let size = size(self.context, memory.inside());
            Ok(std::slice::from_raw_parts(data, size))
        }
    }

    /// Gives the slot back.
    fn end(self) -> Result<(), String> {
        // SAFETY: store.h: the store is not used any more.
        unsafe {
            let delete: unsafe extern "C" fn(Handle) =
                self.library.function("wasmtime_store_delete")?;
            delete(self.store);
        }
        Ok(())
    }
}

fn run(path: &str, file: &str, way: &str, settings: &[&str]) -> Result<(), String> {
    let library = Library::open(path)?;
    let engine = engine(&library, settings)?;
    let module = module(&library, engine, file)?;
    let mut found = Found::default();

    let mut owner = Owner::new(&library, engine, module)?;
    let new = owner.memory()?.to_vec();
    if owner.call("elements", 1)? != 0 {
        return Err("a new table has elements".to_owned());
    }
    owner.call("write", 0)?;
    if owner.memory()?.iter().any(|byte| *byte != PATTERN) {
        return Err("the memory has something else than was written".to_owned());
    }
    found.written = owner.memory()?.len() / PAGE;
    let left = swap_out(way, || not_in_swap(owner.memory()?))?;
    found.swapped = found.written - left;
    owner.end()?;

    let mut next = Owner::new(&library, engine, module)?;
    found.stale = stale(next.memory()?, &new);
    let elements = next.call("elements", 1)?;
    found.elements = usize::try_from(elements).map_err(|error| error.to_string())?;
    next.end()?;
    println!("{found}");
    Ok(())
}
