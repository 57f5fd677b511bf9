//! Windows: VirtualAlloc reserves, commits and decommits.

use std::io;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_NOACCESS, PAGE_READWRITE,
    VirtualAlloc, VirtualFree,
};
use windows_sys::Win32::System::SystemInformation::{GetSystemInfo, SYSTEM_INFO};

/// Decommitted pages are inaccessible.
pub(super) const DISCARD_SHUTS: bool = true;

/// A decommit that fails leaves the pages reserved.
pub(super) const DISCARD_MAY_TEAR: bool = false;

/// As above: pages of a reservation are decommitted, never replaced.
pub(super) fn renewal_tears(_error: &io::Error) -> bool {
    false
}

/// Locked pages are decommitted as all others are.
pub(super) fn is_locked(_error: &io::Error) -> bool {
    false
}

/// A reservation is given back whole, as it was made.
pub(super) const RELEASES_PARTS: bool = false;

/// Bytes of a page.
pub(crate) fn page_size() -> usize {
    static PAGE: OnceLock<usize> = OnceLock::new();
    *PAGE.get_or_init(|| {
        let mut info = MaybeUninit::<SYSTEM_INFO>::zeroed();
        // SAFETY: the pointer is to a SYSTEM_INFO of our own.
        unsafe { GetSystemInfo(info.as_mut_ptr()) };
        // SAFETY: zeroed and then filled in; every field is a number or a pointer.
        let info = unsafe { info.assume_init() };
        usize::try_from(info.dwPageSize).unwrap_or(4096)
    })
}

/// Reserves inaccessible address space.
pub(super) fn reserve(len: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: a new reservation at an address of the system's choosing touches nothing that exists.
    let base = unsafe { VirtualAlloc(ptr::null(), len, MEM_RESERVE, PAGE_NOACCESS) };
    NonNull::new(base.cast()).ok_or_else(io::Error::last_os_error)
}

/// Refuses: the system searches everything by itself.
pub(super) fn reserve_at(_start: usize, _len: usize) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Gives a reservation back.
///
/// # Safety
/// The range is one that [`reserve`] gave, whole, and nobody refers to it.
pub(super) unsafe fn release(base: NonNull<u8>, len: usize) {
    // SAFETY: the caller's promise; MEM_RELEASE takes the whole reservation and a size of 0.
    if unsafe { VirtualFree(base.as_ptr().cast(), 0, MEM_RELEASE) } == 0 {
        // Then address space is all that is kept.
        // SAFETY: the caller's promise.
        let _ = unsafe { shut(base, len) };
    }
}

/// Gives back the pages of a part of a reservation. The addresses stay, which is what it returns.
///
/// # Safety
/// The range is of one that [`reserve`] gave, and nobody refers to it.
pub(super) unsafe fn release_part(base: NonNull<u8>, len: usize) -> bool {
    // SAFETY: the caller's promise.
    let _ = unsafe { shut(base, len) };
    false
}

/// Pages are small unless large ones are asked for.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn keep_pages_small(_base: NonNull<u8>, _len: usize) {}

/// Does nothing: there are no maps to merge.
///
/// # Safety
/// None is needed.
#[expect(clippy::unnecessary_wraps, reason = "the same as elsewhere")]
pub(super) unsafe fn unite(_base: NonNull<u8>, _len: usize) -> io::Result<bool> {
    Ok(false)
}

/// Makes pages readable and writable.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
pub(super) unsafe fn open(start: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the caller's promise.
    let base = unsafe { VirtualAlloc(start.as_ptr().cast(), len, MEM_COMMIT, PAGE_READWRITE) };
    if base.is_null() {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Makes pages inaccessible.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
pub(super) unsafe fn shut(start: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the caller's promise; decommitting what is not committed is no error.
    if unsafe { VirtualFree(start.as_ptr().cast(), len, MEM_DECOMMIT) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Makes pages inaccessible, and zero for whoever opens them next: pages that are committed again are.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
pub(super) unsafe fn discard(start: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the caller's promise.
    unsafe { shut(start, len) }
}

/// Refuses: it is not called for.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn discard_locked(_start: NonNull<u8>, _len: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The same: nothing else can be mapped into a reservation.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
pub(super) unsafe fn renew(start: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the caller's promise.
    unsafe { shut(start, len) }
}

/// No map is ever split.
pub(super) fn can_renew() -> bool {
    true
}

/// Nothing bounds the number of maps.
pub(super) fn are_maps_used_up() -> bool {
    false
}

/// Locked pages are given back as all others are.
pub(super) fn has_locks(_start: NonNull<u8>, _len: usize) -> bool {
    false
}

/// Refuses: it is not called for.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn unlock(_start: NonNull<u8>, _len: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Nothing is ever locked for being mapped.
pub(super) fn is_too_much_to_lock(_error: &io::Error) -> bool {
    false
}
