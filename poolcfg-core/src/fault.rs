//! Faults: what is wrong with the numbers of a file before anything is fitted. `rows` has each with its code, place and
//! `words`, `list` holds all of a case.

mod list;
mod rows;
mod words;

pub(crate) use list::at;
pub use list::{Faults, and_more};
pub use rows::Fault;
