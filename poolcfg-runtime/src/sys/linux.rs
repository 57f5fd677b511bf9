//! What of Linux no other Unix has, or has with another meaning.

use std::io;
#[cfg(not(test))]
use std::iter;
#[cfg(not(test))]
use std::ops::Range;
use std::ptr::{self, NonNull};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MsyncFlags, ProtFlags};

use super::{Call, call, flags, is_locked, open, page_size, pointer, release, shut};

/// Reserves inaccessible address space that begins at `start`, where nothing is.
///
/// `MAP_FIXED_NOREPLACE` is refused with EEXIST where something is; kernels before 4.17 take it for a hint
/// and map elsewhere, which is given back. Source: mmap(2).
pub(in crate::sys) fn reserve_at(start: usize, len: usize) -> io::Result<NonNull<u8>> {
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

/// Keeps one touched byte from costing a huge page of 2 MiB and more. Said of a whole reservation at once it
/// splits no mapping. A kernel without huge pages says EINVAL; where it fails the pool only holds more.
///
/// # Safety
/// The range is of one that [`reserve`] gave.
pub(in crate::sys) unsafe fn keep_pages_small(base: NonNull<u8>, len: usize) {
    advise(base, len, Advice::LinuxNoHugepage);
}

/// Says something that is of use where it is heard.
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
pub(in crate::sys) unsafe fn unite(base: NonNull<u8>, len: usize) -> io::Result<bool> {
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

/// Makes pages zero for whoever reads them next, by giving them back.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
pub(in crate::sys) unsafe fn discard(start: NonNull<u8>, len: usize) -> io::Result<()> {
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
pub(in crate::sys) unsafe fn discard_locked(start: NonNull<u8>, len: usize) -> io::Result<()> {
    let advice = Advice::LinuxDontneedLocked;
    // SAFETY: as in `discard`.
    call(Call::DiscardLocked, len, |len| unsafe {
        rustix::mm::madvise(pointer(start), len, advice)
    })
}

/// Whether any of the pages is locked, also one that is inaccessible: msync(2) says EBUSY then, and does nothing
/// else with pages of no file. It only walks the maps, with the lock of a reader (mm/msync.c): 0.2 us.
pub(in crate::sys) fn has_locks(start: NonNull<u8>, len: usize) -> bool {
    let asked = call(Call::FindLocks, len, |len| {
        // SAFETY: the call changes nothing that a page holds, nor whether it is accessible.
        unsafe { rustix::mm::msync(pointer(start), len, MsyncFlags::INVALIDATE) }
    });
    asked.is_err_and(|error| error.raw_os_error() == Some(Errno::BUSY.raw_os_error()))
}

/// The ranges in which so many bytes are given back: a test may have page tables stay, as on kernels that do not
/// free them, which is so for ranges that are smaller than a table's.
#[cfg(not(test))]
fn pieces(len: usize) -> impl Iterator<Item = Range<usize>> {
    iter::once(0..len)
}

#[cfg(test)]
use crate::sys::faults::pieces;
