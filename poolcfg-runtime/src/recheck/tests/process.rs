//! A process in a made-up address space, as a machine that a recheck asks.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::rc::Rc;
use std::thread::ThreadId;

use poolcfg_core::{
    Limits, LinuxLayout, MappingName, Promise, RelocationModel, Size, Target, VaProfile,
};

use super::super::space::{ProcessLayout, Space};
use super::super::{Taken, hold, recheck};
use crate::machine::live_pools::{Holding, Took};
use crate::machine::{Machine, Resource};
use crate::recheck::kept::{Keeper, Kept};
use crate::recheck::misfit::RecheckError;
use crate::recheck::options::RecheckOptions;
use crate::recheck::process_bounds::maps_at_worst;
use crate::recheck::slabs::slab_bytes;

/// The addresses are shared with what is mapped.
type SharedSpace = Rc<RefCell<Space>>;

pub(super) struct FakeProcess {
    space: SharedSpace,
    target: Target,
    program: RelocationModel,
    page_size: Size,
    stack_limit: Option<Size>,
    /// A file, and its text.
    file: Option<(&'static str, &'static str)>,
    /// Addresses and lengths of libraries.
    libraries: Vec<(u64, u64)>,
    variables: Vec<(String, String)>,
    /// Whether the stack lies where an emulator of programs puts it.
    is_emulated: bool,
    kept: Kept<Mapped>,
    holdings: RefCell<Vec<Holding>>,
    others: Cell<Others>,
    /// What another thread has mapped that passes.
    passing: Cell<Option<u64>>,
    /// What a process that locks all that it maps may lock.
    lockable: Option<Size>,
    address_space: Option<Size>,
}

/// What other threads map: so many bytes at each of so many calls of a recheck that are still to come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Others {
    pub(super) bytes: Size,
    /// At each call whose number is a multiple of it.
    pub(super) every: u32,
    pub(super) calls: u32,
    pub(super) left: u32,
    /// Whether it is unmapped and mapped again at these calls, by chance and for ever: a thread that does so all the time.
    pub(super) passes: bool,
}

/// What is mapped until it is dropped.
pub(super) struct Mapped {
    start: u64,
    bytes: u64,
    space: SharedSpace,
}

impl Drop for Mapped {
    fn drop(&mut self) {
        self.space.borrow_mut().unmap(self.start);
    }
}

const EAGAIN: i32 = 11;
const ENOMEM: i32 = 12;

impl FakeProcess {
    /// A process that has mapped libraries of these sizes.
    pub(super) fn new(
        profile: &VaProfile<'_>,
        linux: &LinuxLayout,
        made: &ProcessLayout,
        libraries: &[Size],
    ) -> Self {
        let mut space = Space::new(profile, linux, made);
        let libraries = libraries.iter().map(|bytes| {
            let start = space.map(bytes.get()).expect("there is room for libraries");
            (start, bytes.get())
        });
        let libraries = libraries.collect();
        Self {
            space: Rc::new(RefCell::new(space)),
            target: Target::new(profile.arch, profile.os, profile.pointer_width()),
            program: made.program,
            page_size: profile.page_size,
            stack_limit: made.stack_limit,
            file: None,
            libraries,
            variables: Vec::new(),
            is_emulated: false,
            kept: Kept::new(),
            holdings: RefCell::default(),
            others: Cell::default(),
            passing: Cell::default(),
            lockable: None,
            address_space: None,
        }
    }

    /// The process locks all that it maps, one mapping of so many bytes at most.
    pub(super) fn set_lockable(&mut self, limit: Size) {
        self.lockable = Some(limit);
    }

    /// Its address space is limited to what it has and so many bytes.
    pub(super) fn set_address_space_left(&mut self, bytes: Size) {
        self.address_space = self.size().checked_add(bytes);
    }

    /// What it has mapped in all.
    fn size(&self) -> Size {
        let space = self.space.borrow();
        let taken = space.taken().iter().map(|(start, end)| end - start);
        Size::bytes(taken.sum())
    }

