//! Linux and other Unix, through rustix.

use std::ffi::c_void;
use std::io;
#[cfg(all(not(test), any(target_os = "linux", target_os = "android")))]
use std::iter;
#[cfg(all(not(test), any(target_os = "linux", target_os = "android")))]
use std::ops::Range;
use std::ptr::{self, NonNull};

use rustix::io::Errno;
#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::mm::Advice;
#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::mm::MsyncFlags;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

/// Whether discarded pages are inaccessible: where discarding puts new ones in their place.
pub(super) const DISCARD_SHUTS: bool = !cfg!(any(target_os = "linux", target_os = "android"));

/// Whether a failed [`discard`] may leave a hole in the mapping.
pub(super) const DISCARD_MAY_TEAR: bool = DISCARD_SHUTS;

/// Whether a part of a reservation can be given back.
pub(super) const RELEASES_PARTS: bool = true;

/// Whether a [`renew`] that failed so may have left a hole in the mapping: Linux puts back what it took out only
/// from 6.12 on, and not when it finds no memory for the new map after the pages are gone (vms_abort_munmap_vmas,
/// mm/vma.h; 7.2: mm/vma.c). All but ENOMEM it says before it takes anything out: EAGAIN for what may be locked,
/// EPERM and EACCES of a filter or a security module (do_mmap).
pub(super) fn renewal_tears(error: &io::Error) -> bool {
    DISCARD_SHUTS || error.raw_os_error() == Some(Errno::NOMEM.raw_os_error())
}

/// Whether a [`renew`] failed so since a process that locks all that it maps may not lock so much (EAGAIN, do_mmap).
pub(super) fn is_too_much_to_lock(error: &io::Error) -> bool {
    !DISCARD_SHUTS && error.raw_os_error() == Some(Errno::AGAIN.raw_os_error())
}

/// Whether a [`discard`] failed so for pages that are locked (EINVAL, madvise(2)).
pub(super) fn is_locked(error: &io::Error) -> bool {
    !DISCARD_SHUTS && error.raw_os_error() == Some(Errno::INVAL.raw_os_error())
}

/// The calls, each of which may fail at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(any(target_os = "linux", target_os = "android")),
    expect(dead_code, reason = "some are made on Linux only")
)]
pub(crate) enum Call {
    /// mmap of a reservation.
    Reserve,
    /// munmap.
    Release,
    /// madvise that changes nothing that a page holds.
    Advise,
    /// mprotect to readable and writable.
    Open,
    /// mprotect to inaccessible.
    Shut,
    /// madvise, or mmap over the pages.
    Discard,
    /// madvise on pages that are locked.
    DiscardLocked,
    /// msync that only tells whether pages are locked.
    FindLocks,
    /// munlock.
    Unlock,
    /// mmap over the pages.
    Renew,
    /// mmap of a few pages that are given back at once.
    TryMap,
    /// open of /proc/self/pagemap.
    OpenPagemap,
    /// ioctl of that.
    Scan,
    /// lseek of that.
    Prove,
}

/// Makes a call on `len` bytes; a test may let it fail, before or after half of them.
#[cfg(not(test))]
pub(super) fn call<T>(
    _call: Call,
    len: usize,
    make: impl FnOnce(usize) -> rustix::io::Result<T>,
) -> io::Result<T> {
    Ok(make(len)?)
}

#[cfg(test)]
pub(super) use super::faults::call;

