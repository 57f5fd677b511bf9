//! Whole pages. Their size is a power of two, which the compiler cannot know: what is done in each of a slot's
//! rounds masks instead of dividing.

use super::os;

/// The least whole pages that hold so many bytes; nothing above what a usize holds.
pub(super) fn whole(bytes: usize) -> Option<usize> {
    let within = os::page_size() - 1;
    Some(bytes.checked_add(within)? & !within)
}

/// The most whole pages that so many bytes hold.
pub(super) fn floor(bytes: usize) -> usize {
    bytes & !(os::page_size() - 1)
}

/// Whether a number of bytes is one of whole pages.
pub(super) fn is_whole(bytes: usize) -> bool {
    bytes & (os::page_size() - 1) == 0
}

/// The binary logarithm of their size.
pub(super) fn bits() -> u32 {
    os::page_size().trailing_zeros()
}

/// Bytes for which one page table has the entries, of eight bytes each.
pub(super) fn table_span() -> usize {
    let page = os::page_size();
    page.saturating_mul(page / 8)
}
