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
//!     slot.memory().grow_to(64 << 10)?; // faster: `Acquire::new().memory(64 << 10)`
//!     slot.memory().as_mut_slice()[..body.len()].copy_from_slice(body);
//!     Ok(slot.memory().size())
//! }
//! ```
//! A [`PoolLimits`] is made by `#[pool_limits]` from poolcfg.toml. What stands in the way of a recheck is
//! a [`RecheckError`], with what is needed, what there is, the limit, what would fit and what the
//! operator can do; [`variables`] lists how limits are lowered without building anew. [`probe()`] measures
//! the process as such.
//!
//! Where things are:
//! - `pool_limits`, `options`, `recheck`, `bounds`, `slabs`, `reach`: how much is taken, and where; `order`, `kept`: beside
//!   which pools that are still to come; `layout`, `misfit`: why not more; `spacious`: what would fit
//! - `wasmtime`: the same for Wasmtime, which maps for itself, and its configuration
//! - `reserved`, `pool`: what is had of it; `ledger`: what all pools of the process hold together
//! - `probe`, `basis`: what this machine has, and what of it every process has
//! - `machine`, `proc`, `cgroup`, `swap`, `overcommit`, `elf`, `sys`: the system below, behind a trait; all unsafe code is in `sys`

mod basis;
mod bounds;
mod cgroup;
mod elf;
mod kept;
mod layout;
mod ledger;
mod machine;
mod misfit;
mod options;
mod order;
mod overcommit;
mod pool;
mod pool_limits;
mod probe;
mod proc;
mod promised;
mod reach;
mod recheck;
mod reserved;
mod slabs;
mod spacious;
mod swap;
mod sys;
pub mod variables;
mod wasmtime;

pub use basis::Basis;
pub use misfit::{Misfit, OtherLayout, RecheckError, RecheckLimit, Unit};
pub use options::RecheckOptions;
pub use pool::{Acquire, AcquireError, Exhausted, Pool, PoolError, PoolOptions, Slot, Statistics};
pub use pool_limits::PoolLimits;
pub use poolcfg_core::{
    Budget, Counts, Keep, LargestFit, Limits, MappingName, RelocationModel, Shape, Size,
    UnlimitedStack, VaProfile, WasmtimeVersion,
};
#[cfg(feature = "macros")]
pub use poolcfg_macros::pool_limits;
pub use probe::{Probe, ProbeLimits, probe};
pub use reserved::{Reserved, Warning};
pub use sys::{GrowError, Region, Reset, ShrinkError};
pub use wasmtime::{Checked, Held, Tunables, WasmtimeLimits, WasmtimeSettings};

/// What the code of `#[pool_limits]` names; not for users.
#[doc(hidden)]
pub mod __private {
    pub use poolcfg_core::*;

    /// Makes the mappings of a pool alone, and gives them back: for the benchmark.
    #[must_use]
    pub fn reserve(limits: &Limits) -> bool {
        use crate::machine::{Here, Machine};
        let placer = crate::slabs::Placer {
            machine: &Here,
            reach: &crate::reach::Reach::ANY,
            heap: Size::ZERO,
            spare: false,
        };
        crate::slabs::Slabs::reserve(placer, limits, Here.page_size()).is_ok_and(|slabs| {
            slabs.iter().for_each(crate::sys::Mapping::keep_pages_small);
            true
        })
    }

    pub use crate::wasmtime::fallback::{ConfigFallback, PoolingFallback};
    pub use crate::wasmtime::{must_be_named, native};

    /// What a file names that `cargo poolcfg` generates, and nothing else.
    pub mod prelude {
        pub use poolcfg_core::{
            Aslr, Keep, ProcessLimits, RelocationModel, SearchLayout, Shape, Size, StackLimit,
            WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion, Written, WrittenEngine,
            WrittenPool,
        };
    }
}
