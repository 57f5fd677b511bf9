//! Slabs: the mappings of one pool, reserved in the order of its footprint.
//!
//! The memories lie in one mapping where a hole is large enough, and otherwise in as many pieces as a
//! process has holes: an sv39 process that holds 42 slots of 4 GiB in one piece holds about 60 in two.
//! Wasmtime maps them in one piece always.

use std::io;

use poolcfg_core::{HOLES, Limits, MappingName, Size};

use crate::machine::Machine;

/// The mappings of one pool.
#[derive(Debug)]
pub(crate) struct Slabs<M> {
    /// The memories, in pieces of whole slots.
    pub(crate) memories: Vec<M>,
    /// The tables, unless they have no bytes.
    pub(crate) tables: Option<M>,
    /// The stacks, unless they have no bytes.
    pub(crate) stacks: Option<M>,
}

/// A reservation that the system did not make, and what was held at that moment.
pub(crate) struct Refusal<M> {
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

impl<M> Refusal<M> {
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
pub(crate) fn largest(mut fits: u64, mut misfit: u64, mut try_it: impl FnMut(u64) -> bool) -> u64 {
    while misfit.saturating_sub(fits) > 1 {
        let middle = fits + (misfit - fits) / 2;
        if try_it(middle) {
            fits = middle;
        } else {
            misfit = middle;
        }
    }
    fits
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
        machine: &H,
        limits: &Limits,
        page_size: Size,
    ) -> Result<Self, Box<Refusal<M>>> {
        let mut held = Self {
            memories: Vec::with_capacity(HOLES),
            tables: None,
            stacks: None,
        };
        let bytes = |name, slots| slab_bytes(limits, name, slots, page_size);
        let mut slots = 0;
        while slots < limits.max_instances {
            let left = limits.max_instances - slots;
            let whole = bytes(MappingName::Memories, left);
            let source = match machine.reserve(whole) {
                Ok(mapping) => {
                    held.memories.push(mapping);
                    slots += left;
                    break;
                }
                Err(source) => source,
            };
            let divisible = limits.wasmtime.is_none() && held.memories.len() < HOLES;
            let piece = if source.kind() == io::ErrorKind::OutOfMemory && divisible {
                Self::largest_piece(machine, limits, page_size, left)
            } else {
                None
            };
            let Some((mapping, part)) = piece else {
                return Err(Box::new(Refusal {
                    held,
                    slots,
                    mapping: Some(MappingName::Memories),
                    bytes: whole,
                    source,
                }));
            };
            held.memories.push(mapping);
            slots += part;
        }
        for name in [MappingName::Tables, MappingName::Stacks] {
            let bytes = bytes(name, limits.max_instances);
            if bytes.is_zero() {
                continue;
            }
            match machine.reserve(bytes) {
                Ok(mapping) if name == MappingName::Tables => held.tables = Some(mapping),
                Ok(mapping) => held.stacks = Some(mapping),
                Err(source) => {
                    return Err(Box::new(Refusal {
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

    /// The memories of as many slots below `misfit` as go into one mapping now.
    fn largest_piece<H: Machine<Mapping = M>>(
        machine: &H,
        limits: &Limits,
        page_size: Size,
        misfit: u32,
    ) -> Option<(M, u32)> {
        let bytes = |slots: u64| {
            let slots = u32::try_from(slots).unwrap_or(u32::MAX);
            slab_bytes(limits, MappingName::Memories, slots, page_size)
        };
        let slots = largest(0, u64::from(misfit), |slots| {
            machine.reserve(bytes(slots)).is_ok()
        });
        let slots = u32::try_from(slots).ok().filter(|slots| *slots > 0)?;
        let mapping = machine.reserve(bytes(u64::from(slots))).ok()?;
        Some((mapping, slots))
    }

    /// All mappings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &M> {
        self.memories.iter().chain(&self.tables).chain(&self.stacks)
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
