//! The limit type of the native pool: one promise of the build, and the questions asked of it.

use poolcfg_core::{Keep, Limits, Promise, Shape, Size};

/// What a build may pool: asked for, guaranteed, and least. `#[pool_limits]` makes one from
/// poolcfg.toml; [`recheck`](Self::recheck) asks the running process for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    promise: Promise<'static>,
}

impl PoolLimits {
    /// The limits of a promise; for generated code.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(promise: Promise<'static>) -> Self {
        Self { promise }
    }

    /// The pool's name; empty when the file names none.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.promise.name
    }

    /// What is asked.
    #[must_use]
    pub const fn asked(&self) -> Limits {
        self.promise.asked
    }

    /// What the build guarantees of it.
    #[must_use]
    pub const fn guaranteed(&self) -> Limits {
        self.promise.guaranteed
    }

    /// The fewest instances that are of use.
    #[must_use]
    pub const fn min_instances(&self) -> u32 {
        self.promise.min_instances
    }

    /// Which number stays when the pool shrinks.
    #[must_use]
    pub const fn keep(&self) -> Keep {
        self.promise.keep
    }

    /// The page size that the guarantee was computed for.
    #[must_use]
    pub const fn page_size(&self) -> Size {
        self.promise.page_size
    }

    /// The VA profile that the guarantee was computed for.
    #[must_use]
    pub const fn va_profile(&self) -> &'static str {
        self.promise.va_profile
    }

    /// The process shape that the guarantee was computed for.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.promise.shape
    }
}
