//! What the tests with a real Wasmtime share.
#![forbid(unsafe_code)]
