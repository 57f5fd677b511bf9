//! What of a package with a lock file of its own is kept in the cache: what it depends on takes long to build, and
//! is used again as long as the same compiler builds the same packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::run::{output, root};

/// A package, and where cargo builds it.
pub(crate) struct Kept {
    /// Its path in the checkout.
    pub package: &'static str,
    /// The name of cargo's target folder in the cache.
    pub target: &'static str,
}

impl Kept {
    /// The folder of its manifest.
    pub(crate) fn package(&self) -> PathBuf {
        root().join(self.package)
    }

    /// Cargo's target folder.
    pub(crate) fn target(&self) -> Result<PathBuf, String> {
        Ok(cache::folder()?.join(self.target))
    }

    /// Whether everything that takes long was built: from the same packages, by the same compiler.
    pub(crate) fn is_built(&self) -> Result<bool, String> {
        let built = fs::read_to_string(self.stamp()?);
        Ok(built.is_ok_and(|built| self.inputs().is_ok_and(|inputs| inputs == built)))
    }

    /// Writes down from what it has just been built.
    pub(crate) fn note_built(&self) -> Result<(), String> {
        let stamp = self.stamp()?;
        fs::write(&stamp, self.inputs()?).map_err(|error| format!("`{}`: {error}", stamp.display()))
    }

    /// A file that says from what the things in the folder were built.
    fn stamp(&self) -> Result<PathBuf, String> {
        Ok(self.target()?.join("built-from"))
    }

    fn inputs(&self) -> Result<String, String> {
        let mut inputs = output(Command::new("rustc").arg("-vV"))?;
        for file in ["Cargo.toml", "Cargo.lock"] {
            inputs.push_str(&read(&self.package().join(file))?);
        }
        Ok(inputs)
    }
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("`{}`: {error}", file.display()))
}
