//! cargo: what it says of a project.

use std::path::Path;
use std::time::Duration;

use cargo_metadata::{Metadata, MetadataCommand};
use poolcfg_core::Code;

use crate::cli::args::SharedFlags;
use crate::cli::error::Error;
use crate::target::waiting::{Ended, PATIENCE, output_within};

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
    shared: &SharedFlags,
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
    let command = command.manifest_path(manifest).other_options(options);
    match depth {
        Depth::Members => within(command, PATIENCE),
        // It may have to fetch something, and cargo has answered before.
        Depth::Resolved { .. } => command.exec(),
    }
}

/// The same as [`MetadataCommand::exec`], for so long at the most.
fn within(command: &MetadataCommand, patience: Duration) -> cargo_metadata::Result<Metadata> {
    let failed = |stderr| cargo_metadata::Error::CargoMetadata { stderr };
    let output = match output_within(&mut command.cargo_command(), patience, u64::MAX)? {
        Ended::InTime(output) => output,
        Ended::TooLate => {
            let seconds = patience.as_secs();
            return Err(failed(format!("it printed nothing in {seconds} seconds")));
        }
    };
    if !output.status.success() {
        return Err(failed(String::from_utf8(output.stderr)?));
    }
    let stdout = std::str::from_utf8(&output.stdout)?;
    let json = stdout.lines().find(|line| line.starts_with('{'));
    MetadataCommand::parse(json.ok_or(cargo_metadata::Error::NoJson)?)
}

/// What cargo says went wrong.
pub(crate) fn words(error: &cargo_metadata::Error) -> String {
    match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            let variable = std::env::var(COLOR_VARIABLE).ok();
            of_color(
                // What is said of it goes on behind it.
                stderr
                    .trim()
                    .trim_start_matches("error: ")
                    .trim_end_matches('.'),
                variable.as_deref(),
            )
        }
        other => other.to_string(),
    }
}

/// How cargo calls what says the colours, wherever it has read that.
const COLOR: &str = "argument for --color must be";

const COLOR_VARIABLE: &str = "CARGO_TERM_COLOR";

/// The same words where they are about a colour, with the name of what says it: no `--color` is handed to cargo.
fn of_color(words: &str, variable: Option<&str>) -> String {
    let is_variable = variable.is_some_and(|value| words.contains(&format!("`{value}`")));
    let name = match is_variable {
        true => COLOR_VARIABLE,
        false => "term.color",
    };
    words.replacen(COLOR, &format!("`{name}` must be"), 1)
}

pub(super) fn tool(error: &cargo_metadata::Error) -> Error {
    Error::new(
        Code::Tool,
        format!("cargo cannot describe the project: {}", words(error)),
        "run `cargo metadata --no-deps` for details; `poolcfg` works without cargo",
    )
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_says_the_colour_is_named() {
        let said = "argument for --color must be auto, always, or never, but found `foo`";
        for (variable, name) in [(Some("foo"), "CARGO_TERM_COLOR"), (None, "term.color")] {
            let words = of_color(said, variable);
            assert!(
                words.starts_with(&format!("`{name}` must be auto")),
                "{words}"
            );
        }
        assert_eq!(of_color("no memory", Some("foo")), "no memory");
    }

    /// A sentence that goes on behind it does so with a colon.
    #[test]
    fn the_last_point_is_left_out() {
        let error = cargo_metadata::Error::CargoMetadata {
            stderr: "error: no package\nmay wish to retry without `--offline`.\n".to_owned(),
        };
        assert_eq!(
            words(&error),
            "no package\nmay wish to retry without `--offline`"
        );
    }

    /// As a cargo does that has no memory.
    #[test]
    fn a_cargo_that_never_ends_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let cargo = folder.path().join("cargo");
        std::fs::write(&cargo, "#!/bin/sh\nexec sleep 100000\n").unwrap();
        std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = MetadataCommand::new();
        command.cargo_path(&cargo);
        let error = within(&command, Duration::from_millis(50)).unwrap_err();
        assert_eq!(words(&error), "it printed nothing in 0 seconds");
    }
}
