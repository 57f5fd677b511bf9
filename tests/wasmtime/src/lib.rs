//! What the tests with a real Wasmtime share.
//!
//! - `setup`: what `cargo xtask` fetches and names by variables
//! - `release`: the real `wasmtime` commands
//! - `command`: our own command, and what it says of a poolcfg.toml
//! - `trace`: the mappings that a real command makes
//! - `space`: a process with as much address space as a small target has in one piece
//! - `component`: the component hello-wasi-http
//! - `server`, `client`: `wasmtime serve`, and those who ask it
//! - `live`: requests that are all alive at once
//! - `embedder`: the program that embeds Wasmtime; `newest`: the same with Wasmtime 50
//! - `library`: Wasmtime's C library
//! - `wash`: the `wash` command of wasmCloud
//! - `wasm_files`: modules and components that nobody here made
//! - `table`: what a benchmark prints
#![forbid(unsafe_code)]

pub mod client;
pub mod command;
pub mod component;
pub mod embedder;
pub mod library;
pub mod live;
pub mod newest;
pub mod release;
pub mod server;
pub mod setup;
pub mod space;
pub mod table;
pub mod trace;
pub mod wash;
pub mod wasm_files;
