//! Limits: what `#[pool_limits]` declares, of a native pool or of Wasmtime's.

mod accessors;
pub(crate) mod pool_limits;
pub(crate) mod wasmtime;
