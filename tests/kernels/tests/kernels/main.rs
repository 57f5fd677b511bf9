//! Real kernels as the judges of the model: each is booted in emulation, and programs that were cross-compiled
//! as a user builds a release run on it.
//!
//! - `cells`: in each of twelve ways to start, many fresh processes look for what is promised of theirs
//! - `limits`: each limit that is injected is named, and what is suggested starts
//! - `promises`: random files start as the build promises
//! - `compat`: programs of armv7 start as promised on a kernel of aarch64, too
//! - `pool`: the runtime's own tests, of guards, resets and faults, on pages of 4 and 16 KiB
//! - `example`: the example's release takes its constants from poolcfg.toml, for its target and no other
//! - `server`: the original failure, repaired where it happened
//! - `why`: the limit is named that a server with Wasmtime in it, and the example, meet
//! - `swap`: what was swapped out is not there for the next owner of a slot, in our pool and in Wasmtime's
//! - `kernel`, `programs`, `initramfs`, `boot`: the machines, what runs on them, and reading what they say
//! - `commands`: running commands in a kernel
//! - `table`: what came of the cells
//!
//! These need cross compilers, emulators and kernels: `cargo xtask kernels` fetches them and runs this.
#![forbid(unsafe_code)]

mod boot;
mod cells;
mod commands;
mod compat;
mod example;
mod initramfs;
mod kernel;
mod limits;
mod pool;
mod programs;
mod promises;
mod server;
#[cfg(target_arch = "x86_64")]
mod swap;
mod table;
mod why;