    /// The stack limit is changed after the program has started.
    pub(super) fn set_stack_limit(&mut self, limit: Size) {
        self.stack_limit = Some(limit);
    }

    /// There is this file.
    pub(super) fn set_file(&mut self, path: &'static str, text: &'static str) {
        self.file = Some((path, text));
    }

    /// It is started with these variables.
    pub(super) fn set_variables(&mut self, variables: &[(String, String)]) {
        self.variables = variables.to_vec();
    }

    /// An emulator of programs says that the stack lies in the middle.
    pub(super) fn set_emulated(&mut self) {
        self.is_emulated = true;
    }

    /// Other threads map from now on.
    pub(super) fn set_others(&self, others: Others) {
        self.others.set(others);
    }

    /// Another thread is quicker than the call that comes next.
    fn other_threads(&self) {
        let mut others = self.others.get();
        others.calls = others.calls.wrapping_add(1);
        let is_one = others.left > 0 && others.calls.is_multiple_of(others.every);
        if is_one && others.passes {
            let mut space = self.space.borrow_mut();
            // Fibonacci hashing: the same in each run, and with no period that a recheck could have, too.
            let is_mapped = others.calls.wrapping_mul(2_654_435_769) >> 31 == 1;
            match (is_mapped, self.passing.take()) {
                (false, Some(start)) => space.unmap(start),
                (true, None) => self.passing.set(space.map(others.bytes.get())),
                (_, still) => self.passing.set(still),
            }
        } else if is_one {
            others.left -= 1;
            assert!(self.map(others.bytes), "there is room for other threads");
        }
        self.others.set(others);
    }

    /// Maps something else, which stays.
    pub(super) fn map(&self, bytes: Size) -> bool {
        self.space.borrow_mut().map(bytes.get()).is_some()
    }

    /// Allocates as C libraries do: of the heap, as long as that grows, and then of new mappings of 1 MiB at least
    /// (`MMAP_AS_MORECORE_SIZE` of glibc's malloc/malloc.c).
    pub(super) fn allocate(&self, bytes: Size) -> bool {
        let grows = self.space.borrow_mut().grow_heap(bytes.get());
        grows || self.map(bytes.max(Size::mib(1)))
    }

    /// Whether brk() may enlarge the heap by so many bytes.
    pub(super) fn heap_may_grow(&self, bytes: Size) -> bool {
        let end = self.heap_end();
        let mut space = self.space.borrow_mut();
        let grows = space.map_at(end, bytes.get());
        if grows {
            space.unmap(end);
        }
        grows
    }

    /// Whether the program lies above its libraries.
    pub(super) fn has_program_above_the_base(&self) -> bool {
        self.libraries
            .iter()
            .all(|library| library.0 < self.space.borrow().program.0)
    }

    fn heap_end(&self) -> u64 {
        let space = self.space.borrow();
        let heap = space.taken().iter().find(|range| range.0 == space.heap);
        heap.expect("it is taken").1
    }

    /// What is free in all, below the stack.
    pub(super) fn free_bytes(&self) -> u64 {
        let space = self.space.borrow();
        let taken: u64 = space.taken().iter().map(|(start, end)| end - start).sum();
        space.window() - taken
    }
}

/// A pool that has started.
pub(super) struct Started {
    name: &'static str,
    pub(super) limits: Limits,
    /// Only for its end.
    _mapped: Vec<Mapped>,
}

/// An engine's pool that has been rechecked.
pub(super) struct CheckedEngine {
    promise: Promise<'static>,
    limits: Limits,
}

impl CheckedEngine {
    pub(super) const fn name(&self) -> &'static str {
        self.promise.name
    }
}

impl FakeProcess {
    /// Starts a pool: a native one by its recheck, one of Wasmtime's by that and its engine.
    pub(super) fn start(&self, promise: &Promise<'static>) -> Result<Started, String> {
        if promise.asked.wasmtime.is_some() {
            let checked = self.check(promise)?;
            return self.make(&checked);
        }
        let taken = recheck(self, promise, RecheckOptions::new()).map_err(said)?;
        Ok(self.started(promise, taken))
    }