/// The ranges in which so many bytes are given back: a test may have page tables stay, as on kernels that do not
/// free them, which is so for ranges that are smaller than a table's.
#[cfg(all(not(test), any(target_os = "linux", target_os = "android")))]
fn pieces(len: usize) -> impl Iterator<Item = Range<usize>> {
    iter::once(0..len)
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
use super::faults::pieces;

/// Every map has the same flags: maps that differ in them never merge again.
///
/// `MAP_NORESERVE` keeps mode 0 of `vm.overcommit_memory` from refusing a slot for being larger than
/// what is free (mm/mmap.c, do_mmap; mode 2 ignores it). The BSDs have dropped the flag.
fn flags() -> MapFlags {
    #[cfg(not(any(target_os = "freebsd", target_os = "dragonfly")))]
    {
        MapFlags::PRIVATE | MapFlags::NORESERVE
    }
    #[cfg(any(target_os = "freebsd", target_os = "dragonfly"))]
    {
        MapFlags::PRIVATE
    }
}

/// Bytes of a page.
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

/// Reserves inaccessible address space.
pub(super) fn reserve(len: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: a new private map at an address of the system's choosing touches nothing that exists.
    let base = call(Call::Reserve, len, |len| unsafe {
        rustix::mm::mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), flags())
    })?;
    NonNull::new(base.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Reserves inaccessible address space that begins at `start`, where nothing is.
///
/// `MAP_FIXED_NOREPLACE` is refused with EEXIST where something is; kernels before 4.17 take it for a hint
/// and map elsewhere, which is given back. Source: mmap(2).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn reserve_at(start: usize, len: usize) -> io::Result<NonNull<u8>> {
    let flags = flags() | MapFlags::FIXED_NOREPLACE;
    let hint = ptr::without_provenance_mut(start);
    // SAFETY: a new private map, which replaces nothing: kernels that know the flag refuse to, and to others
    // the address is a hint, since MAP_FIXED is not said.
    let base = call(Call::Reserve, len, |len| unsafe {
        rustix::mm::mmap_anonymous(hint, len, ProtFlags::empty(), flags)
    })?;
    let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
    if base.addr().get() == start {
        return Ok(base);
    }
    // SAFETY: the range is the one that was mapped just now, whole, and nobody knows of it.
    unsafe { release(base, len) };
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Refuses: no other Unix tells what is free, nor gives its addresses by rules that are known here.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn reserve_at(_start: usize, _len: usize) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Gives address space back. Where the system refuses, which it may when a mapping has to be split for it
/// and there are too many (ENOMEM, munmap(2)), the pages go back, and what is left is inaccessible.
///
/// # Safety
/// The range is of one that [`reserve`] gave, and nobody refers to it.
pub(super) unsafe fn release(base: NonNull<u8>, len: usize) {
    // SAFETY: the caller's promise.
    let _ = unsafe { release_part(base, len) };
}

/// The same, and tells whether the address space is given back.
///
/// # Safety
/// As for [`release`].
pub(super) unsafe fn release_part(base: NonNull<u8>, len: usize) -> bool {
    // SAFETY: the caller's promise.
    let unmap = || unsafe { rustix::mm::munmap(pointer(base), len) };
    if call(Call::Release, len, |_| unmap()).is_ok() {
        return true;
    }
    // SAFETY: the caller's promise.
    let _ = unsafe { discard(base, len) };
    // One mapping where there were many, unless that is refused too.
    // SAFETY: the caller's promise.
    let _ = unsafe { shut(base, len) };
    call(Call::Release, len, |_| unmap()).is_ok()
}

/// Keeps one touched byte from costing a huge page of 2 MiB and more. Said of a whole reservation at once it
/// splits no mapping. A kernel without huge pages says EINVAL; where it fails the pool only holds more.
///
/// # Safety
/// The range is of one that [`reserve`] gave.
pub(super) unsafe fn keep_pages_small(base: NonNull<u8>, len: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    advise(base, len, Advice::LinuxNoHugepage);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (base, len);
}

/// Says something that is of use where it is heard.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn advise(base: NonNull<u8>, len: usize, advice: Advice) {
    let _ = call(Call::Advise, len, |len| {
        // SAFETY: what is advised here changes nothing that a page holds, nor whether it is accessible.
        unsafe { rustix::mm::madvise(pointer(base), len, advice) }
    });
}

/// Lets the maps that slots split a reservation into become one again when they are closed.
///
/// Linux merges maps with pages of their own only if they have the same `anon_vma`, which a map gets with its
/// first page, and before 6.16 not with a neighbour that has none (mm/vma.c: is_mergeable_anon_vma). So the
/// reservation gets one while it is still whole: its first page is written, and the rest then merges with
/// that page's map, which happens when advice about it is changed and is as before again.
///
/// Whether the process locks all that it maps comes to light on the way.
///
/// # Errors
/// What the system says when it does not make the first page inaccessible again.
///
/// # Safety
/// The range is one that [`reserve`] gave, and nobody refers to it, nor has any of it been opened.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) unsafe fn unite(base: NonNull<u8>, len: usize) -> io::Result<bool> {
    let page = page_size();
    if len <= page {
        return Ok(false);
    }
    // SAFETY: the caller's promise.
    if unsafe { open(base, page) }.is_err() {
        // Where nothing can be opened, the first slot tells.
        return Ok(false);
    }
    // SAFETY: the page is open, and the caller's own.
    unsafe { base.as_ptr().write_volatile(0) };
    // SAFETY: the caller's promise; a page that stays is zero.
    let locked = unsafe { discard(base, page) }.is_err_and(|error| is_locked(&error));
    if locked {
        // SAFETY: as above.
        let _ = unsafe { discard_locked(base, page) };
    }
    // SAFETY: the caller's promise.
    unsafe { shut(base, page) }?;
    // SAFETY: the range is longer than a page.
    let rest = unsafe { base.add(page) };
    // It is about reading ahead in files.
    advise(rest, len - page, Advice::Random);
    advise(rest, len - page, Advice::Normal);
    Ok(locked)
}

/// No other system tells that it merges what was split, nor counts it.
///
/// # Safety
/// None is needed.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(clippy::unnecessary_wraps, reason = "the same as elsewhere")]
pub(super) unsafe fn unite(_base: NonNull<u8>, _len: usize) -> io::Result<bool> {
    Ok(false)
}

/// Makes pages readable and writable.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
pub(super) unsafe fn open(start: NonNull<u8>, len: usize) -> io::Result<()> {
    let flags = MprotectFlags::READ | MprotectFlags::WRITE;
    // SAFETY: the caller's promise.
    call(Call::Open, len, |len| unsafe {
        rustix::mm::mprotect(pointer(start), len, flags)
    })
}

