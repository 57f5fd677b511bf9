//! Wasmtime's C library, in the Python package that carries it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::setup::variable;

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
