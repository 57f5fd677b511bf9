//! `cargo poolcfg`: which memory pools fit the address space of a target, and the file that holds them.
//!
//! - `args`: the command line; `exit`: how it ends; `error` and `shell`: what it says
//! - `project`: packages and their poolcfg.toml; `target`, `rustc`, `spec`: targets and what they are
//! - `graph`, `lookup`: the Wasmtime that a package uses; `engine`, `wasmtime_tables`: whether poolcfg.toml
//!   says so; `difference`, `edit`: how it is made to
//! - `executable`: where the program of a build is loaded
//! - `answer`: what one target gives the pools of one package; `here`: what this machine gives them
//! - `command`: the commands, on top of these
//! - `host`: programs that are not ours, and what each can be told
//! - `rust_file`, `host_file`, `report`, `template`, `picture`, `table`: what they write
//! - `output`, `recorded`: where it goes, and the command that its first line says; `record`: the numbers that
//!   were measured, in every text, to be judged again
#![forbid(unsafe_code)]

mod answer;
mod args;
mod command;
mod difference;
mod edit;
mod engine;
mod entry;
mod error;
mod executable;
mod exit;
mod footprint;
mod graph;
mod here;
mod host;
mod host_file;
mod lookup;
mod output;
mod picture;
mod project;
mod record;
mod recorded;
mod report;
mod rust_file;
mod rustc;
mod shell;
mod spec;
mod table;
mod target;
mod template;
mod wasmtime_tables;

pub use entry::{Program, main};
pub use exit::Exit;
