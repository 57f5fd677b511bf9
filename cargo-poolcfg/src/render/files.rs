//! What became of each poolcfg.toml, for programs.

use std::path::Path;

use poolcfg_core::{WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion};
use serde::Serialize;

use crate::cli::path::relative;
use crate::project::Member;
use crate::project::difference::{Difference, Fact};
use crate::project::workload::NumberDifference;
use crate::render::owner::Owner;

/// A poolcfg.toml, and what was done with it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct FileResult {
    /// The package; null without one.
    pub package: Option<String>,
    /// Its Cargo.toml; null without a package.
    pub manifest: Option<String>,
    /// The path of the file.
    pub file: String,
    /// `written`, `current`, `stale` where it has to be written, or `native` where it has no pool of Wasmtime's.
    pub state: &'static str,
    /// The keys that `sync` has written, or would write.
    pub changes: Vec<ChangeReport>,
}

impl FileResult {
    pub(crate) fn new(member: &Member, file: &Path, state: &'static str) -> Self {
        let Owner { package, manifest } = Owner::of(member);
        Self {
            package,
            manifest,
            file: relative(file),
            state,
            changes: Vec::new(),
        }
    }

    /// The same with what is not as the project is.
    pub(crate) fn with(self, differences: &[Difference]) -> Self {
        Self {
            changes: differences.iter().map(ChangeReport::new).collect(),
            ..self
        }
    }
}

/// One key of a pool's `wasmtime` table.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct ChangeReport {
    /// The table, such as `[pooling_allocator.wasmtime]`.
    pub table: String,
    /// `version`, `features`, or a count.
    pub key: &'static str,
    /// What the file said; null where it said nothing.
    pub was: Option<ValueReport>,
    /// What Cargo.lock says, or the workload needs; null of a key that is taken out.
    pub now: Option<ValueReport>,
}

impl ChangeReport {
    fn new(difference: &Difference) -> Self {
        let text = |version: WasmtimeVersion| ValueReport::Text(version.to_string());
        let words = |features: WasmtimeFeatures| {
            ValueReport::List(features.iter().map(WasmtimeFeature::word).collect())
        };
        let (key, was, now) = match difference.fact {
            Fact::Version { said } => {
                let now = difference.version(said);
                ("version", said.map(text), text(now))
            }
            Fact::Features { said, used } => ("features", said.map(words), words(used)),
        };
        Self {
            table: difference.table(),
            key,
            was,
            now: Some(now),
        }
    }
}

impl ChangeReport {
    pub(crate) fn of_number(difference: &NumberDifference) -> Self {
        Self {
            table: difference.table(),
            key: difference.key,
            was: difference.said.map(ValueReport::Count),
            now: difference.needed.map(ValueReport::Count),
        }
    }
}

/// The value of a key.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub(crate) enum ValueReport {
    /// A version.
    Text(String),
    /// A count of an instance, or a size in bytes.
    Count(u64),
    /// Features.
    List(Vec<&'static str>),
}
