//! `#[pool_limits]`, re-exported and documented by poolcfg-runtime.
//!
//! - `arguments`: what stands in the brackets
//! - `item`: the const or static it goes on
//! - `source`: poolcfg.toml, found and read
//! - `expansion`: the code that takes its place
#![forbid(unsafe_code)]

mod arguments;
mod expansion;
mod item;
mod source;

use proc_macro::TokenStream;

/// Gives a const or static the limits that poolcfg.toml sets for the target that is compiled for, and
/// asserts that they fit its address space.
///
/// It goes on an item without a value: the file decides the numbers, the attribute only names.
/// ```text
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
/// `[package.metadata.poolcfg] config = "../poolcfg.toml"`. Editing it rebuilds the crate, and so does a
/// change of the variable `POOLCFG_VA_PROFILE`, which names the VA profile of the build.
///
/// Where the file names a version of Wasmtime and the Cargo.lock of the workspace has exactly one, the two must agree. With
/// several, or none, `cargo poolcfg check` decides.
///
/// A pool that does not fit, like every other mistake, is a compile error at the item.
#[proc_macro_attribute]
pub fn pool_limits(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expansion::expand(arguments.into(), item.into()).into()
}
