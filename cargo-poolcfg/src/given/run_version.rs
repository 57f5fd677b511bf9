//! The version that a program prints when it is run with `--version`.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use poolcfg_core::Code;

use crate::cli::error::Error;
use crate::cli::path::shown;
use crate::target::waiting::{Ended, in_group, output_within};

/// How long a program may take. It is stopped then, since it may have taken the flag for none.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is read of what it prints.
const MOST: u64 = 64 << 10;

/// What needs no program to run.
const INSTEAD: &str = "pass `--engine-version 48`";

/// Runs the program with `--version`; it must print that it is Wasmtime, and which.
///
/// # Errors
/// Where it does not run, does not end, or prints no version of Wasmtime.
pub(super) fn run_version(path: &Path) -> Result<String, Error> {
    let refused = |what: String, help: String| {
        Error::new(
            Code::ProgramVersion,
            format!("cannot ask `{}` for its version: {what}", shown(path)),
            help,
        )
        .about(path)
    };
    let failed = |what: String| refused(what, INSTEAD.to_owned());
    // What has no slash is looked for in PATH, and the file in this folder is meant.
    let program = std::path::absolute(path).map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    in_group(&mut command);
    let ended = output_within(command.arg("--version"), PATIENCE, MOST);
    let ended = ended.map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => refused(
            "it may not be executed".to_owned(),
            format!(
                "make it executable with `chmod +x {}`, or {INSTEAD}",
                shown(path)
            ),
        ),
        _ => failed(error.to_string()),
    })?;
    let text = match ended {
        Ended::InTime(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ended::TooLate => {
            let seconds = PATIENCE.as_secs();
            return Err(failed(format!(
                "`--version` did not end within {seconds} seconds"
            )));
        }
    };
    version(&text).ok_or_else(|| {
        let first = text.lines().next();
        let printed = first.map_or("nothing".to_owned(), |first| format!("`{first}`"));
        failed(format!(
            "`--version` prints {printed}, which names no Wasmtime"
        ))
    })
}

/// The version behind the name, as in `wasmtime 48.0.2 (0123abc 2026-08-20)` or `wasmtime-cli 13.0.0`.
fn version(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let name = words.next()?;
    let version = words.next()?;
    let is_name = matches!(name, "wasmtime" | "wasmtime-cli");
    let parts = version.split('.').map(str::parse::<u32>);
    let is_version = parts.clone().count() == 3 && parts.clone().all(|part| part.is_ok());
    (is_name && is_version).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wasmtime_names_its_version() {
        for text in [
            "wasmtime 48.0.2 (0123abc 2026-08-20)\n",
            "wasmtime-cli 48.0.2\n",
            "wasmtime 48.0.2",
        ] {
            assert_eq!(version(text).as_deref(), Some("48.0.2"), "{text}");
        }
        for text in [
            "",
            "wasmtime",
            "spin 3.4.0 (abc)",
            "wasmtime x.y.z",
            "wasmtime 48",
            "my-server 1.0.0\nwasmtime 48.0.2",
        ] {
            assert_eq!(version(text), None, "{text}");
        }
    }
}