    fn started(&self, promise: &Promise<'static>, taken: Taken<Mapped>) -> Started {
        let limits = taken.limits;
        let slabs = taken.slabs;
        let pieces = slabs.memories.len();
        let rest = slabs.tables.into_iter().chain(slabs.stacks);
        let mapped: Vec<Mapped> = slabs.memories.into_iter().chain(rest).collect();
        let took = Took {
            limits,
            is_all: taken.is_all,
        };
        self.enter(promise.name, &mapped, took, pieces);
        Started {
            name: promise.name,
            limits,
            _mapped: mapped,
        }
    }

    /// Enters a pool in so many pieces: a native one, or one of Wasmtime's that is not made yet.
    fn enter(&self, name: &'static str, mapped: &[Mapped], took: Took, pieces: usize) {
        let ranges = mapped
            .iter()
            .map(|part| part.start..part.start + part.bytes);
        let limits = took.limits;
        self.holdings.borrow_mut().push(Holding {
            name: Some(name),
            ranges: ranges.collect(),
            took: Some(took),
            unmapped: limits.wasmtime.map(|_| limits),
            maps_at_worst: maps_at_worst(&limits, self.page_size, pieces),
            writable_at_worst: Size::ZERO,
        });
    }

    /// Rechecks a pool of Wasmtime's.
    pub(super) fn check(&self, promise: &Promise<'static>) -> Result<CheckedEngine, String> {
        let taken = recheck(self, promise, RecheckOptions::new()).map_err(said)?;
        let took = Took {
            limits: taken.limits,
            is_all: taken.is_all,
        };
        self.enter(promise.name, &[], took, 1);
        Ok(CheckedEngine {
            promise: *promise,
            limits: taken.limits,
        })
    }

    /// Keeps the places of the others.
    pub(super) fn hold(&self, checked: &CheckedEngine) -> ThreadId {
        hold(self, &checked.promise, &checked.limits)
    }

    /// Keeps them no longer.
    pub(super) fn release(&self, thread: ThreadId) {
        self.kept.leave(thread);
    }

    /// Makes its engine while the places of the others are kept.
    pub(super) fn make(&self, checked: &CheckedEngine) -> Result<Started, String> {
        let thread = self.hold(checked);
        let made = self.make_untold(checked);
        let CheckedEngine { promise, limits } = checked;
        let unmapped = |holding: &&mut Holding| {
            holding.name == Some(promise.name) && holding.unmapped == Some(*limits)
        };
        let mut holdings = self.holdings.borrow_mut();
        let holding = holdings.iter_mut().find(unmapped);
        holding.expect("it was entered").unmapped = None;
        drop(holdings);
        self.release(thread);
        made
    }

    /// Makes its engine, which maps in Wasmtime's order, and something small before each. No recheck is told of it.
    pub(super) fn make_untold(&self, checked: &CheckedEngine) -> Result<Started, String> {
        let CheckedEngine { promise, limits } = checked;
        let mut mapped = Vec::new();
        let made = [
            MappingName::Memories,
            MappingName::Tables,
            MappingName::Stacks,
        ]
        .into_iter()
        .all(|name| {
            let bytes = slab_bytes(limits, name, limits.max_instances, self.page_size);
            let small = self.map(Size::kib(64)) && self.allocate(Size::kib(64));
            small && (bytes.is_zero() || self.reserve(bytes).map(|part| mapped.push(part)).is_ok())
        });
        if !made {
            return Err(format!(
                "the engine of {} with {} slots finds no place",
                promise.name, limits.max_instances
            ));
        }
        Ok(Started {
            name: promise.name,
            limits: *limits,
            _mapped: mapped,
        })
    }

