//! Systems that do not tell which pages have been written.

use std::io;
use std::ptr::NonNull;

/// What has been zeroed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zeroed {
    /// Bytes of the pages that were zeroed.
    pub(super) kept: usize,
    /// Up to where everything is zero.
    pub(super) upto: usize,
}

/// Refuses.
///
/// # Safety
/// None is needed.
pub(super) unsafe fn zero_written(
    _start: NonNull<u8>,
    _len: usize,
    _keep: usize,
) -> io::Result<Zeroed> {
    Err(io::ErrorKind::Unsupported.into())
}
