//! The version that a program prints when it is run with `--version`.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use poolcfg_core::Code;

use crate::cli::error::Error;
use crate::cli::path::shown;

/// How long a program may take. It is stopped then, since it may have taken the flag for none.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is read of what it prints.
const MOST: u64 = 64 << 10;

/// Runs the program with `--version`; it must print that it is Wasmtime, and which.
///
/// # Errors
/// Where it does not run, does not end, or prints no version of Wasmtime.
pub(super) fn run_version(path: &Path) -> Result<String, Error> {
    let failed = |what: String| {
        Error::new(
            Code::ProgramVersion,
            format!("cannot ask `{}` for its version: {what}", shown(path)),
            "pass `--engine-version 48`",
        )
        .about(path)
    };
    // What has no slash is looked for in PATH, and the file in this folder is meant.
    let program = std::path::absolute(path).map_err(|error| failed(error.to_string()))?;
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let text = printed(&mut child);
    // Whoever has ended takes no harm.
    let _ = child.kill();
    let _ = child.wait();
    let text = text.ok_or_else(|| {
        let seconds = PATIENCE.as_secs();
        failed(format!("`--version` did not end within {seconds} seconds"))
    })?;
    version(&text).ok_or_else(|| {
        let first = text.lines().next().unwrap_or_default();
        failed(format!(
            "`--version` prints `{first}`, which names no Wasmtime"
        ))
    })
}

/// What the program prints up to its end; `None` if it does not end.
fn printed(child: &mut Child) -> Option<String> {
    let stdout = child.stdout.take()?;
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What cannot be read has not been printed.
        let _ = stdout.take(MOST).read_to_end(&mut bytes);
        let _ = send.send(bytes);
    });
    let bytes = receive.recv_timeout(PATIENCE).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
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
