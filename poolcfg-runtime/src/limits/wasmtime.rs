//! Wasmtime: limits that are rechecked and then configure the program's own `wasmtime`, of any version from
//! 28 on and with whatever features. This crate does not depend on it: [`configure_wasmtime!`] names the
//! setters in the program's own code, where they are those of the program's own version.
//!
//! [`configure_wasmtime!`]: crate::configure_wasmtime

mod checked;
pub(crate) mod fallback;
mod held;
mod settings;

use poolcfg_core::{Counts, Limits, Promise};

pub use checked::Checked;
pub use held::Held;
pub use settings::{Tunables, WasmtimeSettings, must_be_named, native};

use crate::limits::accessors::accessors;
use crate::machine::ThisMachine;
use crate::recheck::misfit::RecheckError;
use crate::recheck::options::RecheckOptions;
use crate::recheck::{one_at_a_time, recheck};

/// What a build may pool with Wasmtime's pooling allocator: asked for, guaranteed, and least.
/// `#[pool_limits]` makes one from poolcfg.toml; [`recheck`](Self::recheck) asks the running process for it,
/// and [`configure_wasmtime!`](crate::configure_wasmtime) hands it to Wasmtime.
///
/// ```
/// use poolcfg_runtime::WasmtimeLimits;
///
/// fn report(limits: &WasmtimeLimits) {
///     let (asked, guaranteed) = (limits.asked(), limits.guaranteed());
///     println!("pool `{}` on {}, {:?}", limits.name(), limits.va_profile(), limits.shape());
///     println!("{} of {} are guaranteed", guaranteed.max_instances, asked.max_instances);
///     println!("{} are of use", limits.min_instances());
///     println!("planned with pages of {}, keeps {}", limits.page_size(), limits.keep());
///     println!("{} memories in all", limits.settings().total_memories);
///     println!("code for {} bytes of memory", limits.tunables().memory_reservation);
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WasmtimeLimits {
    promise: Promise<'static>,
}

accessors!(WasmtimeLimits);

/// What one instance of a pool of Wasmtime's may have.
const fn counts(limits: &Limits) -> Counts {
    match &limits.wasmtime {
        Some(wasmtime) => wasmtime.counts(),
        None => panic!("`WasmtimeLimits` without a Wasmtime version"),
    }
}

impl WasmtimeLimits {
    /// What is guaranteed, as Wasmtime's configuration takes it.
    #[must_use]
    pub const fn settings(&self) -> WasmtimeSettings {
        WasmtimeSettings::new(&self.promise.guaranteed)
    }

    /// What one instance may have: of so many instances are the guaranteed ones, and those that a recheck finds.
    ///
    /// ```
    /// # use poolcfg_runtime::WasmtimeLimits;
    /// fn told(limits: &WasmtimeLimits) -> String {
    ///     // Such as "42 instances, each of up to 5 core instances, 1 memory, 3 tables".
    ///     format!("{} instances, each of {}", limits.guaranteed().max_instances, limits.counts())
    /// }
    /// ```
    #[must_use]
    pub const fn counts(&self) -> Counts {
        counts(&self.promise.guaranteed)
    }

    /// What code that is compiled elsewhere has to be compiled with: it is refused where it is loaded when
    /// one of them differs.
    #[must_use]
    pub const fn tunables(&self) -> Tunables {
        self.settings().tunables()
    }

    /// Reserves the memory pool, the table pool and the stack pool together, in Wasmtime's order and each in
    /// one piece, as much as the build guarantees and as much more of what is asked for as fits this process;
    /// and gives them back, for Wasmtime to map. Where poolcfg.toml has several pools, make the engine under
    /// [`Checked::hold`], so that each of them finds its place.
    ///
    /// ```
    /// # use poolcfg_runtime::{Checked, RecheckError, WasmtimeLimits};
    /// # struct Engine;
    /// # impl Engine { fn new() -> Self { Self } }
    /// fn start(limits: &WasmtimeLimits) -> Result<(Engine, Checked), RecheckError> {
    ///     let checked = limits.recheck()?;
    ///     // ... configure_wasmtime!(checked => config, pooling) ...
    ///     let held = checked.hold();
    ///     let engine = Engine::new(); // Engine::new(&config)?
    ///     drop(held);
    ///     Ok((engine, checked)) // as long as the engine
    /// }
    /// ```
    ///
    /// The reservation of a memory stays as the build guarantees it, so that precompiled code can be loaded;
    /// what grows and shrinks is the number of instances. The variables of the environment
    /// ([`crate::variables`]) are read first.
    ///
    /// # Errors
    /// [`RecheckError::Misfit`] if not even the guarantee fits, with the limit in the way;
    /// [`RecheckError::Variable`] if a variable has an invalid value.
    pub fn recheck(&self) -> Result<Checked, RecheckError> {
        self.recheck_with(RecheckOptions::new())
    }

    /// Like [`recheck`](Self::recheck), as these options say:
    /// [`or_shrink`](RecheckOptions::or_shrink) goes below the guarantee if that does not fit.
    /// [`wide_addresses`](RecheckOptions::wide_addresses) has no effect, since Wasmtime maps its pool itself.
    ///
    /// ```
    /// # use poolcfg_runtime::{Checked, RecheckError, RecheckOptions, WasmtimeLimits};
    /// fn start(limits: &WasmtimeLimits) -> Result<Checked, RecheckError> {
    ///     limits.recheck_with(RecheckOptions::new().or_shrink(true))
    /// }
    /// ```
    ///
    /// # Errors
    /// As for [`recheck`](Self::recheck), if not even the minimum fits.
    pub fn recheck_with(&self, options: RecheckOptions) -> Result<Checked, RecheckError> {
        let _one = one_at_a_time();
        let options = options.wide_addresses(false);
        let taken = recheck(&ThisMachine, &self.promise, options)?;
        Ok(Checked::new(self.promise, &taken))
    }
}
