//! The server of the original report for riscv64 and aarch64. The Wasmtime in it takes long to build, so what it
//! depends on is kept in the cache; the server itself is built anew whenever it or our crates change.

use std::path::PathBuf;

use crate::cross;
use crate::item::Item;
use crate::kept::Kept;
use crate::run::{cargo, run};
use crate::rust_src;

const KEPT: Kept = Kept {
    package: "tests/kernels/server",
    target: "target-server",
};

/// What the server depends on, and the server.
pub(crate) const SERVER: Item = Item {
    name: "a server with Wasmtime in it for riscv64 and aarch64",
    megabytes: 30,
    minutes: 11,
    disk: 1500,
    held: || KEPT.is_built(),
    make: || build().and_then(|()| KEPT.note_built()),
    unpacked: None,
};

/// The targets, each with what GNU calls its architecture.
const TARGETS: [(&str, &str); 2] = [
    ("riscv64gc-unknown-linux-gnu", "riscv64"),
    ("aarch64-unknown-linux-gnu", "aarch64"),
];

/// The folder with `TARGET/release/server` for both targets, up to date; an empty path when it would take long to
/// build.
pub(crate) fn folder() -> Result<PathBuf, String> {
    if !KEPT.is_built()? {
        return Ok(PathBuf::new());
    }
    build()?;
    KEPT.target()
}

fn build() -> Result<(), String> {
    let library = rust_src::library()?;
    let bin = cross::scripts()?.join("bin");
    for (target, architecture) in TARGETS {
        let tool = |name: &str| bin.join(format!("{architecture}-{name}"));
        let in_names = target.replace('-', "_");
        run(cargo()
            .current_dir(KEPT.package())
            .args(["build", "--quiet", "--release", "--locked"])
            .args(["-Zbuild-std=std,panic_abort", "--target", target])
            .arg("--target-dir")
            .arg(KEPT.target()?)
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
