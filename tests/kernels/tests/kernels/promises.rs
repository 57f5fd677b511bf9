//! Random files in real kernels, at the least and at the most ASLR: every pool gets what the build guarantees.

use std::fmt::Write as _;
use std::fs;

use poolcfg_tests::root;
use poolcfg_tests_kernels::Program;
use poolcfg_tests_promises::{Asked, HEAD, Machine, Rows};

use crate::commands;
use crate::initramfs::Image;
use crate::kernel::{Kernel, kernel};
use crate::programs;

/// The floors of riscv64 and aarch64, and a window of 48 bits.
fn kernels() -> impl Iterator<Item = &'static Kernel> {
    ["sv39", "va39", "va48"]
        .map(kernel)
        .into_iter()
        .filter(|kernel| kernel.held())
}

/// How many processes each kernel starts at each ASLR where `POOLCFG_PROMISES` does not say how many all tests start.
const PROCESSES: u64 = 50;

/// So many in one command, which says nothing until its end.
const AT_ONCE: u64 = 50;

/// Other files at each ASLR.
const FILES: u64 = 1_000_000;

/// Of larger pools the slots are left alone: in emulation each takes a while.
const SLOTS: &str = "1500 200";

/// A share of `POOLCFG_PROMISES`: as many processes here as on the machine's own kernel, over six cells.
fn processes() -> u64 {
    let said = std::env::var("POOLCFG_PROMISES").ok();
    said.and_then(|said| said.parse::<u64>().ok())
        .map_or(PROCESSES, |processes| processes.div_ceil(12))
}

/// As a kernel comes from Kconfig, and as distributions ship it.
const ASLR: [&str; 2] = ["minimum", "maximum"];

fn machine(kernel: &Kernel, aslr: &str) -> Machine {
    let target = kernel.architecture.target;
    Machine::new(target, kernel.profile, aslr).unwrap()
}

const TABLE: &str = "target/promises-kernels.md";

/// The program, linked in both ways.
fn image(kernel: &Kernel) -> Image {
    let program = |program| {
        let package = "poolcfg-tests-promises";
        programs::build_of(package, kernel.architecture, "promises", program)
    };
    Image::new(kernel.architecture)
        .file("promises", &program(Program::Pie))
        .file("promises-static", &program(Program::Static))
}

/// One file, in the kernel of `POOLCFG_PROMISES_KERNEL`.
fn one(seed: &str) {
    let kernel = kernel(&std::env::var("POOLCFG_PROMISES_KERNEL").unwrap());
    let commands = ASLR.map(|aslr| {
        let bits = machine(kernel, aslr).aslr_bits();
        let profile = kernel.profile;
        format!("/promises as {bits} seed {profile} {aslr} {seed} /promises-static")
    });
    let commands = commands.each_ref().map(String::as_str);
    let outcomes = commands::run(kernel, "promises", image(kernel), &commands).unwrap();
    for outcome in &outcomes {
        println!("{}{}", outcome.stdout, outcome.stderr);
    }
    assert!(outcomes.iter().all(|outcome| outcome.succeeded().is_ok()));
}

#[test]
#[ignore = "needs compilers, emulators and kernels: cargo xtask kernels"]
fn every_pool_of_a_random_file_gets_its_guarantee() {
    if let Ok(seed) = std::env::var("POOLCFG_PROMISES_SEED") {
        return one(&seed);
    }
    let mut table = String::from(HEAD);
    let mut failures = String::new();
    for kernel in kernels() {
        let mut cases = Vec::new();
        for (aslr, files) in ASLR.into_iter().zip(0..) {
            let bits = machine(kernel, aslr).aslr_bits();
            let parts = processes().div_ceil(AT_ONCE);
            let commands = (0..parts).map(|part| {
                let (first, profile) = (files * FILES + part * 1000, kernel.profile);
                let run = format!("run {profile} {aslr} {first} {AT_ONCE} {SLOTS}");
                (aslr, format!("/promises as {bits} {run} /promises-static"))
            });
            cases.extend(commands);
        }
        let commands: Vec<&str> = cases.iter().map(|(_, command)| command.as_str()).collect();
        let outcomes = commands::run(kernel, "promises", image(kernel), &commands).unwrap();
        for aslr in ASLR {
            let mut rows = Rows::default();
            for ((_, command), outcome) in cases
                .iter()
                .zip(&outcomes)
                .filter(|((of, _), _)| *of == aslr)
            {
                let said = outcome.succeeded();
                rows.merge(said.and_then(Rows::read).unwrap_or_else(|error| {
                    panic!("{}: {command}: {error}", kernel.profile);
                }));
            }
            for failure in &rows.failures {
                let (seed, order) = (failure.seed, failure.order);
                let asked = Asked::new(seed, &machine(kernel, aslr));
                let _ = writeln!(
                    failures,
                    "{} {aslr} seed {seed} order {order}: {}\n{}",
                    kernel.profile, failure.text, asked.text
                );
            }
            table += &rows.table(kernel.profile, aslr);
        }
    }
    fs::write(root().join(TABLE), table).unwrap();
    assert!(failures.is_empty(), "{failures}");
}
