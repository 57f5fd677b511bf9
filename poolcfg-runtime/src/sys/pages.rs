//! The pages of a region: opened, shut, given back, and mapped again.

use std::io;
use std::time::{Duration, Instant};

use super::os;
use super::page;
use super::pagemap;
use super::region::Region;

/// How long it may take to give pages back before new ones are mapped in their place. It takes longer only where
/// there are hundreds of pages, or tables for many: those stay where the kernel does not free them with the
/// pages (before Linux 6.14, and on most architectures later), and would be walked through in each of the next
/// rounds. Mapping again and opening the pages again takes about 20 us, and no table stays.
const QUICK: Duration = Duration::from_micros(20);

impl<T: ?Sized> Region<T> {
    /// Opens as far as `size`, a number of whole pages within the region.
    pub(super) fn open_to(&mut self, size: usize) -> io::Result<()> {
        if size <= self.open {
            return Ok(());
        }
        self.whole_still()?;
        let added = size - self.open;
        let start = self.mapping.at(self.offset + self.open);
        // SAFETY: the range lies within this region's part of the mapping, since `size` is at most
        // `capacity`; it starts and ends on pages; and nobody refers to it, since it was not open.
        let opened = unsafe { os::open(start, added) };
        self.may_be_open = self.may_be_open.max(size);
        self.left.open(self.may_be_open);
        if self.mapping.is_locked() || os::has_locks(start, added) {
            // The system may have fetched every page of it.
            let _ = self.is_process_locked();
            *self.touched.get_mut() = true;
            self.most = self.most.max(self.may_be_open);
            self.note_touched();
        }
        match opened {
            Ok(()) => self.open = size,
            // Some of the pages may be open now. If they cannot be shut either, `may_be_open` knows.
            Err(_) => drop(self.shut(self.open)),
        }
        opened
    }

    /// Makes everything from `from` on inaccessible. The content stays.
    pub(super) fn shut(&mut self, from: usize) -> io::Result<()> {
        if self.may_be_open <= from {
            return Ok(());
        }
        self.whole_still()?;
        self.open = self.open.min(from);
        let start = self.mapping.at(self.offset + from);
        // SAFETY: `may_be_open` is at most `capacity`, so the range is this region's own, in whole pages; it lies
        // beyond the owner's length, or `&mut self` proves that no slice of it lives.
        unsafe { os::shut(start, self.may_be_open - from) }?;
        self.may_be_open = from;
        Ok(())
    }

    /// Makes everything from `from` on zero, by giving the pages back, or else by zeroing those that the system
    /// reports: never more than owners have touched.
    ///
    /// # Errors
    /// What the system says. The bytes may then be as they were.
    pub(super) fn discard(&mut self, from: usize) -> io::Result<()> {
        let refused = match self.give_back(from) {
            Err(error) if !is_missing(&error) && !self.torn && self.may_be_open == self.open => {
                error
            }
            result => return result,
        };
        let end = self.left.pages_to().min(self.open);
        if *self.touched.get_mut() && from < end {
            let start = self.mapping.at(self.offset + from);
            // SAFETY: the range is open and this region's own, and no slice of it lives.
            let cleared = unsafe { pagemap::zero_written(start, end - from, None) };
            let cleared = cleared.map_err(|_| refused)?;
            self.left.stay(cleared.mapped);
        }
        Ok(())
    }

    /// Gives back the pages from `from` on, and their page tables where those are many.
    ///
    /// # Errors
    /// What the system says. The bytes may then be as they were.
    pub(super) fn give_back(&mut self, from: usize) -> io::Result<()> {
        self.note_touched();
        self.give_back_to(from, self.left.pages_to())
    }

    /// Gives back all that was ever open: also what a process that locks all of its memory meanwhile has fetched
    /// without anybody's touching it.
    ///
    /// # Errors
    /// As for [`give_back`](Self::give_back).
    pub(super) fn give_back_all(&mut self) -> io::Result<()> {
        self.note_touched();
        self.give_back_to(0, self.left.opened_to().max(self.may_be_open))
    }

    fn give_back_to(&mut self, from: usize, end: usize) -> io::Result<()> {
        if end <= from {
            return Ok(());
        }
        self.whole_still()?;
        let start = self.mapping.at(self.offset + from);
        let len = end - from;
        let has_tables = len >= page::table_span() && !os::DISCARD_SHUTS;
        let began = has_tables.then(Instant::now);
        // SAFETY: as in `shut`.
        let mut given = unsafe { os::discard(start, len) };
        if given.as_ref().is_err_and(os::is_locked) {
            given = if self.is_process_locked() {
                // SAFETY: as in `shut`.
                unsafe { os::discard_locked(start, len) }
            } else {
                self.unlock(from);
                // SAFETY: as in `shut`.
                unsafe { os::discard(start, len) }
            };
        }
        match given {
            Ok(()) if os::DISCARD_SHUTS => {
                self.open = self.open.min(from);
                self.may_be_open = self.may_be_open.min(from);
                self.renewed(from);
            }
            Ok(()) => {
                self.left.give_back(from);
                if began.is_some_and(|began| began.elapsed() > QUICK) {
                    self.renew_if_possible(from)?;
                }
            }
            Err(error) if os::DISCARD_SHUTS || is_missing(&error) => {
                if os::DISCARD_MAY_TEAR {
                    self.tear(from, end);
                }
                return Err(error);
            }
            Err(error) => return self.replace(from, end, &error),
        }
        Ok(())
    }

