//! The reuse of regions: what is done to a region between one owner and the next.
//!
//! ```text
//! start                len                open            capacity
//!   | the owner's bytes  | of owners that   | inaccessible  | guard
//!   | readable, writable | check, or idle   |               |
//! ```
//! An idle region stays open as far as its last owner had it, so that one that asks for just as much is
//! served without a system call. Before an owner gets it, what is open beyond its size is shut, unless
//! owners check every access themselves.

use std::io;
use std::ptr;

use super::errors::GrowError;
use super::left::{Cleared, Excess};
use super::os;
use super::page;
use super::pagemap;
use super::region::Region;
use super::reset::Reset;

/// Up to how many open bytes all of them are zeroed instead of asking which hold something, one page at least.
/// That takes 0.1 of the time for 16 KiB, 0.5 for 64 KiB, 0.9 for 128 KiB and 1.8 for 256 KiB, if three pages hold
/// something (benches/pool.rs); and each page comes into memory.
const ZEROED_WHOLE: usize = 64 << 10;

/// How many pages a scan looks at: what an owner touches beyond is given back. A scan takes about 20 us for each
/// GiB in which something was ever touched, since it visits each hole; to give back what is not there takes 1 us.
const SCANNED: usize = 8192;

impl<T: ?Sized> Region<T> {
    /// Readies an idle region for an owner who asks for `bytes`.
    ///
    /// # Errors
    /// As for growing, and when the system does not shut what is beyond.
    #[inline]
    pub(crate) fn begin(&mut self, bytes: usize) -> Result<(), GrowError> {
        let size = self.whole(bytes)?;
        self.most = 0;
        if size < self.may_be_open && (!self.checked || self.may_be_open > self.open) {
            self.shut(size)
                .map_err(|source| GrowError::of(bytes, source))?;
        }
        self.give(size, size)
    }

    /// Makes the region zero for the next owner, after its last one. It stays open, and `keep` bytes of its
    /// pages stay the process's own.
    ///
    /// # Errors
    /// What the system says. The bytes may then be as they were: the region must not be used again.
    pub(crate) fn reset(&mut self, reset: Reset, keep: usize) -> io::Result<()> {
        if self.is_fresh()? {
            return Ok(());
        }
        if self.note_touched() {
            self.touch_far_end();
        }
        let used = self.take_back();
        let keep = page::floor(keep);
        let mut cleared = self.clear(reset, used, keep);
        if cleared.upto < used {
            cleared = cleared.up_to_last();
        }
        match self.left.reset(used, cleared, keep) {
            Excess::None => {}
            Excess::Beyond(from) => self.discard(from)?,
            // With the page tables that are not used any more, also where the kernel leaves them.
            Excess::Spare(from) => {
                if self.left.tables_to() <= page::table_span() || !self.renew_if_possible(from)? {
                    self.discard(from)?;
                }
            }
        }
        *self.touched.get_mut() = false;
        Ok(())
    }

    /// Leaves the bytes as they are for the next owner, who may see them, or makes them zero where that has to be.
    ///
    /// # Errors
    /// As for [`reset`](Self::reset).
    pub(crate) fn leave(&mut self) -> io::Result<()> {
        if self.is_fresh()? {
            return Ok(());
        }
        self.note_touched();
        let used = self.take_back();
        // It stays touched: it is not zero.
        self.left.leave(used);
        Ok(())
    }

    /// Ends the last owner's use: whether there is nothing more to clear, since the region was not touched, or had to be
    /// mapped again or closed.
    fn is_fresh(&mut self) -> io::Result<bool> {
        self.len = 0;
        if self.replaced || self.torn {
            self.renew(0)?;
            return Ok(true);
        }
        if self.may_be_open > self.open {
            // Something failed half-way: back to where everything is certain.
            self.close()?;
            return Ok(true);
        }
        Ok(!*self.touched.get_mut())
    }

    /// Takes back what the last owner has locked; how many bytes it may have used.
    fn take_back(&mut self) -> usize {
        let used = self.most.min(self.open);
        if used > ZEROED_WHOLE.max(os::page_size()) {
            // A smaller one is not asked: it has few pages, and its rounds no call of any kind.
            self.unlock_owners();
        }
        used
    }

    /// Makes the page tables at the far end, once, if they are far enough to be given back. They are shared with
    /// what lies behind and are never freed, and each walk over the region visits them: so a round costs from the
    /// beginning what it costs after an owner who has touched everything, or after one of the next slot.
    fn touch_far_end(&self) {
        let used = self.most.min(self.open);
        if used > os::page_size().saturating_mul(SCANNED) {
            let last = self.mapping.at(self.offset + used - 1);
            // SAFETY: the byte is open and this region's own.
            let _ = unsafe { last.as_ptr().read_volatile() };
        }
    }

    /// Zeroes what is to stay in memory of the first `used` bytes, which are open.
    fn clear(&mut self, reset: Reset, used: usize, keep: usize) -> Cleared {
        let start = self.start();
        let page = os::page_size();
        let whole = match reset {
            Reset::Discard => 0,
            Reset::Zero => keep.min(used),
            // Only where pages are there already, for which others would pay with a fault each.
            Reset::PagemapScan
                if used <= keep.min(ZEROED_WHOLE.max(page)) && self.left.is_warm() =>
            {
                used
            }
            Reset::PagemapScan => {
                let looked_at = used.min(page.saturating_mul(SCANNED));
                // SAFETY: the first `used` bytes are accessible and this region's own, and `&mut self`
                // proves that no slice of them lives.
                let cleared = unsafe { pagemap::zero_written(start, looked_at, Some(keep)) };
                // Whatever has been zeroed until it failed may as well be given back.
                return cleared.unwrap_or_default();
            }
        };
        // SAFETY: as above.
        unsafe { ptr::write_bytes(start.as_ptr(), 0, whole) };
        Cleared::whole(whole)
    }

    /// Makes all of the region inaccessible, and zero for the next who opens it, with no page left, nor a lock
    /// of an owner's on one. Page tables stay only at its edges, where they are shared with what lies beside it.
    ///
    /// # Errors
    /// As for [`reset`](Self::reset).
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.len = 0;
        if self.replaced || self.torn {
            return self.renew(0);
        }
        self.unlock_owners();
        self.give_back_all()?;
        let tables = self.left.tables_to();
        // An owner's locks cannot be told from those of a process that locks all its memory.
        let anew = tables > page::table_span() || (tables > 0 && self.mapping.is_locked());
        if anew && self.renew_if_possible(0)? {
            return Ok(());
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
        let page = self.len;
        if reset == Reset::PagemapScan {
            // By itself: a reset would fall back to discarding.
            // SAFETY: the first `len` bytes are open and this region's own, and the slice is gone.
            let cleared = unsafe { pagemap::zero_written(self.start(), page, Some(page)) }?;
            if cleared.written != page || cleared.upto != page {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let touched = self.as_slice().first().is_some_and(|byte| *byte != 0);
        if reset == Reset::PagemapScan && touched {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.reset(reset, page)?;
        self.begin(page).map_err(GrowError::into_io)?;
        if self.as_slice().first() != Some(&0) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }

    /// Bytes of zeroed pages that are mapped while the region is idle, at most.
    pub(crate) fn resident(&self) -> usize {
        self.left.resident()
    }

    /// Bytes of page tables that the region may have while it is idle, at most.
    pub(crate) fn page_tables(&self) -> u64 {
        self.left.page_tables()
    }
}
