//! Promises: random poolcfg.toml files, each started in fresh processes. Of a file that the build accepts, every pool
//! has to get its guarantee, in whatever order the pools start.
//!
//! - `machine`: what the processes run on
//! - `file`: a random file, and how its process is started, from a seed
//! - `limits`: the limits under which it is started
//! - `judged`: what the build says of a file
//! - `brute`: what is given away, by brute force in the address spaces of `space`, at the `positions` of ASLR
//! - `start`: the process that starts all pools
//! - `report`: what came of many starts
//! - `other_thread`: a thread that maps while pools start
//!
//! The program `promises` starts itself: `run` judges files and starts them, `start` is one process.
#![forbid(unsafe_code)]

mod brute;
mod file;
mod judged;
mod limits;
mod machine;
mod other_thread;
mod positions;
mod report;
#[allow(dead_code, reason = "the recheck's own tests use the rest of it")]
#[path = "../../../poolcfg-runtime/src/recheck/space.rs"]
mod space;
mod start;

pub use brute::{Given, given_away};
pub use file::{Asked, order};
pub use judged::{Judged, judge};
pub use limits::Limits;
pub use machine::Machine;
pub use report::{Failure, HEAD, Row, Rows};
pub use start::{Limit, Slots, start};
