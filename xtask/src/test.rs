//! The whole test run: every test of the workspace, then the suites that need something fetched first.

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::cache;
use crate::run::{cargo, root, run};
use crate::{cross, kernels, qemu, rust_src, strace, wasmtime_bin};

/// The variables that a suite reads.
type Variables = Vec<(&'static str, PathBuf)>;

/// Tests that are ignored until their set-up is done.
struct Suite {
    name: &'static str,
    about: &'static str,
    arguments: &'static [&'static str],
    setup: fn() -> Result<Variables, String>,
}

const SUITES: [Suite; 3] = [
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
    KERNELS,
];

const KERNELS: Suite = Suite {
    name: "kernels",
    about: "every promise judged by real kernels of riscv64 and aarch64 in emulation",
    arguments: &["--package", "poolcfg-tests-kernels"],
    setup: booted,
};

fn cross() -> Result<Variables, String> {
    Ok(vec![
        ("POOLCFG_RUST_SRC", rust_src::setup()?),
        (
            "POOLCFG_CROSS_TARGET",
            cache::folder()?.join("target-cross"),
        ),
    ])
}

fn booted() -> Result<Variables, String> {
    Ok(vec![
        ("POOLCFG_RUST_SRC", rust_src::setup()?),
        ("POOLCFG_CROSS", cross::setup()?),
        ("POOLCFG_QEMU", qemu::setup()?),
        ("POOLCFG_KERNELS", kernels::setup()?),
        (
            "POOLCFG_KERNELS_TARGET",
            cache::folder()?.join("target-kernels"),
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
    for (number, suite) in SUITES.iter().enumerate() {
        let count = SUITES.len();
        eprintln!("set-up {} of {count}: `{}`", number + 1, suite.name);
        (suite.setup)()?;
    }
    eprintln!("the set-up is complete: `{}`", cache::folder()?.display());
    Ok(())
}

/// Boots every kernel, judges the model by them, and prints the table, whatever they say.
pub fn kernels() -> Result<(), String> {
    let variables = (KERNELS.setup)()?;
    let table = root().join("target/kernels.md");
    // One of an earlier run would say nothing of this one.
    let _ = fs::remove_file(&table);
    let judged = run_suite(&KERNELS, variables);
    if let Ok(text) = fs::read_to_string(&table) {
        print!("{text}");
    }
    judged
}

fn run_suite(suite: &Suite, variables: Variables) -> Result<(), String> {
    run(cargo()
        .current_dir(root())
        .arg("test")
        .args(suite.arguments)
        .args(["--", "--include-ignored"])
        .envs(variables))
}

/// Runs every test; fails when one fails, and in CI also when one cannot be run.
pub fn test() -> Result<(), String> {
    run(cargo().current_dir(root()).arg("test"))?;
    let mut skipped = Vec::new();
    for suite in &SUITES {
        match (suite.setup)() {
            Ok(variables) => run_suite(suite, variables)?,
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
