//! Regions: the parts of a slot. A region is owned by one holder at a time, so the bytes that it has
//! opened are nobody else's.

use std::fmt;
use std::io;
use std::panic::RefUnwindSafe;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::errors::{GrowError, ShrinkError};
use super::left::Left;
use super::mapping::OwnedMapping;
use super::page;
use super::region_layout::RegionPlace;

/// One part of a slot: a memory, a table or a stack. Its first [`len`](Self::len) bytes can be read
/// and written, all else up to its guards is inaccessible.
///
/// A memory begins with the bytes that were asked for, or none, and grows; a table and a stack are open
/// whole from the start. The bytes of a region are zero for each new owner.
///
/// An owner may lock pages (mlock). They are unlocked when the slot is released, except in a region of which no more
/// than 64 KiB (one page at least) are open; there at the latest when the slot is closed: by [`close_idle`](crate::Pool::close_idle), or when more slots than
/// [`warm_slots`](crate::PoolOptions::warm_slots) are idle. In a process that locks all of its memory (`mlockall`)
/// an owner's locks cannot be told from its own, and stay.
///
/// ```
/// use poolcfg_runtime::{GrowError, Region};
///
/// /// Writes bytes at an offset, and grows the region as far as that takes.
/// fn write(region: &mut Region, at: usize, bytes: &[u8]) -> Result<(), GrowError> {
///     let end = at.saturating_add(bytes.len());
///     region.grow_to(end)?; // an error above `region.capacity()`
///     region.as_mut_slice()[at..end].copy_from_slice(bytes);
///     Ok(())
/// }
/// ```
///
/// What lies where, and how bytes are lent to code that wants addresses:
///
/// ```
/// use poolcfg_runtime::{Region, ShrinkError};
///
/// /// Lets `fill` write to all of a region by address, and cuts off what it did not fill. Gives the first byte.
/// fn fill(
///     region: &mut Region,
///     fill: impl FnOnce(*mut u8, usize) -> usize,
/// ) -> Result<Option<u8>, ShrinkError> {
///     let guards = [region.guard_before(), region.guard_after()];
///     println!("{} bytes at {:?}, guards {guards:?}", region.capacity(), region.as_ptr());
///     let filled = fill(region.as_mut_ptr(), region.len());
///     region.shrink_to(filled)?;
///     assert_eq!(region.is_empty(), filled == 0);
///     Ok(region.as_slice().first().copied())
/// }
/// ```
///
/// The parameter only makes the type unsized: a region is had by reference, and cannot be swapped for
/// that of another slot or of another pool.
pub struct Region<T: ?Sized = [()]> {
    pub(super) mapping: Arc<OwnedMapping>,
    pub(super) offset: usize,
    /// Whole pages, like everything here.
    pub(super) capacity: usize,
    /// What the owner has.
    pub(super) len: usize,
    /// The most that this owner has had: it may not touch what is beyond.
    pub(super) most: usize,
    /// What is accessible for certain: at least `len`.
    pub(super) open: usize,
    /// What may be accessible, if a call failed half-way: else as far as `open`.
    pub(super) may_be_open: usize,
    /// What owners may have left.
    pub(super) left: Left,
    /// Whether somebody may have read or written since the last reset.
    pub(super) touched: AtomicBool,
    /// Whether the owner has changed the mapping itself.
    pub(super) replaced: bool,
    /// Whether a failed call may have left a hole, in which somebody else's mapping may lie by now.
    pub(super) torn: bool,
    /// Bytes before it that no owner has.
    guard_before: usize,
    /// Bytes behind it that no owner has, from `capacity` on.
    guard_after: usize,
    /// Whether the owners check every access themselves, so that what is beyond the length may be accessible.
    pub(super) checked: bool,
    /// What can make room when the system refuses to open more.
    pool: Weak<dyn Reclaim>,
    _unsized: T,
}

/// A region as the pool holds it.
pub(crate) type Owned = Region<[(); 0]>;

