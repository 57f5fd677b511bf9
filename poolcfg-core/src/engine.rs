//! Engines: whose pools they are, their numbers, and what these make them map.

pub(crate) mod footprint;
pub(crate) mod limits;
pub(crate) mod wasmtime;
pub(crate) mod wasmtime_limits;

/// The engine that makes the pool.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Engine, Limits};
/// fn is_made_by_wasmtime(limits: &Limits) -> bool {
///     limits.engine() == Engine::Wasmtime
/// }
/// assert_eq!(Engine::Native.to_string(), "native");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// poolcfg-runtime's own pool.
    Native,
    /// Wasmtime's pooling allocator.
    Wasmtime,
}

impl Engine {
    /// Equality for const code.
    #[doc(hidden)]
    #[must_use]
    pub const fn is(self, other: Self) -> bool {
        self as u8 == other as u8
    }
}

crate::base::consts::words! {
    Engine { Native = "native", Wasmtime = "wasmtime" }
}
