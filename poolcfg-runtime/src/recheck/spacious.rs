//! A machine on which memories are reserved with room to spare: what fits there fits another process too, in
//! which ASLR leaves less.

use std::ffi::OsString;
use std::io;

use poolcfg_core::{RelocationModel, Size, Target};

use crate::machine::ledger::Holding;
use crate::machine::{Machine, Resource};
use crate::recheck::kept::{Keeper, Kept};

/// A machine that adds `spare` to each reservation, but for those of the sizes `beside`, which lie in what is
/// left of a hole.
#[derive(Debug)]
pub(crate) struct Spacious<'a, M> {
    machine: &'a M,
    spare: Size,
    beside: [Size; 3],
}

impl<'a, M> Spacious<'a, M> {
    pub(crate) fn new(machine: &'a M, spare: Size, beside: [Size; 3]) -> Self {
        Self {
            machine,
            spare,
            beside,
        }
    }
}

impl<M: Machine> Machine for Spacious<'_, M> {
    type Mapping = M::Mapping;

    fn target(&self) -> Target {
        self.machine.target()
    }

    fn relocation_model(&self) -> Option<RelocationModel> {
        self.machine.relocation_model()
    }

    fn reserve(&self, bytes: Size) -> io::Result<M::Mapping> {
        if self.beside.contains(&bytes) {
            return self.machine.reserve(bytes);
        }
        let bytes = bytes.checked_add(self.spare);
        self.machine
            .reserve(bytes.ok_or(io::ErrorKind::OutOfMemory)?)
    }

    fn reserve_at(&self, start: u64, bytes: Size) -> io::Result<M::Mapping> {
        // The room to spare is below, where the range goes on.
        let out_of_memory = || io::Error::from(io::ErrorKind::OutOfMemory);
        let start = start.checked_sub(self.spare.get());
        let bytes = bytes.checked_add(self.spare);
        self.machine.reserve_at(
            start.ok_or_else(out_of_memory)?,
            bytes.ok_or_else(out_of_memory)?,
        )
    }

    fn address(&self, mapping: &M::Mapping) -> u64 {
        self.machine.address(mapping)
    }

    fn bytes(&self, mapping: &M::Mapping) -> Size {
        self.machine.bytes(mapping)
    }

    fn text(&self, path: &str) -> Option<String> {
        self.machine.text(path)
    }

    fn limit(&self, resource: Resource) -> Option<Size> {
        self.machine.limit(resource)
    }

    fn page_size(&self) -> Size {
        self.machine.page_size()
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        self.machine.variable(name)
    }

    fn variables(&self) -> Vec<String> {
        self.machine.variables()
    }

    fn stack_top(&self) -> Option<u64> {
        self.machine.stack_top()
    }

    fn holdings(&self) -> Vec<Holding> {
        self.machine.holdings()
    }
}

impl<M: Keeper> Keeper for Spacious<'_, M> {
    fn kept(&self) -> &Kept<M::Mapping> {
        self.machine.kept()
    }
}
