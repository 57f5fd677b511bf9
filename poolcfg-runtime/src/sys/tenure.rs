//! Tenure: what is done to a region between one owner and the next.
//!
//! ```text
//! start                size               open            max
//!   | the owner's bytes  | of owners that   | inaccessible  | guard
//!   | readable, writable | check, or idle   |               |
//! ```
//! An idle region stays open as far as its last owner had it, so that one that asks for just as much is
//! served without a system call. Before an owner gets it, what is open beyond its size is shut, unless
//! owners check every access themselves.

use std::io;
use std::ptr;

use super::os;
use super::pagemap;
use super::region::{GrowError, Region};
use super::reset::Reset;

impl<T: ?Sized> Region<T> {
    /// Readies an idle region for an owner who asks for `bytes`.
    ///
    /// # Errors
    /// As for growing, and when the system does not shut what is beyond.
    #[inline]
    pub(crate) fn begin(&mut self, bytes: usize) -> Result<(), GrowError> {
        let size = self.whole(bytes)?;
        if size < self.reach && (self.is_guarded() || self.reach > self.open) {
            self.shut(size)
                .map_err(|source| GrowError::Refused { bytes, source })?;
        }
        self.give(size, size)
    }

    /// Makes the region zero for the next owner, after its last one. It stays open, and `keep` bytes of its
    /// pages stay the process's own.
    ///
    /// # Errors
    /// What the system says. The bytes may then be as they were: the region must not be used again.
    pub(crate) fn reset(&mut self, reset: Reset, keep: usize) -> io::Result<()> {
        self.size = 0;
        if self.replaced || self.torn {
            return self.renew(0);
        }
        if self.reach > self.open {
            // Something failed half-way: back to where everything is certain.
            return self.close();
        }
        if !*self.touched.get_mut() {
            return Ok(());
        }
        let start = self.start();
        let (kept, upto) = match reset {
            Reset::Discard => (0, 0),
            Reset::Zero => {
                let kept = keep.min(self.open);
                // SAFETY: the first `open` bytes are accessible and this region's own, and `&mut self`
                // proves that no slice of them lives.
                unsafe { ptr::write_bytes(start.as_ptr(), 0, kept) };
                (kept, kept)
            }
            Reset::PagemapScan => {
                // SAFETY: as above.
                let zeroed = unsafe { pagemap::zero_written(start, self.open, keep) };
                // Whatever has been zeroed until it failed may as well be discarded.
                zeroed.map_or((0, 0), |zeroed| (zeroed.kept, zeroed.upto))
            }
        };
        self.kept = kept;
        self.discard(upto)?;
        *self.touched.get_mut() = false;
        Ok(())
    }

    /// Makes all of the region inaccessible, and zero for the next who opens it, with no page left.
    ///
    /// # Errors
    /// As for [`reset`](Self::reset).
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.size = 0;
        if self.replaced || self.torn {
            return self.renew(0);
        }
        if *self.touched.get_mut() || self.kept > 0 {
            self.discard(0)?;
        }
        self.shut(0)?;
        *self.touched.get_mut() = false;
        Ok(())
    }

    /// Whether a reset of this kind works: of a page that has been written, and that an owner has.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::InvalidData`] when the page is not zero after it.
    pub(crate) fn proves(&mut self, reset: Reset) -> io::Result<()> {
        let Some(first) = self.as_mut_slice().first_mut() else {
            return Ok(());
        };
        *first = 1;
        let page = self.size;
        if reset == Reset::PagemapScan {
            // By itself: a reset would fall back to discarding.
            // SAFETY: the first `size` bytes are open and this region's own, and the slice is gone.
            let zeroed = unsafe { pagemap::zero_written(self.start(), page, page) }?;
            if zeroed.kept != page || zeroed.upto != page {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let touched = self.as_slice().first().is_some_and(|byte| *byte != 0);
        if reset == Reset::PagemapScan && touched {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.reset(reset, page)?;
        self.begin(page).map_err(io::Error::other)?;
        if self.as_slice().first() != Some(&0) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }

    /// Bytes of zeroed pages that the last reset has kept.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Opens as far as `size`, a number of whole pages within the region.
    pub(super) fn open_to(&mut self, size: usize) -> io::Result<()> {
        if size <= self.open {
            return Ok(());
        }
        self.whole_still()?;
        let added = size - self.open;
        let start = self.mapping.at(self.offset + self.open);
        // SAFETY: the range lies within this region's part of the mapping, since `size` is at most
        // `max`; it starts and ends on pages; and nobody refers to it, since it was not open.
        let opened = unsafe { os::open(start, added) };
        self.reach = self.reach.max(size);
        match opened {
            Ok(()) => self.open = size,
            // Some of the pages may be open now. If they cannot be shut either, `reach` knows.
            Err(_) => drop(self.shut(self.open)),
        }
        opened
    }

    /// Makes everything from `from` on inaccessible. The content stays.
    pub(super) fn shut(&mut self, from: usize) -> io::Result<()> {
        if self.reach <= from {
            return Ok(());
        }
        self.whole_still()?;
        self.open = self.open.min(from);
        let start = self.mapping.at(self.offset + from);
        // SAFETY: `reach` is at most `max`, so the range is this region's own, in whole pages; it lies
        // beyond the owner's size, or `&mut self` proves that no slice of it lives.
        unsafe { os::shut(start, self.reach - from) }?;
        self.reach = from;
        Ok(())
    }

    /// Makes everything from `from` on zero, by giving the pages back.
    ///
    /// # Errors
    /// What the system says. The bytes may then be as they were.
    pub(super) fn discard(&mut self, from: usize) -> io::Result<()> {
        if self.reach <= from {
            return Ok(());
        }
        self.whole_still()?;
        let start = self.mapping.at(self.offset + from);
        let len = self.reach - from;
        // SAFETY: as in `shut`.
        match unsafe { os::discard(start, len) } {
            Ok(()) if os::DISCARD_SHUTS => {
                self.open = self.open.min(from);
                self.reach = from;
            }
            Ok(()) => {}
            // Locked pages are not discarded (EINVAL, madvise(2)), and a filter may forbid the call; but
            // not where pages are missing, nor where not all of them are open.
            Err(error)
                if error.kind() != io::ErrorKind::OutOfMemory
                    && self.reach == self.open
                    && !os::DISCARD_SHUTS =>
            {
                // SAFETY: the range is open and this region's own, and no slice of it lives.
                unsafe { ptr::write_bytes(start.as_ptr(), 0, len) };
            }
            Err(error) => {
                if os::DISCARD_MAY_TEAR {
                    self.tear(from, self.reach);
                }
                return Err(error);
            }
        }
        self.kept = self.kept.min(from);
        Ok(())
    }

    /// Puts new pages, inaccessible and zero, in place of everything from `from` on; with all of it
    /// replaced the owner's own mappings are gone.
    pub(super) fn renew(&mut self, from: usize) -> io::Result<()> {
        self.whole_still()?;
        let start = self.mapping.at(self.offset + from);
        let end = self.max;
        // What of it was accessible is not known any more, whatever happens.
        self.open = self.open.min(from);
        self.size = self.size.min(from);
        self.reach = end;
        // SAFETY: the range is this region's own, in whole pages; nothing refers to what lies there, as
        // in `shut`.
        if let Err(error) = unsafe { os::renew(start, end - from) } {
            if os::RENEW_MAY_TEAR {
                self.tear(from, end);
            }
            return Err(error);
        }
        self.reach = from;
        self.kept = self.kept.min(from);
        if from == 0 {
            self.replaced = false;
            *self.touched.get_mut() = false;
        }
        Ok(())
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