/// What can give back memory that idle slots hold.
pub(crate) trait Reclaim: fmt::Debug + Send + Sync + RefUnwindSafe {
    /// Whether anything was given back.
    fn reclaim(&self) -> bool;
}

impl Owned {
    /// A region that is closed.
    pub(super) fn new(
        mapping: Arc<OwnedMapping>,
        place: RegionPlace,
        checked: bool,
        pool: Weak<dyn Reclaim>,
    ) -> Self {
        Self {
            mapping,
            offset: place.offset,
            capacity: place.capacity,
            len: 0,
            most: 0,
            open: 0,
            may_be_open: 0,
            left: Left::default(),
            touched: AtomicBool::new(false),
            replaced: false,
            torn: false,
            guard_before: place.guard_before,
            guard_after: place.guard_after,
            checked,
            pool,
            _unsized: [],
        }
    }
}

impl<T: ?Sized> Region<T> {
    /// Bytes that are accessible: whole pages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no byte is accessible.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that it may grow to: `max_memory_size` for a memory, in whole pages. Where pointers have 32 bits it is
    /// below 2 GiB, since a slice has no more; the reservation may be larger.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes before the first one that are never accessible, and belong to no other region.
    #[must_use]
    pub fn guard_before(&self) -> usize {
        self.guard_before
    }

    /// Bytes behind the [`capacity`](Self::capacity) that are never accessible, and belong to no other region.
    #[must_use]
    pub fn guard_after(&self) -> usize {
        self.guard_after
    }

    /// How far an access may go, counted from the first byte: [`capacity`](Self::capacity) and
    /// [`guard_after`](Self::guard_after). What is below meets this region or faults, so code whose offsets stay
    /// below needs no check.
    ///
    /// ```
    /// # use poolcfg_runtime::Slot;
    /// /// Whether code with offsets of 32 bits may leave out its checks.
    /// fn may_leave_checks_out(slot: &Slot) -> bool {
    ///     u64::try_from(slot.memory().capacity_with_guard()).is_ok_and(|bytes| bytes >= 4 << 30)
    /// }
    /// ```
    #[must_use]
    pub fn capacity_with_guard(&self) -> usize {
        // Within the mapping, so it is no sum that overflows.
        self.capacity + self.guard_after
    }

