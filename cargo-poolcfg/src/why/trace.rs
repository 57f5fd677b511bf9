//! Tracing: a command runs, stops at its calls for memory alone, and tells why one failed.
//!
//! ```text
//!  this process ──fork──> tracer ──fork──> command ──> its threads and children
//!        └──── pipe ────────┘
//! ```
//! The tracer is a process of its own, since it has to go on until the last descendant has ended, while this one ends
//! with the command: without a tracer a filtered call fails with ENOSYS. A filter of seccomp (`filter`) stops at the
//! calls of `calls` and lets all others pass.
//!
//! - `calls`: at which calls it stops; `names`: what any call is called; `stops`: at which call a thread is
//! - `sys`: ptrace, fork, exec and signals: all that is unsafe
//! - `status`: what wait(2) tells
//! - `start`: the three processes; `error`: why a command is not traced
//! - `front`: this process: it passes signals on, and stops and ends as the command does
//! - `tracer`: the loop that follows every thread; `processes`: what it knows of them; `failing`: what it
//!   keeps of failures; `memcg`: whether a cgroup was full
//! - `facts`: what the system tells of a process, with `huge` pages, and of what is `backing` its
//!   files; `obstacle`: which limit is in the way; `limit`: their names; `proc_file`: a file of /proc
//! - `told`: what the tracer tells

mod backing;
mod calls;
mod error;
mod facts;
mod failing;
mod filter;
mod front;
pub(crate) mod huge;
mod limit;
mod memcg;
mod names;
pub(crate) mod obstacle;
mod proc_file;
mod processes;
mod start;
mod status;
mod stops;
#[allow(
    unsafe_code,
    reason = "ptrace, fork and exec, for which no crate has a safe interface"
)]
mod sys;
pub(crate) mod told;
mod tracer;

pub(crate) use error::TraceError;
pub(crate) use start::trace;
