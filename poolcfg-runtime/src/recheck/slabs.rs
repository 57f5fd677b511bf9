//! Slabs: the mappings of one pool, in the order of its footprint.

use poolcfg_core::{Bisection, Limits, MappingName, Size};

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