/// Makes pages inaccessible; their content stays.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
pub(super) unsafe fn shut(start: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the caller's promise.
    call(Call::Shut, len, |len| unsafe {
        rustix::mm::mprotect(pointer(start), len, MprotectFlags::empty())
    })
}

/// Makes pages zero for whoever reads them next, by giving them back.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) unsafe fn discard(start: NonNull<u8>, len: usize) -> io::Result<()> {
    // `Advice::DontNeed` is a different thing: posix_madvise's, which discards nothing on Linux.
    let advice = Advice::LinuxDontNeed;
    call(Call::Discard, len, |len| {
        pieces(len).try_for_each(|piece| {
            let first = pointer(start).wrapping_byte_add(piece.start);
            // SAFETY: private anonymous pages of the caller's; discarding them makes them read as zero.
            unsafe { rustix::mm::madvise(first, piece.len(), advice) }
        })
    })
}

/// The same for pages that are locked, which stay so: from Linux 5.18 on.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) unsafe fn discard_locked(start: NonNull<u8>, len: usize) -> io::Result<()> {
    let advice = Advice::LinuxDontneedLocked;
    // SAFETY: as in `discard`.
    call(Call::DiscardLocked, len, |len| unsafe {
        rustix::mm::madvise(pointer(start), len, advice)
    })
}

/// Refuses: locked pages are replaced as all others are.
///
/// # Safety
/// None is needed.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) unsafe fn discard_locked(_start: NonNull<u8>, _len: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether any of the pages is locked, also one that is inaccessible: msync(2) says EBUSY then, and does nothing
/// else with pages of no file. It only walks the maps, with the lock of a reader (mm/msync.c): 0.2 us.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn has_locks(start: NonNull<u8>, len: usize) -> bool {
    let asked = call(Call::FindLocks, len, |len| {
        // SAFETY: the call changes nothing that a page holds, nor whether it is accessible.
        unsafe { rustix::mm::msync(pointer(start), len, MsyncFlags::INVALIDATE) }
    });
    asked.is_err_and(|error| error.raw_os_error() == Some(Errno::BUSY.raw_os_error()))
}

/// Not known: elsewhere locked pages are replaced as all others are.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn has_locks(_start: NonNull<u8>, _len: usize) -> bool {
    false
}

/// Unlocks pages. It needs no privilege.
///
/// # Safety
/// The range is within a reservation of the caller's.
pub(super) unsafe fn unlock(start: NonNull<u8>, len: usize) -> io::Result<()> {
    call(Call::Unlock, len, |len| {
        // SAFETY: the caller's promise; what a page holds stays, and so does whether it is accessible.
        unsafe { rustix::mm::munlock(pointer(start), len) }
    })
}

/// Makes pages inaccessible, and zero for whoever opens them next: by new pages in their place, since
/// no other Unix promises that discarded pages read as zero.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) unsafe fn discard(start: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the caller's promise.
    unsafe { renew(start, len) }
}

/// Puts new pages, inaccessible and zero, in place of whatever is mapped there.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
pub(super) unsafe fn renew(start: NonNull<u8>, len: usize) -> io::Result<()> {
    let fixed = flags() | MapFlags::FIXED;
    // SAFETY: the pages that the new map replaces are the caller's own.
    call(Call::Renew, len, |len| unsafe {
        rustix::mm::mmap_anonymous(pointer(start), len, ProtFlags::empty(), fixed)
    })?;
    // As its neighbours are, so that they merge.
    // SAFETY: the caller's promise.
    unsafe { keep_pages_small(start, len) };
    Ok(())
}

/// Whether a part of a map can be mapped again: whether the process may have one map more, and has the
/// addresses. It is tried on new pages, which are gone after that.
///
/// To be asked before a [`renew`] that is not needed: what Linux refuses for want of maps (`vm.max_map_count`) or of
/// addresses (`RLIMIT_AS`) has the same error as what leaves a hole. Another thread may take the last map in between.
pub(super) fn can_renew() -> bool {
    let page = page_size();
    let len = 3 * page;
    let made = call(Call::TryMap, 0, |_| {
        // SAFETY: a new map at an address of the system's choosing touches nothing that exists.
        unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), flags()) }
    });
    let Ok(first) = made else {
        return false;
    };
    let second = first.wrapping_byte_add(page);
    // Two maps more, as none of the neighbours is like it.
    // SAFETY: the page is our own, and nobody refers to it.
    let split = unsafe { rustix::mm::mprotect(second, page, MprotectFlags::READ) };
    // What stays if that fails is three pages of addresses.
    // SAFETY: the pages are our own, and nobody refers to them.
    let _ = unsafe { rustix::mm::munmap(first, len) };
    split.is_ok()
}

fn pointer(start: NonNull<u8>) -> *mut c_void {
    start.as_ptr().cast()
}
