//! Wasmtime's C library, in the Python package that carries it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::setup::{output, variable};

/// The list that `cargo xtask setup` fetches.
const LIST: &str = include_str!("../wasmtime.txt");

/// The library of one version.
#[derive(Clone, Debug)]
pub struct Library {
    /// Its version, such as `50.0.1`.
    pub version: &'static str,
    /// The folder of the unpacked package.
    package: PathBuf,
}

impl Library {
    /// Every one of the list.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let folder = variable("POOLCFG_WASMTIME_LIBRARY");
        LIST.lines()
            .filter_map(|line| line.strip_prefix("wasmtime==")?.split(' ').next())
            .map(|version| Self {
                version,
                package: folder.join(version),
            })
            .collect()
    }

    /// The one of a version.
    ///
    /// # Panics
    /// When the list does not have it.
    #[must_use]
    pub fn of_version(version: &str) -> Self {
        let all = Self::all();
        match all.iter().find(|library| library.version == version) {
            Some(library) => library.clone(),
            None => panic!("no library {version} among {all:?}"),
        }
    }

    /// Compiles the text of a module into `to`, for an embedder of this version on any processor of a target.
    ///
    /// # Errors
    /// What the library says.
    pub fn compile(&self, target: &str, text: &str, to: &Path) -> Result<(), String> {
        let source = to.with_extension("wat");
        fs::write(&source, text).map_err(|error| format!("`{}`: {error}", source.display()))?;
        let mut compile = self.command("compile.py");
        output(compile.args([target, "speed"]).arg(source).arg(to)).map(drop)
    }

    /// Compiles a module or a component into `to`, as quickly as can be.
    ///
    /// # Errors
    /// What the library says.
    pub fn compile_quickly(&self, target: &str, file: &Path, to: &Path) -> Result<(), String> {
        let mut compile = self.command("compile.py");
        output(compile.args([target, "none"]).arg(file).arg(to)).map(drop)
    }

    /// A program of the folder `library` with it.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let program = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("library")
            .join(program);
        let mut command = Command::new("python3");
        command
            .arg(program)
            .env("PYTHONPATH", &self.package)
            // What is in the cache stays as it was fetched.
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}
