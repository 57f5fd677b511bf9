//! What the fuzz target of `inspect` asks: tests/fuzz/targets/inspect.rs.

use std::path::Path;

use poolcfg_core::WasmtimeVersion;

use super::workload::Keys;
use super::{Wanted, inspect};
use crate::target::rustc::built_for;

/// The keys that `inspect` says to set for one file, as poolcfg.toml; `None` if the file is refused.
#[must_use]
pub fn keys(file: &Path) -> Option<String> {
    let facts = built_for().ok()?;
    let version = WasmtimeVersion::major(WasmtimeVersion::NEWEST);
    let inspected = inspect(file, Wanted::Anything).ok()?;
    let keys = Keys::of(&[&inspected], version, facts.target());
    Some(keys.accepted(version, &facts).0.toml())
}
