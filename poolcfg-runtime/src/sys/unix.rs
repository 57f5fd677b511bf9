//! Linux and other Unix, through rustix.

#[cfg(any(target_os = "linux", target_os = "android"))]
#[path = "linux.rs"]
mod kind;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[path = "other_unix.rs"]
mod kind;

use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};

use rustix::io::Errno;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

pub(super) use kind::{discard, discard_locked, has_locks, keep_pages_small, reserve_at, unite};

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

/// What the system says to one map more, which is then split.
enum TriedMap {
    Had,
    NotMapped,
    NotSplit,
}

/// Asks for one map more on new pages, which are gone after that.
fn try_map() -> TriedMap {
    let page = page_size();
    let len = 3 * page;
    let made = call(Call::TryMap, 0, |_| {
        // SAFETY: a new map at an address of the system's choosing touches nothing that exists.
        unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), flags()) }
    });
    let Ok(first) = made else {
        return TriedMap::NotMapped;
    };
    let second = first.wrapping_byte_add(page);
    // Two maps more, as none of the neighbours is like it.
    // SAFETY: the page is our own, and nobody refers to it.
    let split = unsafe { rustix::mm::mprotect(second, page, MprotectFlags::READ) };
    // What stays if that fails is three pages of addresses.
    // SAFETY: the pages are our own, and nobody refers to them.
    let _ = unsafe { rustix::mm::munmap(first, len) };
    match split {
        Ok(()) => TriedMap::Had,
        Err(_) => TriedMap::NotSplit,
    }
}

/// Whether a part of a map can be mapped again: whether the process may have one map more, and has the
/// addresses.
///
/// To be asked before a [`renew`] that is not needed: what Linux refuses for lack of maps (`vm.max_map_count`) or of
/// addresses (`RLIMIT_AS`) has the same error as what leaves a hole. Another thread may take the last map in between.
pub(super) fn can_renew() -> bool {
    matches!(try_map(), TriedMap::Had)
}

/// Whether the process has as many maps as `vm.max_map_count` allows; `false` where the system does not tell.
///
/// Pages that are private and read-only count against no limit of bytes but `RLIMIT_AS`, so what refuses them where
/// there is none is the number of maps. Source: mm/mmap.c (`do_mmap`, `may_expand_vm`), mm/vma.c (`__split_vma`).
pub(super) fn are_maps_used_up() -> bool {
    use rustix::process::{Resource, getrlimit};
    cfg!(any(target_os = "linux", target_os = "android"))
        && match try_map() {
            TriedMap::Had => false,
            TriedMap::NotSplit => true,
            TriedMap::NotMapped => getrlimit(Resource::As).current.is_none(),
        }
}

fn pointer(start: NonNull<u8>) -> *mut c_void {
    start.as_ptr().cast()
}
