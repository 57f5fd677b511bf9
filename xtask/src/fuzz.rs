//! Fuzzing, bounded: every input of the kept corpus, and then as many mutations of it as a test run has time
//! for, always the same. `tests/fuzz/Cargo.toml` says how to look for longer.

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::cache;
use crate::debian::{self, Packages, Part};
use crate::item::Item;
use crate::run::{cargo, output, root, run};

/// Debian's package of libFuzzer, from clang 19 in 12 and 13: built, so that no compiler of C++ is needed.
const PACKAGE: &str = "libclang-rt-19-dev";

/// libFuzzer.
pub(crate) const LIBFUZZER: Item = Item {
    name: "libFuzzer",
    megabytes: 4,
    minutes: 0,
    disk: 50,
    held: || Ok(library()?.exists()),
    make: || {
        let packages = Packages {
            names: &[PACKAGE],
            part: Part::Alone,
            sources: &[&[&debian::known_suite()?]],
            version: "",
        };
        debian::unpack(&[packages], &folder()?)
    },
    unpacked: Some(folder),
};

fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join(format!("libfuzzer-{}", debian::known_suite()?)))
}

fn library() -> Result<PathBuf, String> {
    let library = format!("libclang_rt.fuzzer-{}.a", env::consts::ARCH);
    let folder = folder()?.join("usr/lib/llvm-19/lib/clang/19/lib/linux");
    Ok(folder.join(library))
}

/// A program of `tests/fuzz`, and how many inputs it is given.
struct Target {
    name: &'static str,
    runs: u32,
}

const TARGETS: [Target; 3] = [
    Target {
        name: "inspect",
        runs: 20_000,
    },
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
pub(crate) fn fuzz() -> Result<(), String> {
    let package = root().join("tests/fuzz");
    let built = cache::folder()?.join("target-fuzz");
    let library = library()?;
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
                .arg(&built)
                .env("CUSTOM_LIBFUZZER_PATH", &library)
                // The folder's flags name it.
                .env("CUSTOM_LIBFUZZER_STD_CXX", "none");
            cargo
        };
        run(&mut step("build"))?;
        // It has much to say, of use only when it fails.
        output(
            step("run")
                .args(["--quiet", "--", &format!("-runs={runs}"), "-seed=1"])
                .args([
                    "-max_len=4096",
                    "-timeout=300",
                    "-rss_limit_mb=512",
                    "-verbosity=0",
                ])
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
