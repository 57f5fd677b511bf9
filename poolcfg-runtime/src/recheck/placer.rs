//! Where one mapping of a pool lies: where the kernel puts it, or at the high end of that hole, so that a heap and the stack
//! may grow.

use std::io;
use std::ops::Range;

use poolcfg_core::Size;

use crate::machine::Machine;
use crate::recheck::allowed_addresses::{AllowedAddresses, Spot};
use crate::recheck::layout;

/// How many mappings are held that lie where no slot may, before the search for another place ends. Linux puts
/// one below its stack only when nothing else is free; emulators and sandboxes may do so at once, and what is
/// left for a stack to grow holds 9 MiB mostly.
const MISPLACED: usize = 256;

/// To what the kernel may align mappings that are at least as large: a page table of entries of 8 bytes maps as much,
/// and on 32 bits nothing is aligned. It looks for a place with so much to spare first, in every hole, and only then
/// for one that fits. Sources: mm/mmap.c, __get_unmapped_area; mm/huge_memory.c, __thp_get_unmapped_area.
const fn alignment(page_size: Size) -> Size {
    if cfg!(target_pointer_width = "32") {
        Size::ZERO
    } else {
        Size::bytes(page_size.get().saturating_mul(page_size.get() / 8))
    }
}

/// To what a mapping that begins there is aligned, as far as it matters.
pub(crate) fn grain(start: u64, page_size: Size) -> Size {
    let grain = Size::bytes(1u64 << start.trailing_zeros().min(62));
    grain.min(alignment(page_size)).max(page_size)
}

/// Takes mappings where they may lie.
pub(crate) struct Placer<'a, H> {
    pub(crate) machine: &'a H,
    pub(crate) allowed: &'a AllowedAddresses,
    /// Bytes that a heap is left behind it.
    pub(crate) heap: Size,
    /// Whether each mapping has as much to spare as alignment may take, so that an equal one finds its place again.
    pub(crate) spare: bool,
}

impl<H> Clone for Placer<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Placer<'_, H> {}

impl<H: Machine> Placer<'_, H> {
    /// One mapping of so many bytes: where the kernel puts it, or at the high end of that hole.
    pub(super) fn take(&self, bytes: Size) -> io::Result<H::Mapping> {
        let alignment = alignment(self.machine.page_size());
        let bytes = if self.spare && bytes >= alignment {
            let bytes = bytes.checked_add(alignment);
            bytes.ok_or(io::ErrorKind::OutOfMemory)?
        } else {
            bytes
        };
        let mut misplaced = Vec::new();
        while misplaced.len() < MISPLACED {
            let mapping = self.machine.reserve(bytes)?;
            let start = self.machine.address(&mapping);
            let window = || layout::window(self.machine);
            match self.allowed.spot(start, bytes, window) {
                Spot::Good => return Ok(mapping),
                Spot::Bad => misplaced.push(mapping),
                spot @ (Spot::Low | Spot::NearStack) => match self.hole(&mapping) {
                    // No heap is behind it: it stays, and does not depend on what is in the way further up.
                    KnownHole::Around(free) if spot == Spot::Low && start >= free.start => {
                        return Ok(mapping);
                    }
                    KnownHole::Around(free) => match self.high_end(&mapping, &free) {
                        Some(to) => return self.put(mapping, to),
                        // Held meanwhile, so that the next one comes to lie elsewhere.
                        None => misplaced.push(mapping),
                    },
                    KnownHole::Unknown if spot == Spot::Low => return Ok(mapping),
                    KnownHole::Unknown | KnownHole::Full => misplaced.push(mapping),
                },
            }
        }
        Err(io::ErrorKind::OutOfMemory.into())
    }

    /// The hole in which a mapping lies.
    fn hole(&self, mapping: &H::Mapping) -> KnownHole {
        let (start, bytes) = (self.machine.address(mapping), self.machine.bytes(mapping));
        let maps = self.machine.text("/proc/self/maps").unwrap_or_default();
        if maps.is_empty() {
            return KnownHole::Unknown;
        }
        match self.allowed.around(&maps, start, bytes, self.heap) {
            Some(free) => KnownHole::Around(free),
            None => KnownHole::Full,
        }
    }

    /// Where a mapping begins at the high end of a hole; `None` if it does not fit.
    fn high_end(&self, mapping: &H::Mapping, hole: &Range<u64>) -> Option<u64> {
        let (start, bytes) = (self.machine.address(mapping), self.machine.bytes(mapping));
        let to = Size::bytes(hole.end.checked_sub(bytes.get())?)
            .round_down(grain(start, self.machine.page_size()));
        (to.get() >= hole.start).then_some(to.get())
    }

    /// Moves a mapping; where others have been quicker, it stays or goes where the kernel wants it.
    fn put(&self, mapping: H::Mapping, to: u64) -> io::Result<H::Mapping> {
        let (start, bytes) = (self.machine.address(&mapping), self.machine.bytes(&mapping));
        if to == start {
            return Ok(mapping);
        }
        if to.abs_diff(start) >= bytes.get() {
            return Ok(self.machine.reserve_at(to, bytes).unwrap_or(mapping));
        }
        drop(mapping);
        self.machine
            .reserve_at(to, bytes)
            .or_else(|_| self.machine.reserve_at(start, bytes))
            .or_else(|_| self.machine.reserve(bytes))
    }
}

/// What is known of the hole in which a mapping lies.
enum KnownHole {
    /// These addresses, as far as slots may lie there.
    Around(Range<u64>),
    /// Nothing of it is left to slots.
    Full,
    /// The system does not tell.
    Unknown,
}
