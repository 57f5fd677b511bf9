//! Differences between poolcfg.toml and the project: how they are reported, and how they are put right.

use std::ops::Range;

use poolcfg_core::file::Diagnostic;
use poolcfg_core::{Code, WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion};
use toml_edit::Document;

use crate::cli::error::Error;
use crate::project::edit::{Edit, set_list, set_text};
use crate::project::pool_tables::{WASMTIME, edited, header};

/// One key of one table that is not as the project is.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    /// The keys that lead to the table of the pool.
    pub(crate) path: Vec<String>,
    /// The bytes of the value; those of the engine where nothing is said.
    pub(crate) span: Range<usize>,
    pub(crate) fact: Fact,
    /// The version that the project uses, in full.
    pub(crate) used: WasmtimeVersion,
}

/// What is said and what is so.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fact {
    Version {
        said: Option<WasmtimeVersion>,
    },
    Features {
        said: Option<WasmtimeFeatures>,
        used: WasmtimeFeatures,
    },
}

impl Difference {
    /// Whether the file says nothing, and so nothing that is wrong.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(
            self.fact,
            Fact::Version { said: None } | Fact::Features { said: None, .. }
        )
    }

    /// What is wrong, with a caret at the value; `sync` is the command that writes what is right.
    pub(crate) fn diagnostic(&self, sync: &str) -> Diagnostic {
        let used = self.used;
        let (message, label) = match self.fact {
            Fact::Version { said: Some(said) } => {
                return Diagnostic {
                    span: Some(self.span.clone()),
                    ..Diagnostic::other_version(said, used, sync)
                };
            }
            Fact::Version { said: None } => (
                format!(
                    "`{}` names no version, but the project uses {used}",
                    self.table()
                ),
                format!("Cargo.lock has {used}"),
            ),
            Fact::Features {
                said: Some(said),
                used: features,
            } => (
                format!(
                    "the file says that Wasmtime is built with {}, but the project builds {used} with {}",
                    list(said),
                    list(features)
                ),
                format!("the project has {}", list(features)),
            ),
            Fact::Features {
                said: None,
                used: features,
            } => (
                format!(
                    "`{}` names no features, but the project builds Wasmtime {used} with {}",
                    self.table(),
                    list(features)
                ),
                format!("the project has {}", list(features)),
            ),
        };
        Diagnostic {
            code: Code::OutOfSync,
            message,
            span: Some(self.span.clone()),
            label,
            help: Some(format!("`{sync}` writes what the project uses")),
        }
    }

    /// What is written in its place, and what was there.
    pub(crate) fn line(&self) -> String {
        let table = self.table();
        match self.fact {
            Fact::Version { said } => {
                let now = self.version(said);
                match said {
                    Some(said) => format!("{table} version = \"{now}\", was \"{said}\""),
                    None => format!("{table} version = \"{now}\""),
                }
            }
            Fact::Features { said, used } => match said {
                Some(said) => format!("{table} features: {}, was {}", list(used), list(said)),
                None => format!("{table} features: {}", list(used)),
            },
        }
    }

    /// The version as it is written: as precise as the one that is said, or else the major one.
    pub(crate) fn version(&self, said: Option<WasmtimeVersion>) -> WasmtimeVersion {
        let (minor, patch) = said.map_or((None, None), |said| (said.minor, said.patch));
        WasmtimeVersion {
            minor: minor.and(self.used.minor),
            patch: patch.and(self.used.patch),
            ..self.used
        }
    }

    /// The header of the table that holds the key.
    pub(crate) fn table(&self) -> String {
        header(&self.path)
    }
}

/// Features as a sentence lists them.
pub(crate) fn list(features: WasmtimeFeatures) -> String {
    let words: Vec<_> = features.iter().map(|word| format!("`{word}`")).collect();
    match words.is_empty() {
        true => "no relevant features".to_owned(),
        false => words.join(", "),
    }
}

/// The file with every difference put right, and everything else as it is.
///
/// # Errors
/// When the tables cannot be found again, which is a fault of ours.
pub(crate) fn rewritten(source: &str, differences: &[Difference]) -> Result<String, Error> {
    let opened = opened(source, differences);
    let mut edit = Edit::new(&opened);
    for difference in differences {
        let table = edited(&mut edit, &difference.path, difference.span.start)?;
        match difference.fact {
            Fact::Version { said } => {
                set_text(table, "version", &difference.version(said).to_string());
            }
            Fact::Features { used, .. } => {
                let words: Vec<_> = used.iter().map(WasmtimeFeature::word).collect();
                set_list(table, "features", &words);
            }
        }
    }
    Ok(edit.text())
}

/// The file with the table of the differences that `init` has commented out, if it has no other: its header, and the keys
/// that are written now.
fn opened(source: &str, differences: &[Difference]) -> String {
    let commented = format!("# {}", header(&["pooling_allocator".to_owned()]));
    let is_missing = |text: &str| {
        let document = Document::parse(text);
        document.is_ok_and(|document| {
            let pool = document.get("pooling_allocator");
            pool.is_some_and(|pool| pool.get(WASMTIME).is_none())
        })
    };
    let own = differences
        .iter()
        .filter(|of| of.path == ["pooling_allocator"]);
    let keys: Vec<&str> = own
        .map(|difference| match difference.fact {
            Fact::Version { .. } => "# version = ",
            Fact::Features { .. } => "# features = ",
        })
        .collect();
    if keys.is_empty() || !is_missing(source) {
        return source.to_owned();
    }
    let mut is_inside = false;
    let lines = source.split_inclusive('\n').map(|line| {
        let is_header = line.trim_end() == commented;
        is_inside = is_header || is_inside && line.starts_with('#');
        match line.strip_prefix("# ") {
            Some(rest) if is_header => rest,
            Some(rest) if is_inside && keys.iter().any(|key| line.starts_with(key)) => rest,
            _ => line,
        }
    });
    lines.collect()
}
