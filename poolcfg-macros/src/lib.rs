//! The attribute `#[pool_limits]`: limits that poolcfg.toml sets, as a constant that the compiler checks.
//!
//! **Do not depend on this crate.** [poolcfg-runtime](https://docs.rs/poolcfg-runtime) re-exports the attribute, and the
//! code that it writes needs poolcfg-runtime.
//!
//! With this poolcfg.toml beside Cargo.toml
//!
//! ```toml
//! [pooling_allocator]
//! max_instances = 1000
//! memory_reservation = "4GiB"
//! on_misfit = "shrink" # fewer instances where the target has less room
//! ```
//! the attribute gives a constant its value. The program asks at start for as much of it as there is:
//!
//! ```ignore
//! use poolcfg_runtime::{Pool, PoolLimits, pool_limits};
//!
//! #[pool_limits]
//! pub const POOL: PoolLimits;
//!
//! let pool = Pool::new(POOL.recheck()?)?;
//! ```
//! A pool that does not fit the target is a compile error at the item. It says what is needed, what there is, and what
//! fits.

// - `arguments`: what stands in the brackets
// - `item`: the const or static it goes on
// - `source`: poolcfg.toml, found and read
// - `expansion`: the code that takes its place
#![forbid(unsafe_code)]

mod arguments;
mod expansion;
mod item;
mod source;

use proc_macro::TokenStream;

/// Gives a const or static the limits that poolcfg.toml sets for the target that is compiled for, and
/// asserts that they fit its address space.
///
/// The item has no value of its own: poolcfg.toml decides the numbers, and the attribute says which pool of the file it
/// is. Its type is `PoolLimits`, or `WasmtimeLimits` with `engine = "wasmtime"` in the file, by
/// that name: an alias would hide the engine.
///
/// ```ignore
/// use poolcfg_runtime::{PoolLimits, pool_limits};
///
/// #[pool_limits]
/// pub const POOL: PoolLimits;
///
/// #[pool_limits(pool = "plugins")]
/// pub static PLUGINS: PoolLimits;
/// ```
/// - `pool = "NAME"`: the pool, where the file names its pools as `[pool.NAME]`.
/// - `crate = path`: the path of poolcfg-runtime where it is not called `poolcfg_runtime`.
///
/// The file is poolcfg.toml beside the package's Cargo.toml, or where that points with
/// `config = "../poolcfg.toml"` under `[package.metadata.poolcfg]`. Editing it rebuilds the crate, and so does a
/// change of the variable `POOLCFG_VA_PROFILE`, which names the VA profile of the build.
///
/// Where the file names a version of Wasmtime, and the package reaches exactly one in the Cargo.lock of the workspace that
/// is built, the two must agree. With several, or none, where a feature of the package decides, and outside of that
/// workspace, `cargo poolcfg check` decides.
///
/// A pool that does not fit, like every other mistake, is a compile error at the item.
#[proc_macro_attribute]
pub fn pool_limits(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expansion::expand(arguments.into(), item.into()).into()
}
