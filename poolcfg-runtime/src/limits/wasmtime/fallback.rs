//! Setters that are there only when Wasmtime is built with a feature, for the builds without it. A method of
//! a type itself comes before one of a trait, so where Wasmtime has the setter, it is the one that is called.
//!
//! Only setters that are switched by a feature stand here: a setter that is renamed one day has to be an
//! error and not silently nothing. The traits are for types with a default, as both of Wasmtime's are, and
//! not for references to them, for which the methods here would come first.

use std::fmt::Arguments;

use poolcfg_core::{Code, Text};

/// Ends the program before it has an engine that is not as its limits say.
pub(super) fn stop(code: Code, what: Arguments<'_>) -> ! {
    panic!("{}: {what}{}", code.as_str(), code.see(Text::new()))
}

/// What may be missing from `wasmtime::Config`.
pub trait ConfigFallback {
    /// Without the feature `async` there are no stacks (up to 46).
    fn async_stack_size(&mut self, _bytes: usize) {}
}

impl<T: Default> ConfigFallback for T {}

/// What may be missing from `wasmtime::PoolingAllocationConfig`.
pub trait PoolingFallback {
    /// Without the feature `async` there are no stacks.
    fn total_stacks(&mut self, _count: u32) {}

    /// Without the feature `gc` there are no heaps.
    fn total_gc_heaps(&mut self, _count: u32) {}

    /// Without the feature `memory-protection-keys` slots are not striped, and larger than those that fit.
    ///
    /// # Panics
    /// Always: it is called only when the limits have keys.
    fn max_memory_protection_keys(&mut self, _keys: usize) {
        stop(
            Code::LacksFeature,
            format_args!(
                "the limits have memory protection keys, but Wasmtime is built without its feature \
                 `memory-protection-keys`: switch it on, or remove the keys from poolcfg.toml"
            ),
        );
    }
}

impl<T: Default> PoolingFallback for T {}
