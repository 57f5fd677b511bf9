//! Mappings: address space that belongs to the process and is inaccessible, until it is dropped.
//!
//! Regions are cut from it. When no more are, what none of them uses is given back at once.

use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use poolcfg_core::Size;

use super::extents::Extents;
use super::os;

/// A reservation: whole pages, inaccessible but for what regions open of them.
#[derive(Debug)]
pub(crate) struct OwnedMapping {
    base: NonNull<u8>,
    len: usize,
    extents: Mutex<Extents>,
    /// Whether the process locks all that it maps, this too, so that what is opened may be in memory at once.
    locked: AtomicBool,
}

// SAFETY: a mapping is an address and a length that belong to it alone; what may be done to its pages is
// decided by the regions that own them, and none of it depends on the thread.
unsafe impl Send for OwnedMapping {}
// SAFETY: as above; a shared reference gives out addresses only.
unsafe impl Sync for OwnedMapping {}

impl OwnedMapping {
    /// Reserves `bytes`, rounded up to pages by the system.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::OutOfMemory`] also when a pointer cannot count the bytes.
    pub(crate) fn reserve(bytes: Size) -> io::Result<Self> {
        let len = len(bytes)?;
        Ok(Self::new(os::reserve(len)?, len))
    }

    /// Reserves `bytes` that begin at the address `start`, a multiple of the page size, where nothing is
    /// mapped. Never does anything else make room for it.
    ///
    /// # Errors
    /// What the system says, [`io::ErrorKind::AlreadyExists`] when something is in the way;
    /// [`io::ErrorKind::Unsupported`] on systems that are not asked for addresses.
    pub(crate) fn reserve_at(start: u64, bytes: Size) -> io::Result<Self> {
        let start = usize::try_from(start).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let len = len(bytes)?;
        Ok(Self::new(os::reserve_at(start, len)?, len))
    }

    /// No bytes of address space.
    pub(super) fn empty() -> Self {
        // Never dereferenced; on a page, like each other.
        let base = NonNull::new(ptr::without_provenance_mut(os::page_size()));
        Self::new(base.unwrap_or(NonNull::dangling()), 0)
    }

    fn new(base: NonNull<u8>, len: usize) -> Self {
        Self {
            base,
            len,
            extents: Mutex::new(Extents::new(len)),
            locked: AtomicBool::new(false),
        }
    }

    /// Its bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where it begins.
    pub(crate) fn address(&self) -> usize {
        self.base.as_ptr().addr()
    }

    /// The address `offset` bytes into the mapping; its end at most.
    pub(super) fn at(&self, offset: usize) -> NonNull<u8> {
        let offset = offset.min(self.len);
        // A mapping may be larger than an isize can say, where pointers have 32 bits: so no `add`.
        self.base.map_addr(|base| base.saturating_add(offset))
    }

    /// Readies the pages for a pool: each is to be had by itself.
    pub(crate) fn keep_pages_small(&self) {
        // SAFETY: the range is the mapping's own, whole; what its pages hold does not change.
        unsafe { os::keep_pages_small(self.base, self.len) };
    }

    /// Readies what has not been opened yet to become one map again whenever slots are closed, as far as the
    /// system can.
    ///
    /// # Errors
    /// What the system says when the first page may have stayed accessible.
    pub(crate) fn unite(&self) -> io::Result<()> {
        // SAFETY: the range is the mapping's own, whole, and no region has been cut from it.
        let locked = unsafe { os::unite(self.base, self.len) }?;
        self.locked.store(locked, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the process locks all that it maps (mlockall), as far as that is known.
    pub(super) fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }

    /// The process locks all that it maps.
    pub(super) fn lock(&self) {
        self.locked.store(true, Ordering::Relaxed);
    }

    /// From now on these bytes are not released.
    pub(super) fn tear(&self, bytes: Range<usize>) {
        self.extents().tear(bytes);
    }

    /// A region begins at `start` that uses these bytes, in which its guards are.
    pub(super) fn begin(&self, start: usize, bytes: Range<usize>) {
        self.extents().begin(start, bytes);
    }

    /// The region at `start` is gone.
    pub(super) fn leave(&self, start: usize) {
        let unused = self.extents().leave(start);
        self.give_back(unused);
    }

    /// No more regions are cut: what none of them uses is given back.
    pub(super) fn end(&self) {
        let unused = self.extents().end();
        self.give_back(unused);
    }

    /// Address space that is in use: all of it as long as regions are cut.
    pub(crate) fn used(&self) -> Vec<Range<usize>> {
        let used = self.extents().used();
        let address = |offset| self.address().saturating_add(offset);
        used.into_iter()
            .map(|bytes| address(bytes.start)..address(bytes.end))
            .collect()
    }

    /// Gives bytes back that no region uses and that no region will be cut from. Where the system does not take
    /// them, they are given back with the whole mapping.
    fn give_back(&self, parts: Vec<Range<usize>>) {
        for part in parts {
            let len = part.end - part.start;
            // SAFETY: these are bytes of what `os::reserve` gave, on pages, since regions and guards are. They
            // are not torn, and nobody refers to them: a region, which holds its bytes in use as long as it
            // lives, touches no others. `extents` gives each byte once, so they were not released before.
            let released = unsafe { os::release_part(self.at(part.start), len) };
            if !released {
                self.extents().leave_behind(part);
            }
        }
    }

    /// Whole at every moment in which a panic could occur.
    fn extents(&self) -> MutexGuard<'_, Extents> {
        self.extents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes as a pointer counts them. Of a mapping they need not fit an isize, which bounds what a slice may have: a region
/// is cut shorter (`RegionDealer`).
fn len(bytes: Size) -> io::Result<usize> {
    let len = usize::try_from(bytes.get()).ok().filter(|len| *len > 0);
    len.ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

impl Drop for OwnedMapping {
    fn drop(&mut self) {
        let rest = self.extents().rest();
        if self.len == 0 {
            return;
        }
        if !os::RELEASES_PARTS {
            // SAFETY: the range is what `os::reserve` gave, whole, and nobody refers to it: every region
            // holds the mapping alive.
            unsafe { os::release(self.base, self.len) };
            return;
        }
        for part in rest {
            let len = part.end - part.start;
            // SAFETY: as in `give_back`; nobody refers to any of it, since every region holds the mapping
            // alive. What the system did not take before was not released.
            unsafe { os::release(self.at(part.start), len) };
        }
    }
}