    /// Gives back what the system refuses to take as it is: pages that an owner has locked, or a filter forbids
    /// the call. What is mapped again is locked only if the process locks all that it maps.
    fn replace(&mut self, from: usize, end: usize, refused: &io::Error) -> io::Result<()> {
        let start = self.mapping.at(self.offset + from);
        // An owner that has locked some of it may have locked all of it.
        let all = os::is_locked(refused) && self.len == 0;
        if self.renew_if_possible(if all { 0 } else { from })? {
            return Ok(());
        }
        // SAFETY: as in `shut`.
        unsafe { os::discard_locked(start, end - from) }?;
        self.left.give_back(from);
        Ok(())
    }

    /// Maps everything from `from` on again, which frees its page tables, too; whether that was done. It is left out
    /// where the system might refuse it, since one that is refused may cost the slot.
    ///
    /// # Errors
    /// When pages are lost.
    pub(super) fn renew_if_possible(&mut self, from: usize) -> io::Result<bool> {
        if !os::can_renew() {
            return Ok(false);
        }
        match self.renew(from) {
            Err(error) if self.torn => Err(error),
            renewed => Ok(renewed.is_ok()),
        }
    }

    /// Puts new pages, inaccessible and zero, in place of everything from `from` on; with all of it
    /// replaced the owner's own mappings are gone, and so are locks and page tables.
    pub(super) fn renew(&mut self, from: usize) -> io::Result<()> {
        self.whole_still()?;
        self.note_touched();
        let start = self.mapping.at(self.offset + from);
        let end = self.capacity;
        // SAFETY: the range is this region's own, in whole pages; nothing refers to what lies there, as
        // in `shut`.
        let mut renewed = unsafe { os::renew(start, end - from) };
        if self.replaced && renewed.as_ref().is_err_and(os::is_too_much_to_lock) {
            renewed = self.renew_unlocked(from);
        }
        if let Err(error) = renewed {
            if os::renewal_tears(&error) {
                // What of it is accessible is not known any more.
                self.open = self.open.min(from);
                self.len = self.len.min(from);
                self.may_be_open = end;
                self.tear(from, end);
            }
            return Err(error);
        }
        self.open = self.open.min(from);
        self.len = self.len.min(from);
        self.may_be_open = self.may_be_open.min(from);
        self.renewed(from);
        // Of what is locked although it has just been mapped, the process locks all.
        if !os::DISCARD_SHUTS && !self.mapping.is_locked() {
            // SAFETY: the same range, of a page at least.
            let taken = unsafe { os::discard(start, os::page_size().min(end - from)) };
            if taken.is_err_and(|error| os::is_locked(&error)) {
                self.mapping.lock();
            }
        }
        if from == 0 {
            self.replaced = false;
            *self.touched.get_mut() = false;
        }
        Ok(())
    }

    /// Whether any of it is locked, open or not.
    pub(super) fn has_locks(&self) -> bool {
        !self.torn && os::has_locks(self.start(), self.capacity)
    }

    /// Whether the process locks all that is mapped, so that an owner's locks cannot be told from its own.
    pub(super) fn is_process_locked(&self) -> bool {
        if self.mapping.is_locked() {
            return true;
        }
        let is_locked = self
            .guard()
            .is_some_and(|guard| os::has_locks(guard, os::page_size()));
        if is_locked {
            self.mapping.lock();
        }
        is_locked
    }

    /// Unlocks what owners have locked from `from` on, of which nobody has anything any more.
    pub(super) fn unlock(&self, from: usize) {
        // If it is refused, they stay until the slot is closed.
        // SAFETY: the range is this region's own, in whole pages, and not torn.
        let _ = unsafe { os::unlock(self.mapping.at(self.offset + from), self.capacity - from) };
    }

    /// The same for all of it, if anything is locked and the process does not lock everything.
    pub(super) fn unlock_owners(&self) {
        if self.has_locks() && !self.is_process_locked() {
            self.unlock(0);
        }
    }

    /// Puts new pages in place of everything from `from` on where a process locks all that it maps and may not lock
    /// as much: in pieces, each of which is unlocked again. If it fails, some of them may be inaccessible.
    fn renew_unlocked(&mut self, from: usize) -> io::Result<()> {
        // What an owner has locked counts as well.
        self.unlock(from);
        self.open = self.open.min(from);
        self.len = self.len.min(from);
        self.may_be_open = self.capacity;
        let (mut next, mut piece) = (from, self.capacity - from);
        while next < self.capacity {
            let len = piece.min(self.capacity - next);
            let start = self.mapping.at(self.offset + next);
            // SAFETY: as in `renew`; the piece is a part of the same range.
            match unsafe { os::renew(start, len) } {
                Ok(()) => {
                    // SAFETY: the pages have just been mapped in this region.
                    let _ = unsafe { os::unlock(start, len) };
                    next += len;
                }
                Err(error) if os::is_too_much_to_lock(&error) && len > os::page_size() => {
                    piece = page::floor(len / 2).max(os::page_size());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes down how far the owner may have touched; whether that is for the first time as far as the region's
    /// far end.
    pub(super) fn note_touched(&mut self) -> bool {
        let (start, max) = (self.start().as_ptr().addr(), self.capacity);
        *self.touched.get_mut() && self.left.touch(self.most, start, max)
    }

    fn renewed(&mut self, from: usize) {
        let start = self.start().as_ptr().addr();
        self.left.renew(from, start, self.capacity);
    }

    /// From now on no page of the region is touched by the pool, and these are never released.
    fn tear(&mut self, from: usize, to: usize) {
        self.torn = true;
        self.mapping.tear(self.offset + from..self.offset + to);
    }

    /// # Errors
    /// When a page may have become somebody else's.
    fn whole_still(&self) -> io::Result<()> {
        if self.torn {
            return Err(io::Error::other("pages of the slot are lost"));
        }
        Ok(())
    }
}

/// Whether the system has said so for lack of pages that should be mapped: there may be somebody else's by now.
fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory
}
