//! What a program links: its limits, rechecked at start, and a pool in the very mappings that the
//! recheck reserved.
//!
//! # From nothing to a running pool
//!
//! 1. poolcfg.toml, beside Cargo.toml, says what the program wants:
//!
//! ```toml
//! [pooling_allocator]
//! max_instances = 1000
//! memory_reservation = "4GiB"
//! max_memory_size = "64MiB"
//! on_misfit = "shrink" # fewer instances where the target has less room
//! ```
//! 2. The attribute `#[pool_limits]` makes limits of it, and the compiler checks that they fit the target.
//! 3. The start reserves at least what is guaranteed, and as much more of what is asked as there is.
//! 4. The pool hands out slots.
//!
//! ```no_run
//! use poolcfg_runtime::{AcquireOptions, Pool, PoolLimits, pool_limits};
//!
//! /// What this build may pool, from poolcfg.toml.
//! # #[cfg(any())] // This package has no poolcfg.toml.
//! #[pool_limits]
//! pub const POOL: PoolLimits;
//! # static POOL: std::sync::LazyLock<PoolLimits> = std::sync::LazyLock::new(|| unimplemented!());
//!
//! fn start() -> Result<Pool, Box<dyn std::error::Error>> {
//!     let reserved = POOL.recheck()?; // at least what is guaranteed, up to what is asked
//!     println!("{} instances", reserved.instances());
//!     for warning in reserved.warnings() {
//!         eprintln!("warning: {warning}");
//!     }
//!     Ok(Pool::new(reserved)?) // in the very mappings that the recheck made
//! }
//!
//! fn serve(pool: &Pool, body: &[u8]) -> Result<usize, Box<dyn std::error::Error>> {
//!     // Zeroed memory, guarded on both sides.
//!     let mut slot = pool.acquire_with(AcquireOptions::new().memory(64 << 10))?;
//!     slot.memory_mut().as_mut_slice()[..body.len()].copy_from_slice(body);
//!     Ok(slot.memory().len())
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let pool = start()?; // a misfit ends with "start with `POOLCFG_MAX_INSTANCES=15`, or ..."
//!     serve(&pool, b"hello")?;
//!     Ok(())
//! }
//! ```
//! [`Pool::acquire_with`] may wait for a slot, and [`Pool::acquire_async`] waits as a future, in the same queue.
//!
//! # Wasmtime
//!
//! With `engine = "wasmtime"` in poolcfg.toml the limits are [`WasmtimeLimits`]. They configure the program's own
//! `wasmtime`, on which this crate does not depend:
//!
//! ```ignore
//! use poolcfg_runtime::{WasmtimeLimits, configure_wasmtime, pool_limits};
//!
//! #[pool_limits]
//! pub const POOL: WasmtimeLimits;
//!
//! let checked = POOL.recheck()?;
//! let mut config = wasmtime::Config::new();
//! let mut pooling = wasmtime::PoolingAllocationConfig::default();
//! configure_wasmtime!(checked => config, pooling);
//! config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pooling));
//! let held = checked.hold(); // the places of the file's other pools, while the engine maps its own
//! let engine = wasmtime::Engine::new(&config)?;
//! drop(held); // `checked` lives as long as the engine
//! ```
//!
//! # When something is in the way
//!
//! What stands in the way of a recheck is a [`RecheckError`], with what is needed, what there is, the limit, what
//! would fit and what the operator can do. Debug of every error reads as its message, so that a `main` that returns it
//! shows it; the message has the cause, and `source()` does not repeat it. [`variables`] lists how limits are lowered
//! without rebuilding. [`probe()`] measures the process as such.
//!
//! # Units
//!
//! Bytes are [`Size`] in limits, plans, options and statistics, also where they are more than this machine can
//! address. They are `usize` only where they count memory of this process that is there: [`Region`] and
//! [`AcquireOptions::memory`]. The numbers of [`WasmtimeSettings`] and [`Tunables`] are those that Wasmtime's setters
//! take, and a number that may count something else than bytes, as in [`Misfit`], is a `u64`.

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
    AcquireError, AcquireOptions, Acquiring, Exhausted, Pool, PoolError, PoolOptions, Slot,
    SlotParts, Statistics,
};
pub use poolcfg_core::{
    Advisory, Arch, Aslr, Budget, Code, Condition, Counts, Engine, Footprint, Keep, Known,
    LargestFit, Limits, Mapping, MappingName, NoProfile, Os, Overflow, ProcessLimits,
    RelocationModel, SearchLayout, Shape, Size, SizeError, SizeText, StackLimit, Target, Text,
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
