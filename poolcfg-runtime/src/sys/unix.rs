//! Linux and other Unix, through rustix.

use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

/// Whether a failed [`close`] may leave a hole in the mapping: where it replaces pages, it may.
pub(super) const CLOSE_MAY_TEAR: bool = !cfg!(any(target_os = "linux", target_os = "android"));

/// Every map has the same flags: maps that differ in them never merge again.
///
/// `MAP_NORESERVE` keeps mode 0 of `vm.overcommit_memory` from refusing a slot for being larger than
/// what is free (Linux 6.12, mm/mmap.c:496-499; mode 2 ignores it). The BSDs have dropped the flag.
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
    let base =
        unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), flags()) }?;
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
    let base = unsafe { rustix::mm::mmap_anonymous(hint, len, ProtFlags::empty(), flags) }?;
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

/// Gives a reservation back.
///
/// # Safety
/// The range is one that [`reserve`] gave, whole, and nobody refers to it.
pub(super) unsafe fn release(base: NonNull<u8>, len: usize) {
    // SAFETY: the caller's promise.
    let released = unsafe { rustix::mm::munmap(base.as_ptr().cast(), len) };
    // Whole maps are unmapped without splitting any, so nothing is left to fail for.
    debug_assert!(released.is_ok(), "{released:?}");
}

/// Makes pages readable and writable.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
pub(super) unsafe fn open(start: NonNull<u8>, len: usize) -> io::Result<()> {
    let flags = MprotectFlags::READ | MprotectFlags::WRITE;
    // SAFETY: the caller's promise.
    Ok(unsafe { rustix::mm::mprotect(pointer(start), len, flags) }?)
}

/// Makes pages inaccessible; their content stays.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
pub(super) unsafe fn shut(start: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the caller's promise.
    Ok(unsafe { rustix::mm::mprotect(pointer(start), len, MprotectFlags::empty()) }?)
}

/// Makes pages inaccessible, and zero for whoever opens them next.
///
/// # Safety
/// The range of `reach` bytes is within a reservation of the caller's, its first `size` bytes are open,
/// and nobody refers to it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) unsafe fn close(start: NonNull<u8>, size: usize, reach: usize) -> io::Result<()> {
    use rustix::mm::Advice;
    // `Advice::DontNeed` is a different thing: posix_madvise's, which discards nothing on Linux.
    // SAFETY: private anonymous pages of the caller's; discarding them makes them read as zero.
    let discarded = unsafe { rustix::mm::madvise(pointer(start), reach, Advice::LinuxDontNeed) };
    match discarded {
        Ok(()) => {}
        // Not all of the range is mapped any more: nothing there may be touched.
        Err(error @ rustix::io::Errno::NOMEM) => return Err(error.into()),
        // Locked pages are not discarded (EINVAL, madvise(2)), and a filter may forbid the call.
        Err(_) => {
            // SAFETY: the first `size` bytes are open and the caller's; nothing beyond was ever written.
            unsafe { ptr::write_bytes(start.as_ptr(), 0, size) };
        }
    }
    // SAFETY: the caller's promise.
    unsafe { shut(start, reach) }
}

/// Makes pages inaccessible, and zero for whoever opens them next: by new pages in their place, since
/// no other Unix promises that discarded pages read as zero.
///
/// # Safety
/// The range of `reach` bytes is within a reservation of the caller's, and nobody refers to it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) unsafe fn close(start: NonNull<u8>, _size: usize, reach: usize) -> io::Result<()> {
    let fixed = flags() | MapFlags::FIXED;
    // SAFETY: the pages that the new map replaces are the caller's own.
    unsafe { rustix::mm::mmap_anonymous(pointer(start), reach, ProtFlags::empty(), fixed) }?;
    Ok(())
}

fn pointer(start: NonNull<u8>) -> *mut c_void {
    start.as_ptr().cast()
}
