//! Fuzzing, bounded: every input of the kept corpus, and then as many mutations of it as a test run has time
//! for, always the same. `tests/fuzz/Cargo.toml` says how to look for longer.

use std::env;
use std::fs;
use std::process::{Command, Stdio};

use crate::cache;
use crate::item::Item;
use crate::run::{cargo, root, run};

/// What libFuzzer is built with.
pub const CXX: Item = Item {
    name: "a C++ compiler",
    megabytes: 0,
    minutes: 0,
    held: || {
        // As the build script chooses it, but for what it knows of cross builds.
        let program = env::var_os("CXX").unwrap_or_else(|| "c++".into());
        Ok(Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success()))
    },
    make: || Err("there is none: install `g++`, or name another one by `CXX`".to_owned()),
};

/// A program of `tests/fuzz`, and how many inputs it is given.
struct Target {
    name: &'static str,
    runs: u32,
}

const TARGETS: [Target; 2] = [
    Target {
        name: "poolcfg_toml",
        runs: 30_000,
    },
    Target {
        name: "proc",
        runs: 50_000,
    },
];

/// Runs every target. The input that one fails on is kept.
pub fn fuzz() -> Result<(), String> {
    let package = root().join("tests/fuzz");
    let built = cache::folder()?.join("target-fuzz");
    for Target { name, runs } in TARGETS {
        let work = root().join("target/fuzz").join(name);
        let (found, failing) = (work.join("found"), work.join("failing"));
        // What an earlier run found is left out, so that every run is the same.
        let _ = fs::remove_dir_all(&found);
        for folder in [&found, &failing] {
            fs::create_dir_all(folder)
                .map_err(|error| format!("`{}`: {error}", folder.display()))?;
        }
        run(cargo()
            // The folder's `.cargo/config.toml` has the flags of the compiler.
            .current_dir(&package)
            .args(["run", "--release", "--locked", "--bin", name])
            .arg("--target-dir")
            .arg(&built)
            .arg("--")
            .args([
                &format!("-runs={runs}"),
                "-seed=1",
                "-max_len=4096",
                "-timeout=300",
            ])
            .args([&format!("-dict={name}.dict"), "-verbosity=0"])
            .arg(format!("-artifact_prefix={}/", failing.display()))
            .arg(&found)
            .arg(format!("corpus/{name}")))
        .map_err(|error| {
            format!(
                "{error}; an input that fails is kept in `{}`",
                failing.display()
            )
        })?;
    }
    Ok(())
}
