//! Limits: what `#[pool_limits]` declares, of a native pool or of Wasmtime's.

pub(crate) mod pool_limits;
mod promised;
pub(crate) mod wasmtime;
