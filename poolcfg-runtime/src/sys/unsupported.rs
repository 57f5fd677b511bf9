//! Systems without virtual memory that we know how to reserve: every reservation is refused.

use std::io;
use std::ptr::NonNull;

/// Nothing is ever open here.
pub(super) const DISCARD_SHUTS: bool = true;

/// Nothing is ever mapped here.
pub(super) const DISCARD_MAY_TEAR: bool = false;

/// As above.
pub(super) fn renewal_tears(_error: &io::Error) -> bool {
    false
}

/// Nothing is ever locked here.
pub(super) fn is_locked(_error: &io::Error) -> bool {
    false
}

/// As above.
pub(super) const RELEASES_PARTS: bool = false;

/// Bytes of a page, for the arithmetic alone.
pub(crate) fn page_size() -> usize {
    65_536
}

/// Refuses.
pub(super) fn reserve(_len: usize) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Refuses.
pub(super) fn reserve_at(_start: usize, _len: usize) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Never called: nothing is ever reserved.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn release(_base: NonNull<u8>, _len: usize) {}

/// Never called: nothing is ever reserved.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn release_part(_base: NonNull<u8>, _len: usize) -> bool {
    false
}

/// Never called: nothing is ever reserved.
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

/// Refuses.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn open(_start: NonNull<u8>, _len: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Refuses.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn shut(_start: NonNull<u8>, _len: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Refuses.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn discard(_start: NonNull<u8>, _len: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Refuses.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn renew(_start: NonNull<u8>, _len: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Refuses.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn discard_locked(_start: NonNull<u8>, _len: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
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
