//! What owners leave in a region: zeroed pages, and page tables. Nothing here calls the system.
//!
//! ```text
//! start              split             pages_to          tables_to
//!   | pages that the   | pages of owners | none, but page  | none
//!   | last reset found | before the last | tables          |
//! ```
//! Every number is an upper bound: what is there may be less, and is never more.

use std::ops::Range;

use super::page;
use crate::sys::wide;

/// Bytes of spare pages that are no reason to give pages back: to look whether eight pages of 4 KiB are still
/// zero costs a fifth of a reset.
const SPARE: usize = 32 << 10;

/// Resets in a row that find more spare pages than written ones, until all are given back.
const SPARE_RESETS: u8 = 8;

/// Levels of page tables that a region may have for itself. Tables of the next one span 256 TiB on x86_64, and
/// a process has those that it needs.
const LEVELS: u32 = 3;

/// An entry of a page table has eight bytes.
const ENTRY_BITS: u32 = 3;

/// What has been made zero, from the beginning of a region on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cleared {
    /// Up to where everything is zero.
    pub(super) upto: usize,
    /// Where the last page ends that is in memory.
    pub(super) last: usize,
    /// Bytes of pages that are mapped: in memory, or to the page of zeros that all share until they write.
    pub(super) mapped: usize,
    /// Of these, bytes of pages behind the last one that is in memory.
    pub(super) behind: usize,
    /// Of all, bytes of pages that were not zero, or may not have been.
    pub(super) written: usize,
    /// Page tables with entries of mapped pages.
    pub(super) tables: Tables,
    /// Page tables with entries of pages that were not zero.
    pub(super) written_tables: Tables,
}

/// A count of page tables, each the first time that a page of it comes, in the order of addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tables {
    count: usize,
    /// One more than the number of the last one.
    next: usize,
}

impl Cleared {
    /// Bytes that have been written to whether they were zero or not, so that all of them are in memory.
    pub(super) fn whole(bytes: usize) -> Self {
        Self {
            upto: bytes,
            last: bytes,
            mapped: bytes,
            written: bytes,
            ..Self::default()
        }
    }

    /// Without the pages behind the last one in memory, which are given back together with what is beyond.
    pub(super) fn up_to_last(self) -> Self {
        Self {
            upto: self.last,
            mapped: self.mapped - self.behind,
            behind: 0,
            ..self
        }
    }
}

impl Tables {
    /// Pages from one address up to another have entries.
    pub(super) fn add(&mut self, addresses: Range<usize>) {
        let first = block(addresses.start, 1, 1).max(self.next);
        let end = block(addresses.start, addresses.len(), 1) + 1;
        self.count += end.saturating_sub(first);
        self.next = self.next.max(end);
    }
}

/// What is to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// Nothing.
    None,
    /// What is not kept, from there on.
    Beyond(usize),
    /// What owners do not write any more, from there on.
    Spare(usize),
}

/// What may be left in a region.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    /// Where the range ends that the last reset has looked at.
    split: usize,
    /// Bytes of mapped pages below that.
    below: usize,
    /// Bytes of mapped pages above that.
    above: usize,
    /// Whether some of those below are in memory.
    warm: bool,
    /// Up to where there may be pages, and locks on them.
    pages_to: usize,
    /// Up to where it was open since the last time that pages were given back: a process that locks all of its memory has pages there whoever touches them.
    opened_to: usize,
    /// Up to where there may be page tables.
    tables_to: usize,
    /// The most that `tables_to` ever was.
    farthest: usize,
    /// Bytes of page tables.
    tables: u64,
    /// Resets in a row that found more spare pages than written ones.
    spare_resets: u8,
}

impl Left {
    /// Bytes of pages that are mapped: in memory, or to the page of zeros that all share.
    pub(super) fn resident(&self) -> usize {
        self.below.saturating_add(self.above)
    }

    /// Bytes of page tables, if each has one page for entries of eight bytes. Those that regions share are
    /// counted for each of them.
    pub(super) fn page_tables(&self) -> u64 {
        self.tables
    }

    /// Up to where there may be pages.
    pub(super) fn pages_to(&self) -> usize {
        self.pages_to
    }

    /// Up to where there may be pages, also in a process that has locked all of its memory meanwhile.
    pub(super) fn opened_to(&self) -> usize {
        self.opened_to.max(self.pages_to)
    }

    /// The first `bytes` are open.
    pub(super) fn open(&mut self, bytes: usize) {
        self.opened_to = self.opened_to.max(bytes);
    }

