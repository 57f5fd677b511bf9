//! The largest piece: how much of the address space a host can reserve at once.

use poolcfg_core::Size;

/// The largest mapping that a process may make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LargestPiece {
    pub(crate) bytes: Size,
    /// The limit that keeps it from a larger one; `None` if the holes do.
    pub(crate) rlimit_as: Option<Size>,
}
