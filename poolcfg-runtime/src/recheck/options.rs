//! Options: how a recheck goes about it.

/// How [`recheck_with`](crate::PoolLimits::recheck_with) reserves a pool.
///
/// ```
/// use poolcfg_runtime::{PoolLimits, RecheckError, RecheckOptions, Reserved};
///
/// fn start(limits: &PoolLimits) -> Result<Reserved, RecheckError> {
///     limits.recheck_with(RecheckOptions::new().or_shrink(true).wide_addresses(true))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RecheckOptions {
    /// Whether `min_instances` are enough.
    pub(crate) shrink: bool,
    /// Whether slots may lie above the window.
    pub(crate) wide: bool,
}

impl RecheckOptions {
    /// What [`recheck`](crate::PoolLimits::recheck) does.
    ///
    /// ```
    /// use poolcfg_runtime::{PoolLimits, RecheckError, RecheckOptions, Reserved};
    /// fn reserve(limits: &PoolLimits) -> Result<Reserved, RecheckError> {
    ///     limits.recheck_with(RecheckOptions::new()) // as `recheck`
    /// }
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self {
            shrink: false,
            wide: false,
        }
    }

    /// Whether to accept as few as [`min_instances`](crate::PoolLimits::min_instances) if the guarantee does not
    /// fit, or, if the number of instances is kept, smaller reservations.
    ///
    /// ```
    /// use poolcfg_runtime::RecheckOptions;
    /// let options = RecheckOptions::new().or_shrink(true);
    /// ```
    #[must_use]
    pub const fn or_shrink(mut self, or_shrink: bool) -> Self {
        self.shrink = or_shrink;
        self
    }

    /// Whether slots may lie above the end of the window, which is 2^47 on most 64-bit machines: where
    /// processor and kernel have larger address spaces (five-level page tables on x86_64, sv57, 52 bits on
    /// aarch64), and only for what is asked beyond the guarantee.
    ///
    /// Without it no slot ever has such an address, since many programs keep flags in the upper bits of
    /// pointers.
    ///
    /// ```
    /// use poolcfg_runtime::RecheckOptions;
    /// let options = RecheckOptions::new().wide_addresses(true);
    /// ```
    #[must_use]
    pub const fn wide_addresses(mut self, wide: bool) -> Self {
        self.wide = wide;
        self
    }
}