    /// Up to where there may be page tables.
    pub(super) fn tables_to(&self) -> usize {
        self.tables_to
    }

    /// Whether there are pages in memory from an owner before.
    pub(super) fn is_warm(&self) -> bool {
        self.warm
    }

    /// An owner may have touched the first `bytes`, of a region of `max` bytes that begins at the address
    /// `start`. Whether that is for the first time in the range of the table at the region's far end, of those
    /// that stay when the region is mapped again.
    pub(super) fn touch(&mut self, bytes: usize, start: usize, max: usize) -> bool {
        self.pages_to = self.pages_to.max(bytes);
        if bytes <= self.tables_to {
            return false;
        }
        let before = self.farthest;
        self.tables_to = bytes;
        self.farthest = self.farthest.max(bytes);
        self.count_tables(start, max);
        let end = block(start, max, 2);
        block(start, bytes, 2) == end && (before == 0 || block(start, before, 2) < end)
    }

    /// Takes down what a reset has found of what an owner may have touched, the first `used` bytes, and tells what
    /// is to be given back.
    pub(super) fn reset(&mut self, used: usize, cleared: Cleared, keep: usize) -> Excess {
        let above = match used {
            // All of that is given back.
            _ if used >= self.pages_to || cleared.upto < used => 0,
            _ if used >= self.split => self.above.min(self.pages_to - used),
            // What was below is above now, as far as it may have been there.
            _ => self.above.saturating_add(self.below.min(self.split - used)),
        };
        self.split = used;
        self.below = cleared.mapped;
        self.above = above;
        self.warm = cleared.last > 0;
        let spare = self.resident().saturating_sub(cleared.written);
        // A page table to walk over costs as much as fifty pages.
        let many = spare > SPARE.max(cleared.written)
            || cleared.tables.count > cleared.written_tables.count;
        self.spare_resets = if many { self.spare_resets + 1 } else { 0 };
        if self.spare_resets == SPARE_RESETS {
            self.spare_resets = 0;
            let spare_below = cleared.mapped > cleared.written;
            return Excess::Spare(if spare_below { 0 } else { cleared.upto });
        }
        if cleared.upto < used {
            return Excess::Beyond(cleared.upto);
        }
        if self.resident() > keep {
            return Excess::Beyond(used);
        }
        Excess::None
    }

    /// Nothing was looked at: an owner may have touched all of the first `used` bytes.
    pub(super) fn leave(&mut self, used: usize) {
        self.split = used;
        self.below = used;
        self.above = self.pages_to.saturating_sub(used);
        self.warm = used > 0;
        self.spare_resets = 0;
    }

    /// Everything from `from` on has been given back.
    pub(super) fn give_back(&mut self, from: usize) {
        self.pages_to = self.pages_to.min(from);
        self.opened_to = self.opened_to.min(from);
        match self.pages_to.checked_sub(self.split) {
            Some(bytes) => self.above = self.above.min(bytes),
            None => {
                self.above = 0;
                self.below = self.below.min(self.pages_to);
                self.warm &= self.below > 0;
            }
        }
    }

    /// Everything from `from` on has been mapped again, so that its page tables are gone as well.
    pub(super) fn renew(&mut self, from: usize, start: usize, max: usize) {
        self.give_back(from);
        self.tables_to = self.tables_to.min(from);
        self.count_tables(start, max);
    }

    /// Pages beyond what the last reset has looked at could not be given back.
    pub(super) fn stay(&mut self, bytes: usize) {
        self.above = self.above.saturating_add(bytes);
    }

    /// Counts the tables for what may have been touched since the region was last mapped again, and those at
    /// its edges, which are shared with what lies beside it and stay for good.
    fn count_tables(&mut self, start: usize, max: usize) {
        let (now, ever) = (self.tables_to.max(1), self.farthest.min(max));
        let mut tables = 0;
        for level in 1..=LEVELS {
            let block = |bytes| block(start, bytes, level);
            let edge = block(max) == block(ever) && block(ever) != block(now);
            tables += block(now) - block(1) + 1 + usize::from(edge);
        }
        self.tables = wide(tables) << page::bits();
    }
}

/// Which table of a level, from the first page tables up, has the entry of the last of so many bytes from an
/// address on. Above what an address can tell there is one.
fn block(start: usize, bytes: usize, level: u32) -> usize {
    let bits = page::bits();
    let span = bits + level * (bits - ENTRY_BITS);
    let last = start.saturating_add(bytes.saturating_sub(1));
    last.checked_shr(span).unwrap_or(0)
}
