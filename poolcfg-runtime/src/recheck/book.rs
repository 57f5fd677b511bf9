//! The book of places: where each pool of a file has its place, as a recheck has planned it for all of them.
//!
//! A plan is made by reservations: the headroom first, then every pool in the file's order, which is what the build has
//! promised. Everything that is not the pool's own is given back, and its addresses stay in the book. The next recheck
//! asks for those very addresses. So the order of the starts does not matter, and neither does what the process maps
//! meanwhile, as long as that stays within the headroom.

use std::ops::Range;

use poolcfg_core::{Limits, MappingName, ProcessPromise, Size};

use crate::recheck::slabs::{Slabs, largest, slab_bytes};

/// More places than this are not kept: those of pools that are alive stay beside each new plan.
const MOST: usize = 512;

/// The places of the pools of one file.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    process: Option<ProcessPromise<'static>>,
    pub(crate) margin: Vec<Range<u64>>,
    pub(crate) lines: Vec<BookLine>,
}

/// The place of one pool.
#[derive(Clone, Debug)]
pub(crate) struct BookLine {
    pub(crate) name: &'static str,
    pub(crate) limits: Limits,
    pub(crate) places: Slabs<Range<u64>>,
}

impl BookLine {
    /// Places for a pool of these limits within those of a pool that took as much or more; `None` if they are too small.
    pub(crate) fn places_for(&self, limits: &Limits, page_size: Size) -> Option<Slabs<Range<u64>>> {
        if self.limits == *limits {
            return Some(self.places.clone());
        }
        let cut = |place: &Range<u64>, name, slots| {
            let bytes = slab_bytes(limits, name, slots, page_size).get();
            let end = place.start.checked_add(bytes)?;
            (end <= place.end).then_some(place.start..end)
        };
        let mut left = limits.max_instances;
        let mut memories = Vec::new();
        for place in &self.places.memories {
            let part = |slots: u64| cut(place, MappingName::Memories, u32::try_from(slots).ok()?);
            let slots = largest(0, u64::from(left) + 1, |slots| part(slots).is_some());
            if slots > 0 {
                memories.push(part(slots)?);
                left -= u32::try_from(slots).ok()?;
            }
        }
        let all = limits.max_instances;
        let parts = Slabs {
            memories,
            tables: match &self.places.tables {
                Some(place) => Some(cut(place, MappingName::Tables, all)?),
                None => None,
            },
            stacks: match &self.places.stacks {
                Some(place) => Some(cut(place, MappingName::Stacks, all)?),
                None => None,
            },
        };
        let is_large_enough = left == 0 || self.places.memories.is_empty();
        let parts = is_large_enough.then_some(parts)?;
        // An engine finds its place again by what there is to spare.
        Some(match limits.wasmtime {
            Some(_) => self.places.clone(),
            None => parts,
        })
    }
}

impl Book {
    /// Nothing has been planned.
    pub(crate) const EMPTY: Self = Self {
        process: None,
        margin: Vec::new(),
        lines: Vec::new(),
    };

    /// A plan for the pools of one file, and the addresses that are left to what the process maps meanwhile.
    pub(crate) const fn new(
        process: ProcessPromise<'static>,
        margin: Vec<Range<u64>>,
        lines: Vec<BookLine>,
    ) -> Self {
        Self {
            process: Some(process),
            margin,
            lines,
        }
    }

    /// Whether it is of this file and has places.
    pub(crate) fn is_of(&self, process: &ProcessPromise<'static>) -> bool {
        !self.lines.is_empty() && self.process.as_ref() == Some(process)
    }

    /// Whether it has this very line.
    pub(crate) fn has(&self, other: &BookLine) -> bool {
        self.lines.iter().any(|line| {
            line.name == other.name
                && line.limits == other.limits
                && line.places.iter().eq(other.places.iter())
        })
    }

    /// Follows an earlier book, whose other places may be those of pools that are alive.
    pub(crate) fn follow(&mut self, earlier: Self) {
        if earlier.process != self.process {
            return;
        }
        for line in earlier.lines {
            if self.lines.len() < MOST && self.leaves(&line) {
                self.lines.push(line);
            }
        }
    }

    /// Whether none of its places and no margin lies where these do.
    fn leaves(&self, other: &BookLine) -> bool {
        let places = self.lines.iter().flat_map(|line| line.places.iter());
        let mut all = places.chain(&self.margin);
        all.all(|place| {
            let mut others = other.places.iter();
            others.all(|other| place.end <= other.start || other.end <= place.start)
        })
    }
}
