//! Mappings: address space that belongs to the process and is inaccessible, until it is dropped.

use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use poolcfg_core::Size;

use super::os;

/// A reservation: whole pages, inaccessible but for what regions open of them.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
    /// Where a call failed in a way that may have given pages back to the system. Somebody else's
    /// mapping may lie there by now, so these bytes are never touched nor released any more.
    torn: Mutex<Vec<Range<usize>>>,
    /// Whether the process locks all that it maps, this too, so that what is opened may be in memory at once.
    locked: AtomicBool,
}

// SAFETY: a mapping is an address and a length that belong to it alone; what may be done to its pages is
// decided by the regions that own them, and none of it depends on the thread.
unsafe impl Send for Mapping {}
// SAFETY: as above; a shared reference gives out addresses only.
unsafe impl Sync for Mapping {}

impl Mapping {
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

    fn new(base: NonNull<u8>, len: usize) -> Self {
        Self {
            base,
            len,
            torn: Mutex::new(Vec::new()),
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
        // SAFETY: the mapping is `len` bytes, which fit an isize, and `offset` is at most `len`.
        unsafe { self.base.add(offset) }
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
        let mut torn = self.torn.lock().unwrap_or_else(PoisonError::into_inner);
        torn.push(bytes);
    }
}

/// Bytes as a pointer counts them: offsets within a mapping must fit an isize.
fn len(bytes: Size) -> io::Result<usize> {
    let len = isize::try_from(bytes.get())
        .ok()
        .and_then(|len| usize::try_from(len).ok())
        .filter(|len| *len > 0);
    len.ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let torn = self.torn.get_mut().unwrap_or_else(PoisonError::into_inner);
        torn.sort_unstable_by_key(|bytes| bytes.start);
        torn.push(self.len..self.len);
        let mut from = 0;
        for bytes in torn.drain(..) {
            if let Some(len) = bytes.start.checked_sub(from).filter(|len| *len > 0) {
                // SAFETY: `from` lies in the mapping, of `len` bytes at least.
                let start = unsafe { self.base.add(from) };
                // SAFETY: the range is of what `os::reserve` gave, without what is torn, and nobody
                // refers to it: every region holds the mapping alive.
                unsafe { os::release(start, len) };
            }
            from = from.max(bytes.end);
        }
    }
}
