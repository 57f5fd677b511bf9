//! Systems that do not tell which pages have been written.

use std::io;
use std::ptr::NonNull;

use super::left::Cleared;

/// Refuses.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn zero_written(
    _start: NonNull<u8>,
    _len: usize,
    _keep: Option<usize>,
) -> io::Result<Cleared> {
    Err(io::ErrorKind::Unsupported.into())
}
