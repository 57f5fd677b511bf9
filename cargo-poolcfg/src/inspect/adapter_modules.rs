//! The modules that Wasmtime makes of adapters: how much bookkeeping an instance of one takes at most.

use std::collections::HashSet;

use super::crossing::{Adapter, CoreDef, Crossing};
use super::declared::Between;
use super::options::{ASYNC, COMPACT_UTF16, UTF16};

/// What a module of adapters imports of Wasmtime itself: one function for each kind of trap that they raise, and for
/// resources, streams, futures, and calls that wait. Source: `Module` in crates/environ/src/fact.rs (v13 to v50), where
/// no version has more than 30.
const OWN: u64 = 48;

/// How strings come from one memory into another, and back: up to three functions each way, by their encodings. Source:
/// `translate_string` in crates/environ/src/fact/trampoline.rs (v48).
const STRINGS: u64 = 6;

/// What a call that waits imports of its own, and exports beside the adapter.
const WAITING: u64 = 2;

/// Those of a component, without what nobody needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AdapterModules {
    pub(super) count: u64,
    /// The bytes of the largest instance's bookkeeping.
    pub(super) largest: Between,
    /// Those of all instances.
    pub(super) all: Between,
    /// The functions of Wasmtime itself that they import at most, each of which has a place in the component's
    /// bookkeeping.
    pub(super) functions: u64,
}

impl AdapterModules {
    pub(super) fn with(self, part: &AdapterModule<'_>) -> Self {
        let size = part.size();
        Self {
            count: self.count.saturating_add(1),
            largest: self.largest.or(size),
            all: self.all.plus(size),
            functions: self.functions.saturating_add(part.of_wasmtime()),
        }
    }
}

/// One module of adapters: what it imports, each once.
#[derive(Debug, Default)]
pub(super) struct AdapterModule<'a> {
    adapters: u64,
    defs: HashSet<&'a CoreDef>,
    /// Those of them that every version imports: not what calls back, which is handed to the host.
    called: HashSet<&'a CoreDef>,
    memories: HashSet<&'a CoreDef>,
    /// Functions of the host's, of which each may be another.
    of_host: u64,
    instances: HashSet<usize>,
    /// The memories and encodings between which strings are copied.
    strings: HashSet<[(Option<&'a CoreDef>, u8); 2]>,
    waiting: u64,
}

impl<'a> AdapterModule<'a> {
    pub(super) fn add(&mut self, adapter: &'a Adapter) {
        let sides = [&*adapter.lifted, &adapter.lowered];
        for side in sides {
            self.instances.insert(side.instance);
            self.memories.extend(side.memory());
            for def in side.functions() {
                match def {
                    CoreDef::Host => self.of_host += 1,
                    _ => drop(self.defs.insert(def)),
                }
            }
            let called = side.called().filter(|def| !matches!(def, CoreDef::Host));
            self.called.extend(called);
        }
        self.strings
            .insert(sides.map(|side| (side.memory(), side.encoding())));
        self.adapters += 1;
        self.waiting += u64::from(sides.iter().any(|side| side.is_async()));
    }

    /// The functions of Wasmtime itself that it imports at most.
    fn of_wasmtime(&self) -> u64 {
        let strings = count(self.strings.len()).saturating_mul(STRINGS);
        let waiting = self.waiting.saturating_mul(WAITING);
        OWN.saturating_add(strings).saturating_add(waiting)
    }

    /// The bytes of an instance's bookkeeping, as [`super::module::Module::instance_size`] counts them: at least an import
    /// for each function and memory that an adapter names, a flag of each component, and an export for each adapter. Source:
    /// `Module::adapt` and `import_options` in crates/environ/src/fact.rs (v27, v50).
    fn size(&self) -> Between {
        let given = count(self.defs.len()).saturating_add(self.of_host);
        let functions = given.saturating_add(self.of_wasmtime());
        let waiting = self.waiting.saturating_mul(WAITING);
        [
            Between::of(1, 128, 1024),
            Between::of(functions, 0, 32 + 40),
            Between::of(count(self.called.len()), 24, 0),
            Between::of(self.adapters, 32, 40),
            Between::of(waiting, 0, 40),
            Between::of(count(self.instances.len()), 8, 24),
            Between::of(1, 0, 24),
            Between::of(count(self.memories.len()), 24, 24),
        ]
        .into_iter()
        .fold(Between::default(), Between::plus)
    }
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

impl Crossing {
    fn functions(&self) -> impl Iterator<Item = &CoreDef> {
        let [realloc, post_return, callback, _] = &self.uses;
        [&self.func, realloc, post_return, callback]
            .into_iter()
            .flatten()
    }

    /// Those of them that adapters call themselves.
    fn called(&self) -> impl Iterator<Item = &CoreDef> {
        let [realloc, post_return, ..] = &self.uses;
        [&self.func, realloc, post_return].into_iter().flatten()
    }

    fn memory(&self) -> Option<&CoreDef> {
        self.uses[3].as_ref()
    }

    /// The bits of its options that say how strings are encoded.
    const fn encoding(&self) -> u8 {
        self.flags & (UTF16 | COMPACT_UTF16)
    }

    const fn is_async(&self) -> bool {
        self.flags & ASYNC != 0
    }
}
