//! The reservation of one pool: its slabs, in the order of its footprint.
//!
//! The memories lie in one mapping where a hole is large enough, and otherwise in pieces: as many slots as go
//! into one mapping, and so on with the rest. An sv39 process that holds 42 slots of 4 GiB in one piece holds
//! 61 in two. The model counts on this very order, see `pieces` in poolcfg-core. Wasmtime maps the memories
//! in one piece always.

use std::io;

use poolcfg_core::{Limits, MappingName, PIECES, Size};

use crate::machine::Machine;
use crate::recheck::placer::Placer;
use crate::recheck::refusal::SystemRefusal;
use crate::recheck::slabs::{Slabs, largest, slab_bytes};
use crate::sys::wide;

impl<M> Slabs<M> {
    /// Reserves one pool of these limits. When it fails, what was reserved is given back with the refusal.
    pub(crate) fn reserve<H: Machine<Mapping = M>>(
        placer: Placer<'_, H>,
        limits: &Limits,
        page_size: Size,
    ) -> Result<Self, Box<SystemRefusal<M>>> {
        let mut held = Self::NONE;
        let memories = PoolMemories {
            limits,
            page_size,
            placer,
        };
        let mut slots = 0;
        if let Err(source) = memories.reserve(&mut held.memories, &mut slots) {
            return Err(Box::new(SystemRefusal {
                held,
                slots,
                mapping: Some(MappingName::Memories),
                bytes: memories.bytes(limits.max_instances - slots),
                source,
            }));
        }
        for name in [MappingName::Tables, MappingName::Stacks] {
            let bytes = slab_bytes(limits, name, limits.max_instances, page_size);
            if bytes.is_zero() {
                continue;
            }
            match memories.placer.take(bytes) {
                Ok(mapping) if name == MappingName::Tables => held.tables = Some(mapping),
                Ok(mapping) => held.stacks = Some(mapping),
                Err(source) => {
                    return Err(Box::new(SystemRefusal {
                        held,
                        slots,
                        mapping: Some(name),
                        bytes,
                        source,
                    }));
                }
            }
        }
        Ok(held)
    }
}

/// The memories of one pool.
struct PoolMemories<'a, H> {
    limits: &'a Limits,
    page_size: Size,
    placer: Placer<'a, H>,
}

impl<H: Machine> PoolMemories<'_, H> {
    /// Reserves all of them, in pieces where that is what goes. `held` and `slots` are what was reserved.
    fn reserve(&self, held: &mut Vec<H::Mapping>, slots: &mut u32) -> io::Result<()> {
        if !self.limits.has_memories() {
            *slots = self.limits.max_instances;
        }
        while *slots < self.limits.max_instances {
            let left = self.limits.max_instances - *slots;
            let (piece, part) = match self.take(left) {
                Ok(mapping) => (mapping, left),
                Err(source) => {
                    let divisible = self.limits.wasmtime.is_none() && wide(held.len()) < PIECES;
                    if source.kind() != io::ErrorKind::OutOfMemory || !divisible {
                        return Err(source);
                    }
                    let piece = self.largest(left).or_else(|| self.by_address(left));
                    piece.ok_or(source)?
                }
            };
            held.push(piece);
            *slots += part;
        }
        Ok(())
    }

    fn bytes(&self, slots: u32) -> Size {
        slab_bytes(self.limits, MappingName::Memories, slots, self.page_size)
    }

    /// So many in one mapping.
    fn take(&self, slots: u32) -> io::Result<H::Mapping> {
        self.placer.take(self.bytes(slots))
    }

    /// As many below `misfit` as go into one mapping now.
    fn largest(&self, misfit: u32) -> Option<(H::Mapping, u32)> {
        let narrow = |slots| u32::try_from(slots).unwrap_or(u32::MAX);
        let slots = largest(0, u64::from(misfit), |slots| {
            self.take(narrow(slots)).is_ok()
        });
        let slots = Some(narrow(slots)).filter(|slots| *slots > 0)?;
        Some((self.take(slots).ok()?, slots))
    }

    /// As many as go where the kernel does not search by itself, up to `most`.
    fn by_address(&self, most: u32) -> Option<(H::Mapping, u32)> {
        let grain = self.page_size.max(poolcfg_core::GRAIN);
        let Placer {
            machine, allowed, ..
        } = self.placer;
        allowed.unsearched(machine).into_iter().find_map(|range| {
            let room = range.end - range.start;
            let slots = largest(0, u64::from(most).saturating_add(1), |slots| {
                u32::try_from(slots).is_ok_and(|slots| self.bytes(slots).get() <= room)
            });
            let slots = u32::try_from(slots).ok().filter(|slots| *slots > 0)?;
            let bytes = self.bytes(slots);
            // At the end of the range: behind its beginning there may be a heap.
            let start = Size::bytes(range.end - bytes.get()).round_down(grain).get();
            if start < range.start {
                return None;
            }
            Some((machine.reserve_at(start, bytes).ok()?, slots))
        })
    }
}

/// The largest single reservation that the machine makes now, below `misfit` bytes and in whole pages.
pub(crate) fn largest_single<M: Machine>(machine: &M, misfit: Size, page_size: Size) -> Size {
    let page = page_size.get().max(1);
    let pages = largest(0, misfit.get().div_ceil(page), |pages| {
        machine
            .reserve(Size::bytes(pages.saturating_mul(page)))
            .is_ok()
    });
    Size::bytes(pages.saturating_mul(page))
}
