//! A program with Wasmtime 50 in it. The newest commands that anybody packages are older, and the C library of 50
//! cannot be told everything. What takes long to build is kept in the cache; our own crates are built anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::item::Item;
use crate::run::{cargo, output, root, run};

/// What the program depends on, and the program.
pub const EMBEDDER_50: Item = Item {
    name: "a program with Wasmtime 50 in it",
    megabytes: 10,
    minutes: 2,
    held,
    make,
    unpacked: None,
};

/// The program, up to date; an empty path when it would take long to build.
pub fn program() -> Result<PathBuf, String> {
    if !held()? {
        return Ok(PathBuf::new());
    }
    build()?;
    Ok(target()?.join("debug/stale"))
}

fn package() -> PathBuf {
    root().join("tests/wasmtime/embedder-50")
}

fn target() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("target-wasmtime-50"))
}

/// Whether everything that takes long was built: from the same packages, by the same compiler.
fn held() -> Result<bool, String> {
    let built = fs::read_to_string(stamp()?);
    Ok(built.is_ok_and(|built| inputs().is_ok_and(|inputs| inputs == built)))
}

/// A file that says from what the things in the folder were built.
fn stamp() -> Result<PathBuf, String> {
    Ok(target()?.join("built-from"))
}

fn inputs() -> Result<String, String> {
    let mut inputs = output(Command::new("rustc").arg("-vV"))?;
    for file in ["Cargo.toml", "Cargo.lock"] {
        inputs.push_str(&read(&package().join(file))?);
    }
    Ok(inputs)
}

fn make() -> Result<(), String> {
    build()?;
    let stamp = stamp()?;
    fs::write(&stamp, inputs()?).map_err(|error| format!("`{}`: {error}", stamp.display()))
}

fn build() -> Result<(), String> {
    run(cargo()
        .current_dir(package())
        // Wasmtime 50 says that it wants rustc 1.97; it builds with 1.95.
        .args([
            "build",
            "--quiet",
            "--locked",
            "--ignore-rust-version",
            "--bin",
            "stale",
        ])
        .arg("--target-dir")
        .arg(target()?)
        .env_remove("POOLCFG_VA_PROFILE"))
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("`{}`: {error}", file.display()))
}
