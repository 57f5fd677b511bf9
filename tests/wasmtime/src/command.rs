//! Our own command, as an operator runs it: in a folder with a poolcfg.toml and no Cargo.toml.

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

/// A folder with a poolcfg.toml.
#[derive(Debug)]
pub struct Folder {
    folder: TempDir,
}

impl Folder {
    /// Writes the file.
    ///
    /// # Errors
    /// When the machine does not let files be written.
    pub fn new(poolcfg_toml: &str) -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let folder = Self { folder };
        folder.write("poolcfg.toml", poolcfg_toml)?;
        Ok(folder)
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes a file into the folder.
    ///
    /// # Errors
    /// When the machine does not let files be written.
    pub fn write(&self, file: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.path(file);
        fs::write(&path, text).map_err(|error| format!("`{}`: {error}", path.display()))?;
        Ok(path)
    }

    /// What the command emits for `target`.
    ///
    /// # Errors
    /// What it says.
    pub fn emit(&self, kind: &str, target: &str) -> Result<String, String> {
        output(
            Command::new(program())
                .current_dir(self.folder.path())
                .args(["--target", target, "--emit", kind])
                .env_remove("POOLCFG_VA_PROFILE"),
        )
    }

    /// The result of the folder's only pool.
    ///
    /// # Errors
    /// What the command says, or that it prints something else than one result.
    pub fn result(&self, target: &str) -> Result<Value, String> {
        only_result(&self.emit("json", target)?)
    }

    /// Writes the file for `wasmtime --config` and gives its path.
    ///
    /// # Errors
    /// What the command says.
    pub fn config(&self, target: &str) -> Result<PathBuf, String> {
        let text = self.emit("wasmtime-toml", target)?;
        self.write("wasmtime.toml", &text)
    }
}

/// The program, built once.
pub(crate) fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| poolcfg_tests::programs(&["cargo-poolcfg"]).join("poolcfg"))
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
