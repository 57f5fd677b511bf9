//! The layout of regions: where in a mapping the regions lie.

use poolcfg_core::Size;

/// Where the regions of a slab lie: a guard, or none, then a region every `stride` bytes, whose rest is guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegionLayout {
    /// Before the first region.
    pub(crate) before: Size,
    /// Between two regions, at least.
    pub(crate) guard: Size,
    /// From one region to the next.
    pub(crate) stride: Size,
    /// How much of a region may ever be opened, as far as a slice can have so much.
    pub(crate) max: Size,
}

/// Where in its mapping a region lies, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RegionPlace {
    pub(super) offset: usize,
    pub(super) capacity: usize,
    pub(super) guard_before: usize,
    pub(super) guard_after: usize,
}
