//! The embedder with Wasmtime 50: a package of its own, whose programs are the embedder's.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::HOST;
use crate::library::Library;
use crate::setup::{output, target};

/// The version that it is built with, of which the list of libraries has one.
pub const VERSION: &str = "50.0.1";

/// Builds a program of the package as a release, and gives its path.
///
/// # Errors
/// What the compiler says.
pub fn build(name: &str) -> Result<PathBuf, String> {
    let target = folder();
    output(
        Command::new(env!("CARGO"))
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("embedder-50"))
            // Wasmtime 50 says that it wants rustc 1.97; it builds with 1.95.
            .args(["build", "--locked", "--ignore-rust-version", "--release"])
            .args(["--bin", name])
            .arg("--target-dir")
            .arg(&target)
            .env_remove("POOLCFG_VA_PROFILE"),
    )?;
    Ok(target.join("release").join(name))
}

/// Compiles the text of a module by the library of the same version, and gives the path.
///
/// # Errors
/// What the library says.
pub fn compile(name: &str, text: &str) -> Result<PathBuf, String> {
    let compiled = folder().join(name).with_extension("cwasm");
    Library::of_version(VERSION).compile(HOST, text, &compiled)?;
    Ok(compiled)
}

fn folder() -> PathBuf {
    target().join("embedder-50")
}
