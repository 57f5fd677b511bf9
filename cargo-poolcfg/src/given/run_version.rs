//! The version that a program prints when it is run with `--version`.

use std::collections::BTreeSet;
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
        Ended::InTime(output) if !output.status.success() => {
            return Err(failed(format!("`--version` fails with {}", output.status)));
        }
        Ended::InTime(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ended::TooLate => {
            let seconds = PATIENCE.as_secs();
            return Err(failed(format!(
                "`--version` did not end within {seconds} seconds"
            )));
        }
    };
    let mut found = versions(&text).into_iter();
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (Some(first), Some(other)) => Err(failed(format!(
            "`--version` prints several versions of Wasmtime, `{first}` and `{other}`"
        ))),
        (None, _) => {
            let first = text.lines().next();
            let printed = first.map_or("nothing".to_owned(), |first| format!("`{first}`"));
            Err(failed(format!(
                "`--version` prints {printed}, which names no Wasmtime"
            )))
        }
    }
}

/// Each version behind the name that begins a line or stands in brackets, as in `wasmtime 48.0.2 (0123abc 2026-08-20)`,
/// `wasmtime-cli 13.0.0` or `server 1.2.3 (wasmtime 48.0.2)`.
fn versions(text: &str) -> BTreeSet<String> {
    let beginnings = text
        .lines()
        .flat_map(|line| std::iter::once(line).chain(line.split('(').skip(1)));
    beginnings.filter_map(named).collect()
}

/// The version of Wasmtime that a text begins with the name of: behind blanks, a slash, `v` or `version`.
fn named(text: &str) -> Option<String> {
    let mut words = text.trim_start().split([' ', '\t']);
    let name = words.next()?;
    let words = words.filter(|word| !word.is_empty());
    let (name, joined) = match name.rsplit_once('/') {
        Some((name, version)) if is_version(version) => (name, Some(version)),
        _ => (name, None),
    };
    let name = name.rsplit('/').next()?;
    if !matches!(name, "wasmtime" | "wasmtime-cli") {
        return None;
    }
    let mut words = joined
        .into_iter()
        .chain(words)
        .skip_while(|word| *word == "version");
    let version = words.next()?.trim_end_matches([')', ',', ';']);
    is_version(version).then(|| version.trim_start_matches('v').to_owned())
}

/// Whether a word is three numbers, perhaps behind a `v`.
fn is_version(word: &str) -> bool {
    let word = word.strip_prefix('v').unwrap_or(word);
    let parts = word.split('.');
    let is_number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u32>().is_ok()
    };
    parts.clone().count() == 3 && parts.clone().all(is_number)
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
            "wasmtime v48.0.2\n",
            "wasmtime-cli version 48.0.2",
            "wasmtime/48.0.2",
            "wasmtime/v48.0.2 (linux)",
            "bytecodealliance/wasmtime 48.0.2\n",
            "/usr/bin/wasmtime 48.0.2\n",
            "my-server 1.0.0 (wasmtime 48.0.2)\n",
            "my-server 1.0.0 (abc) (wasmtime 48.0.2, linux)\n",
            "my-server 1.0.0\nwasmtime 48.0.2",
            "my-server 1.0.0 (wasmtime 48.0.2)\n  wasmtime 48.0.2",
        ] {
            assert_eq!(
                versions(text),
                BTreeSet::from(["48.0.2".to_owned()]),
                "{text}"
            );
        }
        for text in [
            "",
            "wasmtime",
            "spin 3.4.0 (abc)",
            "wasmtime x.y.z",
            "wasmtime 48",
            "wasmtime v",
            "wasmtime +48.0.2",
            "foo/bar 1.2.3",
            "wasmtime/v1",
            "wasmtime/bar 1.2.3",
            "wasmtime e/v1",
            "not-wasmtime 48.0.2",
            "works with wasmtime 48.0.2",
        ] {
            assert_eq!(versions(text), BTreeSet::new(), "{text}");
        }
        let several = versions("wasmtime 48.0.2\nwasmtime 36.0.9");
        assert_eq!(several.len(), 2);
    }

    /// What fails has answered nothing.
    #[test]
    #[cfg(unix)]
    fn a_program_that_fails_tells_no_version() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server");
        let ends = |status: u8| {
            let script = format!("#!/bin/sh\necho wasmtime 48.0.2\nexit {status}\n");
            std::fs::write(&path, script).unwrap();
            let may_run = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&path, may_run).unwrap();
            run_version(&path)
        };
        assert_eq!(ends(0).unwrap(), "48.0.2");
        let Err(Error::Mistakes { mistakes, .. }) = ends(3) else {
            panic!("its version was taken");
        };
        let said = format!("{mistakes:?}");
        assert!(
            said.contains("`--version` fails with exit status: 3"),
            "{said}"
        );
    }
}
