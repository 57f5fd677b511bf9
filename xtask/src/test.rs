//! The whole test run: set-up, every test of the workspace, and those that compile for other targets.

use std::env;

use crate::cache;
use crate::run::{cargo, root, run};
use crate::rust_src;

/// Runs every test; fails when one fails, and in CI also when one cannot be run.
pub fn test() -> Result<(), String> {
    run(cargo().current_dir(root()).args(["test", "--workspace"]))?;
    let library = match rust_src::setup() {
        Ok(library) => library,
        Err(error) if env::var_os("CI").is_none() => {
            eprintln!(
                "skipped 1 suite: `cross` (checks for riscv64, aarch64, Windows, macOS and FreeBSD)"
            );
            eprintln!("  {error}");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    run(cargo()
        .current_dir(root())
        .args(["test", "--package", "poolcfg-tests", "--test", "cross"])
        .args(["--", "--include-ignored"])
        .env("POOLCFG_RUST_SRC", library)
        .env(
            "POOLCFG_CROSS_TARGET",
            cache::folder()?.join("target-cross"),
        ))?;
    eprintln!("every test passed; none was skipped");
    Ok(())
}
