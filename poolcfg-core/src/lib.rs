//! **Internal to poolcfg.** This crate is published so that `cargo-poolcfg`, `poolcfg-macros` and `poolcfg-runtime`
//! can share it, each in exactly the same version. It makes no promise of its own: anything may change in any
//! release. Depend on [`poolcfg-runtime`](https://docs.rs/poolcfg-runtime), which re-exports what its API names. What is
//! public there for other crates of poolcfg only is `#[doc(hidden)]`.
//!
//! The model behind poolcfg: how much address space a target guarantees to a process, and which pools
//! fit it.
//!
//! Everything is const, `no_std` and without dependencies, and computes for the target that is
//! *described*, so the command, the compiler and the running program get the same answer from the
//! same code:
//!
//! [`Settings`] (what poolcfg.toml says) + [`Target`] → [`ResolvedProcess`] (profile, shape, [`Budget`], pools) →
//! [`Plan`] (what is guaranteed, or the [`PlanMisfit`]).
//!
//! The feature `file` adds `file` and `codegen`: poolcfg.toml, and the Rust code that is written
//! from it; `generated` adds the file that the command generates. They take `std` and a few
//! dependencies, and are for the command and the macro alone.
#![cfg_attr(not(feature = "file"), no_std)]
#![forbid(unsafe_code)]

mod base;
#[cfg(feature = "file")]
pub mod codegen;
mod engine;
mod fault;
#[cfg(feature = "file")]
pub mod file;
mod model;
mod plan;
mod resolved;
mod setting;
mod target;

pub use base::bisection::Bisection;
pub use base::code::Code;
pub use base::escape::{Escaped, escaped, escaped_lines, is_escaped};
pub use base::raise::Raise;
pub use base::size::{GRAIN, Size};
pub use base::size_read::SizeError;
pub use base::size_shown::SizeText;
pub use base::text::Text;
pub use base::variable::Variable;
pub use engine::Engine;
pub use engine::footprint::{Footprint, Mapping, MappingName, Overflow};
pub use engine::limits::Limits;
pub use engine::wasmtime::{
    Advisory, AdvisoryCondition, Counts, InstanceDefaults, Totals, Wasmtime, WasmtimeFeature,
    WasmtimeFeatures, WasmtimeVersion, WasmtimeVersionError, WrittenTotals,
};
pub use fault::{Fault, Faults, and_more};
pub use model::fit::{MAX_POOLS, Mappings, Verdict, demand, find_places, fit};
pub use model::group::{Group, KINDS};
pub use model::limit::Limit;
pub use model::pieces::{Memories, PIECES, further_pieces};
pub use model::place::{Placement, place};
pub use model::room::{HOLES, Hole, Room, Spread, Three};
pub use model::slab::{SlotLayout, Slots, slabs};
pub use model::sum::{Bound, Demand, Exceeded, bookkeeping};
pub use model::wasmtime_pools::{Pooling, pooling};
pub use plan::Plan;
pub use plan::misfit::PlanMisfit;
pub use plan::position::{Position, ReservedByHole};
pub use plan::promise::{PlannedSettings, ProcessPromise, Promise};
pub use plan::search::LargestFit;
pub use plan::warning::PlanWarning;
pub use plan::ways::{Fit, Way};
pub use plan::written::{Written, WrittenEngine, WrittenPool};
pub use resolved::{LeastTotal, ResolvedPool, ResolvedProcess};
pub use setting::{
    AddressSpaceKeys, FilePlace, Keep, Key, MAX_PROFILES, OnMisfit, PoolKeys, ProfileKeys,
    ProtectionKeys, Setting, Settings, Switch, WasmtimeKeys,
};
pub use target::budget::{Budget, HEADROOM_MAPS};
pub use target::holes::Span;
pub use target::pies::Pies;
pub use target::process::{
    LEAST_ADDRESS_SPACE, LEAST_DATA, LEAST_HEADROOM, MAX_MAP_COUNT, ProcessLimits,
};
pub use target::profile::{
    Distribution, Known, LINUX_CHECKED, Layout, LinuxLayout, NoProfile, OwnProfile, UnlimitedStack,
    VaProfile,
};
pub use target::shape::{Aslr, RelocationModel, SearchLayout, Shape, StackLimit};
pub use target::{Arch, Os, Target};
