//! The operating system: reservations, and the regions carved out of them. All of the crate's unsafe
//! code is in this folder.
//!
//! - [`OwnedMapping`]: address space that is reserved and inaccessible, released on drop.
//! - [`RegionDealer`]: cuts a mapping into regions with guards between them, each handed out once.
//! - `extents`: which bytes of a mapping regions use, and which are given back.
//! - [`Region`]: one part of one slot; its first `size` bytes are accessible, and by its owner alone.
//! - `region_reuse`: what the pool does to a region between one owner and the next; `pages`: to its pages; `left`:
//!   what may be left of them.
//! - `page`: what a whole page is.
//! - `pagemap`: which pages have been written, as Linux tells.
//! - `os`: the calls of each system that all of this is made of.

mod errors;
mod extents;
mod left;
mod mapping;
mod page;
mod pages;
mod region;
mod region_dealer;
mod region_layout;
mod region_reuse;
mod reset;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod pagemap;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[path = "pagemap_elsewhere.rs"]
mod pagemap;

#[cfg(unix)]
#[path = "unix.rs"]
mod os;
#[cfg(windows)]
#[path = "windows.rs"]
mod os;
#[cfg(not(any(unix, windows)))]
#[path = "unsupported.rs"]
mod os;

#[cfg(all(test, unix))]
pub(crate) mod faults;
#[cfg(all(test, unix))]
mod tests;

pub use errors::{GrowError, ShrinkError};
pub(crate) use mapping::OwnedMapping;
pub(crate) use os::page_size;
pub use region::Region;
pub(crate) use region::{Owned, Reclaim};
pub(crate) use region_dealer::RegionDealer;
pub(crate) use region_layout::RegionLayout;
pub use reset::Reset;

/// A number of this process as one of the model's; no pointer is wider than 64 bits.
pub(crate) fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
