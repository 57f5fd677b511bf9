//! Statistics: what a pool holds.

use poolcfg_core::Size;

/// What a pool holds at one moment.
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
    /// Bytes of zeroed pages that idle slots hold.
    pub resident: Size,
    /// Slots that are out of service because the system did not clear them.
    pub retired: u32,
    /// Owners that wait for a slot.
    pub waiting: u32,
}
