//! The limit type of the native pool: one promise of the build, and the questions asked of it.

use poolcfg_core::Promise;

use crate::limits::accessors::accessors;
use crate::machine::ThisMachine;
use crate::pool::reserved::Reserved;
use crate::recheck::misfit::RecheckError;
use crate::recheck::options::RecheckOptions;
use crate::recheck::{one_at_a_time, recheck};

/// What a build may pool: asked for, guaranteed, and least. `#[pool_limits]` makes one from
/// poolcfg.toml; [`recheck`](Self::recheck) asks the running process for it.
///
/// ```
/// use poolcfg_runtime::PoolLimits;
///
/// fn report(limits: &PoolLimits) {
///     let (asked, guaranteed) = (limits.asked(), limits.guaranteed());
///     println!("pool `{}` on {}, {:?}", limits.name(), limits.va_profile(), limits.shape());
///     println!("{} of {} are guaranteed", guaranteed.max_instances, asked.max_instances);
///     println!("{} are of use", limits.min_instances());
///     println!("planned with pages of {}, keeps {}", limits.page_size(), limits.keep());
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    promise: Promise<'static>,
}

accessors!(PoolLimits);

impl PoolLimits {
    /// Reserves what the build guarantees, and as much more of what is asked for as fits this process.
    ///
    /// The pools of one poolcfg.toml may start in any order, and the process may map as much as its headroom has
    /// between two starts, or on Linux on other threads meanwhile. The memories lie in one piece where a hole is large
    /// enough, and otherwise in pieces of whole slots, the largest first. The variables of the environment
    /// ([`crate::variables`]) are read first.
    ///
    /// ```
    /// # use poolcfg_runtime::{Pool, PoolLimits};
    /// fn start(limits: &PoolLimits) -> Result<Pool, Box<dyn std::error::Error>> {
    ///     Ok(Pool::new(limits.recheck()?)?)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`RecheckError::Misfit`] if not even the guarantee fits, with the limit in the way;
    /// [`RecheckError::Variable`] if a variable has an invalid value. Nothing stays reserved.
    pub fn recheck(&self) -> Result<Reserved, RecheckError> {
        self.recheck_with(RecheckOptions::new())
    }

    /// Like [`recheck`](Self::recheck), as these options say:
    /// [`or_shrink`](RecheckOptions::or_shrink) goes below the guarantee if that does not fit.
    ///
    /// ```
    /// # use poolcfg_runtime::{PoolLimits, RecheckError, RecheckOptions, Reserved};
    /// fn start(limits: &PoolLimits) -> Result<Reserved, RecheckError> {
    ///     limits.recheck_with(RecheckOptions::new().or_shrink(true))
    /// }
    /// ```
    ///
    /// # Errors
    /// As for [`recheck`](Self::recheck), if not even the minimum fits.
    pub fn recheck_with(&self, options: RecheckOptions) -> Result<Reserved, RecheckError> {
        let _one = one_at_a_time();
        let taken = recheck(&ThisMachine, &self.promise, options)?;
        Ok(Reserved::new(self.promise, taken))
    }
}
