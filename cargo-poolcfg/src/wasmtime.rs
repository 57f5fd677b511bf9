//! The Wasmtime that a package uses, asked of cargo, and held against poolcfg.toml.

pub(crate) mod graph;
pub(crate) mod held;
pub(crate) mod lookup;
pub(crate) mod resolve;
pub(crate) mod shared;
