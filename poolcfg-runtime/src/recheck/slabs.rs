//! Slabs: the mappings of one pool, reserved in the order of its footprint.
//!
//! The memories lie in one mapping where a hole is large enough, and otherwise in pieces: as many slots as go
//! into one mapping, and so on with the rest. An sv39 process that holds 42 slots of 4 GiB in one piece holds
//! 61 in two. The model counts on this very order, see `pieces` in poolcfg-core. Wasmtime maps the memories
//! in one piece always.

use std::io;

use poolcfg_core::{Bisection, Limits, MappingName, PIECES, Size};

use crate::machine::Machine;
use crate::recheck::placer::Placer;
use crate::sys::wide;

/// The mappings of one pool, or their addresses.
#[derive(Clone, Debug)]
pub(crate) struct Slabs<M> {
    /// The memories, in pieces of whole slots, unless they have no bytes.
    pub(crate) memories: Vec<M>,
    /// The tables, unless they have no bytes.
    pub(crate) tables: Option<M>,
    /// The stacks, unless they have no bytes.
    pub(crate) stacks: Option<M>,
}

/// A reservation that the system did not make, and what was held at that moment.
pub(crate) struct SystemRefusal<M> {
    /// What had been reserved before it.
    pub(crate) held: Slabs<M>,
    /// Slots of the memories that had been reserved.
    pub(crate) slots: u32,
    /// What it was for; nothing for the headroom and the pools to come.
    pub(crate) mapping: Option<MappingName>,
    /// How large it was.
    pub(crate) bytes: Size,
    /// What the system said.
    pub(crate) source: io::Error,
}

impl<M> SystemRefusal<M> {
    /// For want of `bytes` beside a pool whose own slots all went in.
    pub(crate) fn beside(
        held: Slabs<M>,
        limits: &Limits,
        bytes: Size,
        source: io::Error,
    ) -> Box<Self> {
        Box::new(Self {
            held,
            slots: limits.max_instances,
            mapping: None,
            bytes,
            source,
        })
    }

    /// Whether a smaller reservation may be made.
    pub(crate) fn is_of_size(&self) -> bool {
        is_of_size(&self.source)
    }
}

/// Whether the system refuses for want of room (ENOMEM) or by `RLIMIT_MEMLOCK` (EAGAIN, mmap(2)), and
/// not mappings as such.
pub(crate) fn is_of_size(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::OutOfMemory | io::ErrorKind::WouldBlock
    )
}

/// Bytes of the slab of this name for so many slots; more than can be counted is more than there is.
pub(crate) fn slab_bytes(limits: &Limits, name: MappingName, slots: u32, page_size: Size) -> Size {
    let limits = Limits {
        max_instances: slots,
        pools: 1,
        ..*limits
    };
    limits
        .footprint(page_size)
        .map_or(Size::bytes(u64::MAX), |footprint| {
            footprint
                .mappings
                .iter()
                .find(|mapping| mapping.name == name)
                .map_or(Size::ZERO, |mapping| mapping.bytes)
        })
}

/// The largest number from `fits`, which does, that fits below `misfit`.
pub(crate) fn largest(fits: u64, misfit: u64, mut try_it: impl FnMut(u64) -> bool) -> u64 {
    let mut search = Bisection { fits, misfit };
    while let Some(number) = search.next() {
        search = search.told(number, try_it(number));
    }
    search.fits
}

impl<M> Slabs<M> {
    /// No mappings.
    pub(crate) const NONE: Self = Self {
        memories: Vec::new(),
        tables: None,
        stacks: None,
    };

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

    /// The same of something else for each mapping; `None` if one of them has nothing.
    pub(crate) fn exchange<N>(
        &self,
        mut exchange: impl FnMut(&M) -> Option<N>,
    ) -> Option<Slabs<N>> {
        let memories = self.memories.iter().map(&mut exchange);
        Some(Slabs {
            memories: memories.collect::<Option<_>>()?,
            tables: match &self.tables {
                Some(tables) => Some(exchange(tables)?),
                None => None,
            },
            stacks: match &self.stacks {
                Some(stacks) => Some(exchange(stacks)?),
                None => None,
            },
        })
    }

    /// All mappings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &M> {
        self.memories.iter().chain(&self.tables).chain(&self.stacks)
    }

    /// The same, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut M> {
        let Self {
            memories,
            tables,
            stacks,
        } = self;
        memories.iter_mut().chain(tables).chain(stacks)
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
