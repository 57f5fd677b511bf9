//! `cargo poolcfg`: which memory pools fit the address space of a target, and the file that holds them.
#![deny(unsafe_code)]

mod cli;
mod command;
mod context;
mod entry;
mod given;
mod host;
mod inspect;
mod output;
mod project;
#[cfg(test)]
mod reference;
mod render;
mod target;
mod target_outcome;
mod wasmtime;
#[cfg(has_tracer)]
mod why;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use inspect::fuzzing::keys;

pub use cli::exit::Exit;
pub use cli::invoked_as::InvokedAs;
pub use entry::main;
