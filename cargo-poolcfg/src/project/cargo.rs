//! cargo: what it says of a project.

use std::path::Path;

use cargo_metadata::{Metadata, MetadataCommand};
use poolcfg_core::Code;

use crate::cli::args::Shared;
use crate::cli::error::Error;

/// How much cargo is asked.
#[derive(Debug)]
pub(crate) enum Depth {
    /// The packages of the workspace.
    Members,
    /// What Cargo.lock has resolved, as it stands: who only reads writes no lock file. On all platforms, or
    /// on one.
    Resolved { platform: Option<String> },
}

/// What cargo says of a project.
///
/// # Errors
/// When cargo does not run, or does not say it.
pub(crate) fn metadata(
    manifest: &Path,
    shared: &Shared,
    depth: &Depth,
) -> cargo_metadata::Result<Metadata> {
    let mut command = MetadataCommand::new();
    let mut options = Vec::new();
    let is_resolved = match depth {
        Depth::Members => {
            command.no_deps();
            false
        }
        Depth::Resolved { platform } => {
            let filter = platform.iter().flat_map(|name| ["--filter-platform", name]);
            options.extend(filter.map(str::to_owned));
            true
        }
    };
    for (flag, set) in [
        ("--locked", shared.locked || is_resolved),
        ("--offline", shared.offline),
        ("--frozen", shared.frozen),
    ] {
        if set {
            options.push(flag.to_owned());
        }
    }
    for config in &shared.config {
        options.push("--config".to_owned());
        options.push(config.clone());
    }
    command
        .manifest_path(manifest)
        .other_options(options)
        .exec()
}

/// What cargo says went wrong.
pub(crate) fn words(error: &cargo_metadata::Error) -> String {
    match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            stderr.trim().trim_start_matches("error: ").to_owned()
        }
        other => other.to_string(),
    }
}

pub(super) fn tool(error: &cargo_metadata::Error) -> Error {
    Error::new(
        Code::Tool,
        format!("cargo cannot describe the project: {}", words(error)),
        "run `cargo metadata --no-deps` for details; `poolcfg` works without cargo",
    )
}
