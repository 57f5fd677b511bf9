//! What is written: JSON, the Rust file, texts from templates, tables, pictures, and what else fits.

mod budget;
mod columns;
pub(crate) mod envelope;
pub(crate) mod figures;
pub(crate) mod files;
pub(crate) mod footprint;
pub(crate) mod inspected;
pub(crate) mod machine;
pub(crate) mod owner;
pub(crate) mod picture;
pub(crate) mod report;
pub(crate) mod rust_file;
pub(crate) mod table;
pub(crate) mod template;
pub(crate) mod ways;
