//! The model behind poolcfg: how much address space a target guarantees to a process, and which pools
//! fit it.
//!
//! Everything is const, `no_std` and without dependencies, and computes for the target that is
//! *described*, so the command, the compiler and the running program get the same answer from the
//! same code:
//!
//! [`Settings`] (what poolcfg.toml says) + [`Target`] → [`Case`] (profile, shape, [`Budget`], pools) →
//! [`Plan`] (what is guaranteed, or the [`Misfit`]).
//!
//! The feature `file` adds `file` and `codegen`: poolcfg.toml, and the Rust code that is written
//! from it; `generated` adds the file that the command generates. They take `std` and a few
//! dependencies, and are for the command and the macro alone.
#![cfg_attr(not(feature = "file"), no_std)]
#![forbid(unsafe_code)]

mod budget;
mod case;
mod code;
#[cfg(feature = "file")]
pub mod codegen;
mod escape;
mod fault;
#[cfg(feature = "file")]
pub mod file;
mod fit;
mod holes;
mod limits;
mod misfit;
mod pieces;
mod place;
mod plan;
mod position;
mod process;
mod profile;
mod promise;
mod reason;
mod refusal;
mod room;
mod setting;
mod shape;
mod size;
mod slab;
mod sum;
mod target;
mod text;
mod warning;
mod wasmtime;
mod wasmtime_pools;
mod written;

pub use budget::{Budget, HEADROOM_MAPS};
pub use case::{Case, Pool};
pub use code::Code;
pub use escape::{Escaped, escaped, escaped_lines, is_escaped};
pub use fault::{Fault, Faults};
pub use fit::{MAX_POOLS, Mappings, Verdict, demand, find_places, fit};
pub use holes::Span;
pub use limits::{Footprint, Limits, Mapping, MappingName, Overflow};
pub use misfit::{LargestFit, Limit, Misfit};
pub use pieces::{Memories, PIECES, further_pieces};
pub use place::{Group, KINDS, Placement, place};
pub use plan::Plan;
pub use position::{Position, Reserved};
pub use process::{LEAST_ADDRESS_SPACE, LEAST_DATA, LEAST_HEADROOM, MAX_MAP_COUNT, ProcessLimits};
pub use profile::{
    Distribution, Known, LINUX_CHECKED, Layout, LinuxLayout, NoProfile, OwnProfile, UnlimitedStack,
    VaProfile,
};
pub use promise::{Answer, Process, Promise};
pub use room::{HOLES, Hole, Room};
pub use setting::{
    AddressSpaceKeys, Engine, Keep, Key, MAX_PROFILES, OnMisfit, Place, PoolKeys, Setting,
    Settings, Switch, WasmtimeKeys,
};
pub use shape::{Aslr, RelocationModel, SearchLayout, Shape, StackLimit};
pub use size::{GRAIN, Size, SizeError, SizeText};
pub use slab::{Slots, slabs};
pub use sum::{Bound, Demand, Exceeded, bookkeeping};
pub use target::{Arch, Os, Target};
pub use text::Text;
pub use warning::Warning;
pub use wasmtime::{
    Advisory, Condition, Counts, InstanceDefaults, Totals, Wasmtime, WasmtimeFeature,
    WasmtimeFeatures, WasmtimeVersion, WasmtimeVersionError,
};
pub use wasmtime_pools::{Pooling, pooling};
pub use written::{Written, WrittenEngine, WrittenPool};