    /// Drops a pool.
    pub(super) fn end(&self, started: Started) {
        let mut holdings = self.holdings.borrow_mut();
        let at = holdings
            .iter()
            .position(|holding| holding.name == Some(started.name));
        holdings.swap_remove(at.expect("it has started"));
    }
}

fn said(error: RecheckError) -> String {
    error.to_string()
}

impl Machine for FakeProcess {
    type Mapping = Mapped;

    fn target(&self) -> Target {
        self.target
    }

    fn relocation_model(&self) -> Option<RelocationModel> {
        Some(self.program)
    }

    fn reserve(&self, bytes: Size) -> io::Result<Mapped> {
        self.other_threads();
        if self.lockable.is_some_and(|limit| limit < bytes) {
            return Err(io::Error::from_raw_os_error(EAGAIN));
        }
        let bytes = bytes.get();
        let start = self.space.borrow_mut().map(bytes);
        let start = start.ok_or_else(|| io::Error::from_raw_os_error(ENOMEM))?;
        Ok(Mapped {
            start,
            bytes,
            space: Rc::clone(&self.space),
        })
    }

    fn reserve_at(&self, start: u64, bytes: Size) -> io::Result<Mapped> {
        self.other_threads();
        let bytes = bytes.get();
        if !self.space.borrow_mut().map_at(start, bytes) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(Mapped {
            start,
            bytes,
            space: Rc::clone(&self.space),
        })
    }

    fn address(&self, mapping: &Mapped) -> u64 {
        mapping.start
    }

    fn bytes(&self, mapping: &Mapped) -> Size {
        Size::bytes(mapping.bytes)
    }

    /// Anonymous mappings side by side are one line, as the kernel merges them.
    fn text(&self, path: &str) -> Option<String> {
        if path == "/proc/self/status" && self.address_space.is_some() {
            return Some(format!("VmSize: {} kB\n", self.size().get() / 1024));
        }
        if path == "/proc/self/statm" {
            return Some(format!("{} 0\n", self.size().get() / self.page_size.get()));
        }
        if path != "/proc/self/maps" {
            let file = self.file.filter(|file| file.0 == path);
            return file.map(|(_, text)| text.to_owned());
        }
        self.other_threads();
        let space = self.space.borrow();
        let name = |start: u64| match start {
            _ if start == space.program.0 => "/bin/program",
            _ if start == space.heap => "[heap]",
            _ if start == space.stack.0 => "[stack]",
            _ if self.libraries.iter().any(|library| library.0 == start) => "/lib/library.so",
            _ => "",
        };
        let mut lines: Vec<(u64, u64, &str)> = Vec::new();
        for (start, end) in space.taken() {
            match (lines.last_mut(), name(*start)) {
                (Some(last), "") if last.1 == *start && last.2.is_empty() => last.1 = *end,
                (_, name) => lines.push((*start, *end, name)),
            }
        }
        let mut text = String::new();
        for (start, end, name) in lines {
            let _ = writeln!(text, "{start:x}-{end:x} ---p 00000000 00:00 0 {name}");
        }
        Some(text)
    }

    fn limit(&self, resource: Resource) -> Option<Size> {
        match resource {
            Resource::Stack => self.stack_limit,
            Resource::Memlock => self.lockable,
            Resource::AddressSpace => self.address_space,
            _ => None,
        }
    }

    fn page_size(&self) -> Size {
        self.page_size
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        let set = self.variables.iter().find(|variable| variable.0 == name);
        set.map(|(_, value)| value.into())
    }

    fn variables(&self) -> Vec<String> {
        Vec::new()
    }

    fn stack_top(&self) -> Option<u64> {
        let space = self.space.borrow();
        Some(if self.is_emulated {
            space.window() / 8 * 5
        } else {
            space.stack.1 - 8
        })
    }

    fn holdings(&self) -> Vec<Holding> {
        self.holdings.borrow().clone()
    }
}

impl Keeper for FakeProcess {
    fn kept(&self) -> &Kept<Mapped> {
        &self.kept
    }
}
