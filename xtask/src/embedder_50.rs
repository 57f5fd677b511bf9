//! A program with Wasmtime 50 in it. The newest commands that anybody packages are older, and the C library of 50
//! cannot be told everything. What takes long to build is kept in the cache; our own crates are built anew.

use std::path::PathBuf;

use crate::item::Item;
use crate::kept::Kept;
use crate::run::{cargo, run};

const KEPT: Kept = Kept {
    package: "tests/wasmtime/embedder-50",
    target: "target-wasmtime-50",
};

/// What the program depends on, and the program.
pub(crate) const EMBEDDER_50: Item = Item {
    name: "a program with Wasmtime 50 in it",
    megabytes: 10,
    minutes: 2,
    disk: 760,
    held: || KEPT.is_built(),
    make: || build().and_then(|()| KEPT.note_built()),
    unpacked: None,
};

/// The program, up to date; an empty path when it would take long to build.
pub(crate) fn program() -> Result<PathBuf, String> {
    if !KEPT.is_built()? {
        return Ok(PathBuf::new());
    }
    build()?;
    Ok(KEPT.target()?.join("debug/stale"))
}

fn build() -> Result<(), String> {
    run(cargo()
        .current_dir(KEPT.package())
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
        .arg(KEPT.target()?)
        .env_remove("POOLCFG_VA_PROFILE"))
}
