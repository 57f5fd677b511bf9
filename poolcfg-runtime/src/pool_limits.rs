//! The limit type of the native pool: one promise of the build, and the questions asked of it.

use std::sync::{Mutex, PoisonError};

use poolcfg_core::{Keep, Limits, Promise, Shape, Size};

use crate::machine::Here;
use crate::misfit::RecheckError;
use crate::recheck::{Least, recheck};
use crate::reserved::Reserved;

/// One recheck at a time: what one has measured, another would take.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

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

    /// Reserves what the build guarantees, and as much more of what is asked as this process gives.
    ///
    /// The variables of the environment ([`crate::variables`]) are read first.
    ///
    /// # Errors
    /// [`RecheckError::Misfit`] when not even the guarantee is there, with the limit in the way;
    /// [`RecheckError::Variable`] when a variable says something that cannot be. Nothing stays reserved.
    pub fn recheck(&self) -> Result<Reserved, RecheckError> {
        self.reserve(Least::Guaranteed)
    }

    /// Like [`recheck`](Self::recheck), and where the guarantee is not there, down to
    /// [`min_instances`](Self::min_instances); where the instances are kept, to smaller reservations.
    ///
    /// # Errors
    /// As for [`recheck`](Self::recheck), when not even the least is there.
    pub fn recheck_or_shrink(&self) -> Result<Reserved, RecheckError> {
        self.reserve(Least::Min)
    }

    fn reserve(&self, least: Least) -> Result<Reserved, RecheckError> {
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = recheck(&Here, &self.promise, least)?;
        Ok(Reserved::new(self.promise, taken))
    }
}
