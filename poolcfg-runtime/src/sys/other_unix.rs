//! What Unix other than Linux does in the place of what only Linux has.

use std::io;
use std::ptr::NonNull;

use super::renew;

/// Refuses: no other Unix tells what is free, nor gives its addresses by rules that are known here.
pub(in crate::sys) fn reserve_at(_start: usize, _len: usize) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Does nothing: only Linux has the advice.
///
/// # Safety
/// None is needed.
pub(in crate::sys) unsafe fn keep_pages_small(_base: NonNull<u8>, _len: usize) {}

/// No other system tells that it merges what was split, nor counts it.
///
/// # Safety
/// None is needed.
#[expect(clippy::unnecessary_wraps, reason = "the same as elsewhere")]
pub(in crate::sys) unsafe fn unite(_base: NonNull<u8>, _len: usize) -> io::Result<bool> {
    Ok(false)
}

/// Makes pages inaccessible, and zero for whoever opens them next: by new pages in their place, since
/// no other Unix promises that discarded pages read as zero.
///
/// # Safety
/// The range is within a reservation of the caller's, and nobody refers to it.
pub(in crate::sys) unsafe fn discard(start: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the caller's promise.
    unsafe { renew(start, len) }
}

/// Refuses: locked pages are replaced as all others are.
///
/// # Safety
/// None is needed.
pub(in crate::sys) unsafe fn discard_locked(_start: NonNull<u8>, _len: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not known: elsewhere locked pages are replaced as all others are.
pub(in crate::sys) fn has_locks(_start: NonNull<u8>, _len: usize) -> bool {
    false
}
