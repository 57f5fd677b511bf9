//! Our own command, as an operator runs it: in a folder that is no cargo project.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::setup::output;

/// The target that the real commands are of.
pub const HOST: &str = if cfg!(target_arch = "aarch64") {
    "aarch64-unknown-linux-gnu"
} else {
    "x86_64-unknown-linux-gnu"
};

/// The small target whose address space is the measure.
pub const BOARD: &str = "riscv64gc-unknown-linux-gnu";

/// A small target with twice the address space.
pub const LARGER_BOARD: &str = "aarch64-unknown-linux-gnu";

/// The arguments of an operator, who has no project: a target and a version of Wasmtime.
#[must_use]
pub fn operators<'a>(target: &'a str, version: &'a str) -> [&'a str; 6] {
    let engine = ["--engine", "wasmtime", "--engine-version"];
    ["--target", target, engine[0], engine[1], engine[2], version]
}

/// A folder in which the command is run, always with the same arguments.
#[derive(Debug)]
pub struct Folder {
    folder: TempDir,
    arguments: Vec<String>,
}

impl Folder {
    /// A folder with a poolcfg.toml, unless that is empty.
    ///
    /// # Errors
    /// When the machine does not let files be written.
    pub fn new(poolcfg_toml: &str, arguments: &[&str]) -> Result<Self, String> {
        let folder = Self {
            folder: TempDir::new().map_err(|error| error.to_string())?,
            arguments: arguments.iter().map(ToString::to_string).collect(),
        };
        if !poolcfg_toml.is_empty() {
            folder.write("poolcfg.toml", poolcfg_toml)?;
        }
        Ok(folder)
    }

    /// Writes a file into the folder and gives its path.
    ///
    /// # Errors
    /// When the machine does not let files be written.
    pub fn write(&self, file: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.folder.path().join(file);
        fs::write(&path, text).map_err(|error| format!("`{}`: {error}", path.display()))?;
        Ok(path)
    }

    /// The command that emits a kind of text.
    #[must_use]
    pub fn emitting(&self, kind: &str) -> Command {
        let mut command = Command::new(program());
        command
            .current_dir(self.folder.path())
            .args(&self.arguments)
            .args(["--emit", kind])
            .env_remove("POOLCFG_VA_PROFILE");
        command
    }

    /// What it emits.
    ///
    /// # Errors
    /// What the command says.
    pub fn emit(&self, kind: &str) -> Result<String, String> {
        output(&mut self.emitting(kind))
    }

    /// The result of the only pool.
    ///
    /// # Errors
    /// What the command says, or that it prints something else than one result.
    pub fn result(&self) -> Result<Value, String> {
        only_result(&self.emit("json")?)
    }

    /// Writes the file for `wasmtime --config` and gives its path.
    ///
    /// # Errors
    /// What the command says.
    pub fn config(&self) -> Result<PathBuf, String> {
        self.write("wasmtime.toml", &self.emit("wasmtime-toml")?)
    }
}

/// The program, built once.
pub(crate) fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| poolcfg_tests::programs().join("poolcfg"))
}

/// The only result in what the command prints as JSON.
pub(crate) fn only_result(text: &str) -> Result<Value, String> {
    let mut document: Value =
        serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
    match document["results"].as_array_mut().map(Vec::as_mut_slice) {
        Some([result]) => Ok(result.take()),
        _ => Err(format!("not one result: {text}")),
    }
}

/// A number of a result, such as `/footprint/maps_at_start`.
///
/// # Errors
/// When there is none.
pub fn number(result: &Value, pointer: &str) -> Result<u64, String> {
    result
        .pointer(pointer)
        .and_then(Value::as_u64)
        .ok_or_else(|| format!("no number `{pointer}` in {result}"))
}
