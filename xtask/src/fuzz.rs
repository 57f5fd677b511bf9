//! Fuzzing, bounded: every input of the kept corpus, and then as many mutations of it as a test run has time
//! for, always the same. `tests/fuzz/Cargo.toml` says how to look for longer.

use std::env;
use std::fs;
use std::process::{Command, Stdio};

use crate::cache;
use crate::item::Item;
use crate::run::{cargo, output, root, run};

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

/// Runs every target. The text that one fails on is kept.
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
        let step = |what: &str| {
            let mut cargo = cargo();
            cargo
                // The folder's `.cargo/config.toml` has the flags of the compiler.
                .current_dir(&package)
                .args([what, "--release", "--locked", "--bin", name])
                .arg("--target-dir")
                .arg(&built);
            cargo
        };
        run(&mut step("build"))?;
        // It has much to say, of use only when it fails.
        output(
            step("run")
                .args(["--quiet", "--", &format!("-runs={runs}"), "-seed=1"])
                .args(["-max_len=4096", "-timeout=300", "-verbosity=0"])
                .arg(format!("-dict={name}.dict"))
                .arg(format!("-artifact_prefix={}/", failing.display()))
                .arg(&found)
                .arg(format!("corpus/{name}")),
        )
        .map_err(|error| {
            format!(
                "{error}\na text that `{name}` fails on is kept in `{}`",
                failing.display()
            )
        })?;
        eprintln!("`{name}` was asked {runs} times, and failed on none");
    }
    Ok(())
}
