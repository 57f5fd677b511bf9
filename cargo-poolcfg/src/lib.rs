//! `cargo poolcfg`: which memory pools fit the address space of a target, and the file that holds them.
#![deny(unsafe_code)]

mod cli;
mod command;
mod context;
mod entry;
mod given;
mod here;
mod host;
mod inspect;
mod output;
mod project;
mod render;
mod target;
mod target_outcome;
#[cfg(has_tracer)]
mod trace;
mod wasmtime;
mod ways;
#[cfg(has_tracer)]
mod why;
mod wish;

pub use cli::exit::Exit;
pub use cli::invoked_as::InvokedAs;
pub use entry::main;
