//! A machine on which memories are reserved with room to spare: what fits there fits another process too, in
//! which ASLR leaves less.

use std::io;

use poolcfg_core::Size;

use crate::machine::{Machine, as_of_machine};
use crate::recheck::kept::{Keeper, Kept};

/// A machine that adds `spare` to each reservation, but for those of the sizes `beside`, which lie in what is
/// left of a hole.
#[derive(Debug)]
pub(crate) struct WithSlack<'a, M> {
    machine: &'a M,
    spare: Size,
    beside: Vec<Size>,
}

impl<'a, M> WithSlack<'a, M> {
    pub(crate) const fn new(machine: &'a M, spare: Size, beside: Vec<Size>) -> Self {
        Self {
            machine,
            spare,
            beside,
        }
    }
}

impl<M: Machine> Machine for WithSlack<'_, M> {
    type Mapping = M::Mapping;

    as_of_machine!();

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
}

impl<M: Keeper> Keeper for WithSlack<'_, M> {
    fn kept(&self) -> &Kept<M::Mapping> {
        self.machine.kept()
    }
}
