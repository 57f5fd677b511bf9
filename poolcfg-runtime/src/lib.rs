//! What a program links: its limits, rechecked at start, and a pool in the very mappings that the
//! recheck reserved.
//!
//! ```
//! use poolcfg_runtime::{Pool, PoolLimits};
//!
//! fn start(limits: &PoolLimits) -> Result<Pool, Box<dyn std::error::Error>> {
//!     let reserved = limits.recheck()?; // at least what is guaranteed, up to what is asked
//!     println!("{} instances", reserved.instances());
//!     Ok(Pool::new(reserved)?) // the very mappings that the recheck made
//! }
//!
//! fn serve(pool: &Pool, body: &[u8]) -> Result<usize, Box<dyn std::error::Error>> {
//!     let mut slot = pool.acquire()?; // zeroed memory, guarded on both sides
//!     slot.memory_mut().grow_to(64 << 10)?; // faster: `AcquireOptions::new().memory(64 << 10)`
//!     slot.memory_mut().as_mut_slice()[..body.len()].copy_from_slice(body);
//!     Ok(slot.memory().len())
//! }
//! ```
//! A [`PoolLimits`] is made by `#[pool_limits]` from poolcfg.toml. What stands in the way of a recheck is
//! a [`RecheckError`], with what is needed, what there is, the limit, what would fit and what the
//! operator can do; [`variables`] lists how limits are lowered without building anew. [`probe()`] measures
//! the process as such.

mod error;
mod limits;
mod machine;
mod pool;
mod probe;
mod recheck;
mod sys;
pub mod variables;

pub use limits::pool_limits::PoolLimits;
pub use limits::wasmtime::{Checked, Held, Tunables, WasmtimeLimits, WasmtimeSettings};
pub use pool::reserved::{Reserved, Warning};
pub use pool::{
    AcquireError, AcquireOptions, Exhausted, Pool, PoolError, PoolOptions, Slot, SlotParts,
    Statistics,
};
pub use poolcfg_core::{
    Advisory, Arch, Aslr, Budget, Condition, Counts, Distribution, InstanceDefaults, Keep, Known,
    LargestFit, Layout, Limits, LinuxLayout, MappingName, Os, OwnProfile, ProcessLimits,
    RelocationModel, SearchLayout, Shape, Size, SizeError, SizeText, Span, StackLimit, Totals,
    UnlimitedStack, VaProfile, Wasmtime, WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion,
    WasmtimeVersionError,
};
#[cfg(feature = "macros")]
pub use poolcfg_macros::pool_limits;
pub use probe::basis::Basis;
pub use probe::{Probe, ProbeLimits, probe};
pub use recheck::misfit::{Misfit, OtherLayout, RecheckError, RecheckLimit, Unit};
pub use recheck::options::RecheckOptions;
pub use sys::{GrowError, Region, Reset, ShrinkError};

/// What the code of `#[pool_limits]` names; not for users.
#[doc(hidden)]
pub mod __private {
    pub use poolcfg_core::*;

    /// Makes the mappings of a pool alone, and gives them back: for the benchmark.
    #[must_use]
    pub fn reserve(limits: &Limits) -> bool {
        use crate::machine::{Here, Machine};
        let placer = crate::recheck::slabs::Placer {
            machine: &Here,
            reach: &crate::recheck::reach::Reach::ANY,
            heap: Size::ZERO,
            spare: false,
        };
        crate::recheck::slabs::Slabs::reserve(placer, limits, Here.page_size()).is_ok_and(|slabs| {
            slabs.iter().for_each(crate::sys::Mapping::keep_pages_small);
            true
        })
    }

    pub use crate::limits::wasmtime::fallback::{ConfigFallback, PoolingFallback};
    pub use crate::limits::wasmtime::{must_be_named, native};

    /// What a file names that `cargo poolcfg` generates, and nothing else.
    pub mod prelude {
        pub use poolcfg_core::{
            Aslr, Keep, ProcessLimits, RelocationModel, SearchLayout, Shape, Size, StackLimit,
            WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion, Written, WrittenEngine,
            WrittenPool,
        };
    }
}
