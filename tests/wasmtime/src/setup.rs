//! What `cargo xtask` fetches, and how it tells where.

use std::path::PathBuf;
use std::process::{Command, Output};

pub use poolcfg_tests::variable;

/// Where what takes long to build is kept between runs.
#[must_use]
pub fn target() -> PathBuf {
    variable("POOLCFG_WASMTIME_TARGET")
}

/// The standard output of a command that has to succeed.
///
/// # Errors
/// What it printed, when it does not.
pub fn output(command: &mut Command) -> Result<String, String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !status.success() {
        return Err(format!(
            "{command:?}: {status}\n{}",
            String::from_utf8_lossy(&stderr)
        ));
    }
    String::from_utf8(stdout).map_err(|error| format!("{command:?}: {error}"))
}

/// What a command that has to fail says on its standard error.
///
/// # Errors
/// When it succeeds, or cannot be run.
pub fn refusal(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Err(format!("{command:?} succeeds\n{text}"))
    } else {
        Ok(text)
    }
}
