//! The server of the original report for riscv64 and aarch64. The Wasmtime in it takes long to build, so what it
//! depends on is kept in the cache; the server itself is built anew whenever it or our crates change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::cross;
use crate::item::Item;
use crate::run::{cargo, output, root, run};
use crate::rust_src;

/// What the server depends on, and the server.
pub const SERVER: Item = Item {
    name: "a server with Wasmtime in it for riscv64 and aarch64",
    megabytes: 30,
    minutes: 11,
    held,
    make,
    unpacked: None,
};

/// The targets, each with what GNU calls its architecture.
const TARGETS: [(&str, &str); 2] = [
    ("riscv64gc-unknown-linux-gnu", "riscv64"),
    ("aarch64-unknown-linux-gnu", "aarch64"),
];

/// The folder with `TARGET/release/server` for both targets, up to date; an empty path when it would take long to
/// build.
pub fn folder() -> Result<PathBuf, String> {
    if !held()? {
        return Ok(PathBuf::new());
    }
    build()?;
    target_folder()
}

fn package() -> PathBuf {
    root().join("tests/kernels/server")
}

fn target_folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("target-server"))
}

/// Whether everything that takes long was built: from the same packages, by the same compiler.
fn held() -> Result<bool, String> {
    let built = fs::read_to_string(stamp()?);
    Ok(built.is_ok_and(|built| inputs().is_ok_and(|inputs| inputs == built)))
}

/// A file that says from what the things in the folder were built.
fn stamp() -> Result<PathBuf, String> {
    Ok(target_folder()?.join("built-from"))
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
    let library = rust_src::library()?;
    let bin = cross::scripts()?.join("bin");
    for (target, architecture) in TARGETS {
        let tool = |name: &str| bin.join(format!("{architecture}-{name}"));
        let in_names = target.replace('-', "_");
        run(cargo()
            .current_dir(package())
            .args(["build", "--quiet", "--release", "--locked"])
            .args(["-Zbuild-std=std,panic_abort", "--target", target])
            .arg("--target-dir")
            .arg(target_folder()?)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("__CARGO_TESTS_ONLY_SRC_ROOT", &library)
            .env(
                format!("CARGO_TARGET_{}_LINKER", in_names.to_uppercase()),
                tool("cc"),
            )
            // Wasmtime has a little C.
            .env(format!("CC_{in_names}"), tool("cc"))
            .env(format!("AR_{in_names}"), tool("ar"))
            .env_remove("POOLCFG_VA_PROFILE"))?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("`{}`: {error}", file.display()))
}
