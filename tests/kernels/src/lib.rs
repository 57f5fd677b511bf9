//! What the programs inside an emulated kernel and the test outside it share.
//!
//! - `cell`: a way to link and to start a process, of which every kernel has twelve
//! - `report`: the lines in which one process tells what it found, and the whole kernel what came of it
//! - `limit`: limits that are injected on purpose, and the report of what a recheck says of each
//! - `engine`: what Wasmtime maps, and how it splits it
//! - `slots`: all slots of a pool in use at once
//!
//! The programs are `cell`, the process that is judged, `kernel-init`, which starts it many times in
//! every cell, and `limits`, which starts itself under each limit. The test in `tests/kernels` builds them,
//! boots the kernels and reads the reports.
#![deny(unsafe_code)]

mod cell;
mod engine;
mod limit;
mod report;
mod slots;

pub use cell::{Cell, Program};
pub use engine::{Mapped, Use, map_for_good};
pub use limit::{Injected, LimitReport, Obstacle, Oddity, Suggestion};
pub use report::{CellReport, Pools, PromisedSlots, Start};
pub use slots::{touch, use_every_slot};
