//! Statistics: what a pool holds.

use poolcfg_core::Size;

/// What a pool holds at one moment.
///
/// ```
/// use poolcfg_runtime::{Pool, Size};
///
/// /// Gives back what idle slots hold, if that is much.
/// fn tidy(pool: &Pool) {
///     let now = pool.statistics();
///     if now.live < now.most_live && now.resident > Size::gib(1) {
///         pool.close_idle();
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Slots that are taken.
    pub live: u32,
    /// The most that were taken at once. Each shard beyond the first may make it one too high, so that
    /// threads need not count together.
    pub most_live: u32,
    /// Idle slots that are accessible as far as their last owners had them.
    pub warm: u32,
    /// Bytes of zeroed pages that idle slots hold, at most `keep_resident` for each memory, table and stack.
    ///
    /// Never less than what is in memory, as mincore(2) counts it, with pages that were only read and show the
    /// page of zeros that all share; unless the process locks all of its memory (`mlockall`) while slots are idle. What
    /// that fetches goes back when they are closed.
    pub resident: Size,
    /// Bytes of page tables that slots may have, at most, without what the owners of those that are taken have
    /// added.
    ///
    /// It follows from how far owners could touch a slot since it was last closed, by reads too: 4 KiB for each
    /// 2 MiB, and as much for each GiB and each 512 GiB (with pages of 4 KiB and entries of 8 bytes). Tables that
    /// slots share are counted for each of them, so most pools have fewer. A slot that is closed has those at
    /// its edges.
    pub page_tables: Size,
    /// Slots that are out of service because the system did not clear them. They are never handed out again.
    pub retired: u32,
    /// Owners that wait for a slot.
    pub waiting: u32,
}
