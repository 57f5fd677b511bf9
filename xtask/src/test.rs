//! The whole test run: every test of the workspace, then the suites that need something fetched first.

use std::env;
use std::path::PathBuf;

use crate::cache;
use crate::run::{cargo, root, run};
use crate::{rust_src, strace, wasmtime_bin};

/// The variables that a suite reads.
type Variables = Vec<(&'static str, PathBuf)>;

/// Tests that are ignored until their set-up is done.
struct Suite {
    name: &'static str,
    about: &'static str,
    arguments: &'static [&'static str],
    setup: fn() -> Result<Variables, String>,
}

const SUITES: [Suite; 2] = [
    Suite {
        name: "cross",
        about: "checks for riscv64, aarch64, Windows, macOS and FreeBSD",
        arguments: &["--package", "poolcfg-tests", "--test", "cross"],
        setup: cross,
    },
    Suite {
        name: "wasmtime",
        about: "real wasmtime commands, an embedder and a server of components",
        arguments: &["--package", "poolcfg-tests-wasmtime"],
        setup: wasmtime,
    },
];

fn cross() -> Result<Variables, String> {
    Ok(vec![
        ("POOLCFG_RUST_SRC", rust_src::setup()?),
        (
            "POOLCFG_CROSS_TARGET",
            cache::folder()?.join("target-cross"),
        ),
    ])
}

/// What the tests and the benchmarks with a real Wasmtime read.
pub fn wasmtime() -> Result<Variables, String> {
    for package in ["embedder", "hello-wasi-http"] {
        run(cargo()
            .current_dir(root().join("tests/wasmtime").join(package))
            .args(["fetch", "--locked"]))?;
    }
    Ok(vec![
        ("POOLCFG_RUST_SRC", rust_src::setup()?),
        ("POOLCFG_STRACE", strace::setup()?),
        ("POOLCFG_WASMTIME_BIN", wasmtime_bin::setup()?),
        (
            "POOLCFG_WASMTIME_TARGET",
            cache::folder()?.join("target-wasmtime"),
        ),
    ])
}

/// Fetches what every suite needs.
pub fn setup() -> Result<(), String> {
    SUITES
        .iter()
        .try_for_each(|suite| (suite.setup)().map(|_| ()))
}

/// Runs every test; fails when one fails, and in CI also when one cannot be run.
pub fn test() -> Result<(), String> {
    run(cargo().current_dir(root()).arg("test"))?;
    let mut skipped = Vec::new();
    for suite in &SUITES {
        match (suite.setup)() {
            Ok(variables) => run(cargo()
                .current_dir(root())
                .arg("test")
                .args(suite.arguments)
                .args(["--", "--include-ignored"])
                .envs(variables))?,
            Err(error) if env::var_os("CI").is_none() => skipped.push((suite, error)),
            Err(error) => return Err(error),
        }
    }
    if skipped.is_empty() {
        eprintln!("every test passed; none was skipped");
    } else {
        eprintln!("every other test passed; skipped suites: {}", skipped.len());
        for (Suite { name, about, .. }, error) in skipped {
            eprintln!("skipped `{name}` ({about}): {error}");
        }
    }
    Ok(())
}
