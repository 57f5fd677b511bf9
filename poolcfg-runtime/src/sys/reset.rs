//! Resets: the ways in which what one owner has written becomes zero for the next.

use std::fmt;

/// How the pages of a released memory, table or stack become zero.
///
/// Each way gives the pages beyond the pool's `keep_resident` back to the system; they differ in how those
/// within are made zero.
///
/// ```
/// use poolcfg_runtime::{Pool, PoolError, PoolOptions, Reserved, Reset};
/// /// A pool that keeps no page of an owner.
/// fn pool(reserved: Reserved) -> Result<Pool, PoolError> {
///     Pool::with_options(reserved, PoolOptions::new().reset(Reset::Discard))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reset {
    /// Asks the system which pages hold something, and zeroes those: the cost is that of what was touched.
    /// Linux 6.7 and later (`PAGEMAP_SCAN`). Where no more than 64 KiB are open, or one page, all of them are
    /// zeroed, which takes half as long as to ask.
    PagemapScan,
    /// Zeroes the first `keep_resident` bytes, whether they were touched or not: for small memories that
    /// are used whole.
    Zero,
    /// Keeps nothing: every page goes back to the system and is a new one for the next owner.
    /// `MADV_DONTNEED` on Linux, new pages mapped over the old ones on other Unix, `MEM_DECOMMIT` on
    /// Windows.
    Discard,
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PagemapScan => "pagemap scan",
            Self::Zero => "zero",
            Self::Discard => "discard",
        })
    }
}
