//! Options: what a pool does beyond what its limits say.

use poolcfg_core::Size;

use crate::sys::Reset;

/// What a pool keeps, and how it clears slots.
///
/// ```
/// use poolcfg_runtime::{PoolOptions, Reset, Size};
///
/// const OPTIONS: PoolOptions = PoolOptions::new()
///     .keep_resident(Size::mib(1))
///     .warm_slots(20)
///     .decommit_batch(4);
/// // For small memories of owners on a few threads, who check every access themselves.
/// const SMALL: PoolOptions = OPTIONS.reset(Reset::Zero).shards(2).owner_checks_bounds(true);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolOptions {
    pub(super) reset: Option<Reset>,
    pub(super) keep_resident: Size,
    pub(super) warm_slots: u32,
    pub(super) decommit_batch: u32,
    pub(super) shards: Option<u32>,
    pub(super) owner_checks_bounds: bool,
    pub(super) clear_stacks: bool,
}

impl PoolOptions {
    /// The defaults, as the methods below name them.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            reset: None,
            keep_resident: Size::kib(256),
            warm_slots: 100,
            decommit_batch: 16,
            shards: None,
            owner_checks_bounds: false,
            clear_stacks: true,
        }
    }

    /// How released slots are cleared. If it does not work here, no pool is made.
    ///
    /// By default [`Reset::PagemapScan`] where it works, which is tried on a real slot when the pool is made,
    /// and [`Reset::Discard`] elsewhere.
    #[must_use]
    pub const fn reset(mut self, reset: Reset) -> Self {
        self.reset = Some(reset);
        self
    }

    /// Bytes of each memory, table and stack whose pages are zeroed and kept when the slot is released; the
    /// system gets those beyond. With none kept, every [`Reset`] is [`Reset::Discard`].
    ///
    /// 256 KiB by default. Zeroing a page costs less than a fault on a new one; a good value is what
    /// a typical owner touches, and each warm slot holds up to that much. Pages that eight owners in a row have not
    /// written to are given back all the same, and so is what is touched beyond the first 8192 pages (32 MiB).
    #[must_use]
    pub const fn keep_resident(mut self, bytes: Size) -> Self {
        self.keep_resident = bytes;
        self
    }

    /// How many idle slots may stay warm: accessible as far as their last owners had them, with the pages
    /// that were kept. More are closed, in the order in which they were released.
    ///
    /// When no release is in progress, at most `warm_slots + decommit_batch - 1` slots are warm, however many
    /// threads released them. With 0 slots none is: each slot is closed when it is released, and
    /// [`decommit_batch`](Self::decommit_batch) has no effect.
    ///
    /// 100 by default, as Wasmtime's `max_unused_warm_slots` (crates/wasmtime/src/config.rs, 48).
    #[must_use]
    pub const fn warm_slots(mut self, slots: u32) -> Self {
        self.warm_slots = slots;
        self
    }

    /// How many slots are closed in one go, once there are that many more warm ones than
    /// [`warm_slots`](Self::warm_slots). 16 by default, at least 1.
    ///
    /// The thread that releases a slot closes them, one after the other and not more than a batch. A slot is held
    /// back from other owners only while it is being closed itself. Threads that release at the same time may
    /// close one slot too many each, and so may each shard.
    #[must_use]
    pub const fn decommit_batch(mut self, slots: u32) -> Self {
        self.decommit_batch = slots;
        self
    }

    /// Into how many free lists threads are divided: a power of two from 1 to 16, to which it is rounded up.
    /// By default as many as threads run at once.
    #[must_use]
    pub const fn shards(mut self, shards: u32) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Whether stacks are cleared when a slot is released. With `false` a release is cheaper, and the next owner of a
    /// stack **may see everything that earlier owners have left on it**: return addresses, pointers and secrets of
    /// whatever code ran there. So it is for owners that trust each other, or that never let code read below what it
    /// has written itself, as compiled code does that Wasmtime checks.
    ///
    /// Memories and tables are cleared all the same. A stack is zero again after its slot was closed, and after
    /// [`mapped_over`](crate::Region::mapped_over). [`resident`](crate::Statistics::resident) counts an idle stack that
    /// was not cleared whole, however large [`keep_resident`](Self::keep_resident) is.
    ///
    /// `true` by default.
    ///
    /// ```
    /// # use poolcfg_runtime::{Pool, PoolError, PoolOptions, Reserved};
    /// fn pool(reserved: Reserved) -> Result<Pool, PoolError> {
    ///     Pool::with_options(reserved, PoolOptions::new().clear_stacks(false))
    /// }
    /// ```
    #[must_use]
    pub const fn clear_stacks(mut self, clear: bool) -> Self {
        self.clear_stacks = clear;
        self
    }

    /// Declares that owners check every access to a memory themselves. What is beyond a memory's size may
    /// then stay accessible, within its own slot, and no page is closed for a smaller owner. It is zero for
    /// each owner all the same, as long as none writes beyond the largest size that it has had: only that much is
    /// cleared, so that a small owner's release costs no more after a large one's.
    ///
    /// Not by default: beyond its size, no byte of a memory is ever accessible.
    #[must_use]
    pub const fn owner_checks_bounds(mut self, checks: bool) -> Self {
        self.owner_checks_bounds = checks;
        self
    }
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self::new()
    }
}