    /// Makes at least the first `bytes` accessible, in whole pages; what is new reads as zero.
    ///
    /// Where the system refuses, the pool gives back what its idle slots hold, and asks once more.
    ///
    /// # Errors
    /// [`GrowError::AboveCapacity`] above [`capacity`](Self::capacity); [`GrowError::TooManyMaps`] where
    /// `vm.max_map_count` is in the way, and [`GrowError::Refused`] when the system does
    /// not make the pages writable, such as under a commit limit. The length is then as before.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), GrowError> {
        if bytes <= self.len {
            return Ok(());
        }
        let len = self.whole(bytes)?;
        self.give(len, bytes)
    }

    /// Makes all but the first `bytes`, in whole pages, inaccessible; what is cut off reads as zero if the
    /// region grows again.
    ///
    /// # Errors
    /// [`ShrinkError`] when the system does not clear or close what is cut off. Where it was not cleared the
    /// length is as before. Where it was not closed, the length is the new one, and the rest may be accessible
    /// until the slot is released.
    pub fn shrink_to(&mut self, bytes: usize) -> Result<(), ShrinkError> {
        let refused = |source| ShrinkError { bytes, source };
        let Some(size) = page::whole(bytes).filter(|size| *size < self.len) else {
            return Ok(());
        };
        if self.replaced {
            return self.renew(size).map_err(refused);
        }
        if *self.touched.get_mut() {
            self.discard(size).map_err(refused)?;
        }
        self.len = size;
        if self.checked {
            return Ok(());
        }
        self.shut(size).map_err(refused)
    }

    /// The address of its first byte; valid for reads of [`len`](Self::len) bytes.
    ///
    /// An address is of no use after the slot is released: the next owner asks for its own.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        // Who has an address may write.
        self.touch();
        self.start().as_ptr()
    }

    /// The address of its first byte; valid for reads and writes of [`len`](Self::len) bytes, until the slot is
    /// released or the region shrinks.
    ///
    /// Whoever changes the mapping itself through it has to say so: [`mapped_over`](Self::mapped_over).
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        *self.touched.get_mut() = true;
        self.start().as_ptr()
    }

    /// Its accessible bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // Reading a page costs an entry in the page tables.
        self.touch();
        // SAFETY: the first `len` bytes are open, zero or written since, in one mapping that this
        // region keeps alive, and fit an isize; they change only through `&mut self`.
        unsafe { slice::from_raw_parts(self.start().as_ptr(), self.len) }
    }

    /// Its accessible bytes, to be written.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        *self.touched.get_mut() = true;
        // SAFETY: as in `as_slice`; the region owns the bytes and `&mut self` is its only user.
        unsafe { slice::from_raw_parts_mut(self.start().as_ptr(), self.len) }
    }

    /// Says that the owner has changed the mapping between [`as_mut_ptr`](Self::as_mut_ptr) and
    /// [`capacity`](Self::capacity): has put a file or an image there (`MAP_FIXED`), or changed the protection or
    /// the advice of pages. When the slot is released, new pages take the place of all of them.
    ///
    /// Without it the next owner could read the file: discarding the pages of a file brings back what is in
    /// it. What lies there has to stay mapped: an unmapped page may become somebody else's at once.
    ///
    /// ```
    /// # use poolcfg_runtime::Slot;
    /// fn map_image(slot: &mut Slot, map: impl FnOnce(*mut u8, usize)) {
    ///     let memory = slot.memory_mut();
    ///     map(memory.as_mut_ptr(), memory.len()); // such as mmap with MAP_FIXED
    ///     memory.mapped_over();
    /// }
    /// ```
    pub fn mapped_over(&mut self) {
        self.replaced = true;
    }

    fn touch(&self) {
        // A line that nobody writes is shared by those who read.
        if !self.touched.load(Ordering::Relaxed) {
            self.touched.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.mapping.at(self.offset)
    }

    /// Bytes in whole pages.
    pub(super) fn whole(&self, bytes: usize) -> Result<usize, GrowError> {
        page::whole(bytes)
            .filter(|size| *size <= self.capacity)
            .ok_or(GrowError::AboveCapacity {
                bytes,
                capacity: self.capacity,
            })
    }

    /// Gives the owner `size` bytes, whole pages within the region, of which `asked` were asked for. What is open
    /// already, as most owners find it, is had without a call of any kind.
    #[inline]
    pub(super) fn give(&mut self, size: usize, asked: usize) -> Result<(), GrowError> {
        if size > self.open {
            self.open_or_reclaim(size)
                .map_err(|source| GrowError::of(asked, source))?;
        }
        self.len = size;
        self.most = self.most.max(size);
        Ok(())
    }

    /// Where the system refuses, the pool gives back what its idle slots hold.
    fn open_or_reclaim(&mut self, size: usize) -> io::Result<()> {
        self.open_to(size)
            .or_else(|error| match self.pool.upgrade() {
                Some(pool) if pool.reclaim() => self.open_to(size),
                _ => Err(error),
            })
    }

    /// The page after the region, if it is a guard, which no owner has: what is locked there is the process's.
    pub(super) fn guard(&self) -> Option<NonNull<u8>> {
        (self.guard_after > 0).then(|| self.mapping.at(self.offset + self.capacity))
    }
}

impl<T: ?Sized> fmt::Debug for Region<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("address", &format_args!("{:#x}", self.start().addr()))
            .field("len", &self.len)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl<T: ?Sized> Drop for Region<T> {
    /// Only when a slot is out of service, or its pool is gone.
    fn drop(&mut self) {
        self.mapping.leave(self.offset);
    }
}
