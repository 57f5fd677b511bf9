//! The operating system: reservations, and the regions carved out of them. All of the crate's unsafe
//! code is in this folder.
//!
//! - [`Mapping`]: address space that is reserved and inaccessible, released on drop.
//! - [`Carver`]: cuts a mapping into regions with guards between them, each handed out once.
//! - [`Region`]: one part of one slot; its first `size` bytes are accessible, and by its owner alone.
//! - `os`: the five calls of each system that the three above are made of.

mod mapping;
mod region;

#[cfg(unix)]
#[path = "unix.rs"]
mod os;
#[cfg(windows)]
#[path = "windows.rs"]
mod os;
#[cfg(not(any(unix, windows)))]
#[path = "unsupported.rs"]
mod os;

pub(crate) use mapping::Mapping;
pub(crate) use os::page_size;
pub(crate) use region::{Carver, Cut};

#[cfg(all(test, unix))]
mod tests;
pub use region::{GrowError, Region};
