//! Pools of memories, tables and stacks that fit the address space of the target: the compiler checks that they do, the
//! program rechecks it at start, and then hands out slots of what the recheck reserved.
//!
//! A *slot* is what one owner has at a time: a memory, and a table and a stack if the pool has them. It is zero for each
//! new owner, with guards on both sides.
//!
//! # From nothing to a running pool
//!
//! After `cargo add poolcfg-runtime`:
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
//! 2. The attribute `#[pool_limits]` gives a constant these limits. The compiler refuses what does
//!    not fit the target.
//! 3. At start, [`recheck`](PoolLimits::recheck) reserves at least what the build guarantees, and as much more of what is
//!    asked for as this process has.
//! 4. A [`Pool`] hands out slots of what is reserved.
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
//! `cargo poolcfg` shows the same limits, and why they are what they are, without building anything.
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
//! A recheck that fails returns a [`RecheckError`]. It says how much the pool needs, how much there is, which limit is in
//! the way, what would fit, and what the operator can do. [`variables`] lists how an operator lowers limits without
//! rebuilding. [`probe()`] measures the process whatever the limits are.
//!
//! Every error and warning has a [`Code`], with which its message ends: `cargo poolcfg --explain CODE` says more.
//!
//! The Debug text of every error is its message, so that a `main` that returns the error shows the message. The message
//! has the cause, and `source()` does not repeat it.
//!
//! # Units
//!
//! - A number of bytes is a [`Size`] in limits, options, measurements and statistics. It may be more than this machine can
//!   address.
//! - It is a `usize` only where it counts memory that this process can access: in [`Region`], [`AcquireOptions::memory`],
//!   and their errors.
//! - The numbers of [`WasmtimeSettings`] and [`Tunables`] are those that Wasmtime's setters take.
//! - A number that counts bytes or something else, such as that of a [`Misfit`], is a `u64`.
//! - A number of slots or instances is a `u32`.

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
    Advisory, AdvisoryCondition, Arch, Aslr, Budget, Code, Counts, Engine, Footprint, Keep, Known,
    LargestFit, Limits, Mapping, MappingName, NoProfile, Os, Overflow, ProcessLimits,
    RelocationModel, SearchLayout, Shape, Size, SizeError, SizeText, StackLimit, Target, Text,
    UnlimitedStack, VaProfile, Wasmtime, WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion,
    WasmtimeVersionError,
};
#[cfg(feature = "macros")]
pub use poolcfg_macros::pool_limits;
pub use probe::basis::Basis;
pub use probe::{Probe, ProbeLimits, probe};
pub use recheck::limit::{RecheckLimit, Unit};
pub use recheck::misfit::{
    FittingPair, FittingPart, Misfit, OtherPoolFit, PairedSize, RecheckError,
};
pub use recheck::options::RecheckOptions;
pub use recheck::other_layout::OtherLayout;
pub use sys::{GrowError, Region, Reset, ShrinkError};

/// What the code of `#[pool_limits]` names; not for users.
#[doc(hidden)]
pub mod __private {
    pub use poolcfg_core::*;

    /// Makes the mappings of a pool alone, and gives them back: for the benchmark.
    #[must_use]
    pub fn reserve(limits: &Limits) -> bool {
        use crate::machine::{Machine, ThisMachine};
        let placer = crate::recheck::placer::Placer {
            machine: &ThisMachine,
            allowed: &crate::recheck::allowed_addresses::AllowedAddresses::ANY,
            heap: Size::ZERO,
            spare: false,
        };
        crate::recheck::slabs::Slabs::reserve(placer, limits, ThisMachine.page_size()).is_ok_and(
            |slabs| {
                slabs
                    .iter()
                    .for_each(crate::sys::OwnedMapping::keep_pages_small);
                true
            },
        )
    }

    // What /proc tells, for `poolcfg why`.
    pub use crate::machine::overcommit::left as commit_left;
    pub use crate::machine::proc;

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
