//! The model: where the kernel puts mappings, in plain numbers of bytes.

pub(crate) mod bounds;
pub(crate) mod fit;
pub(crate) mod group;
pub(crate) mod limit;
pub(crate) mod pieces;
pub(crate) mod place;
pub(crate) mod room;
pub(crate) mod slab;
pub(crate) mod sum;
pub(crate) mod three;
pub(crate) mod wasmtime_pools;
