//! Random files in real kernels, at the least and at the most ASLR: every pool gets what the build guarantees.

use std::fmt::Write as _;
use std::fs;

use poolcfg_tests::root;
use poolcfg_tests_kernels::Program;
use poolcfg_tests_promises::{Asked, HEAD, Machine, Rows};

use crate::commands::{self, Outcome};
use crate::compat;
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
const PROCESSES: u64 = 30;

/// So many in one command, which says nothing until its end: few, since the machine may do other things, too.
const AT_ONCE: u64 = 10;

/// Other files at each ASLR.
const FILES: u64 = 1_000_000;

/// Of larger pools the slots are left alone: in emulation each takes a while.
const SLOTS: &str = "1500 200";

/// A share of `POOLCFG_PROMISES`: as many processes here as on the machine's own kernel, over six cells.
pub(crate) fn processes() -> u64 {
    let said = std::env::var("POOLCFG_PROMISES").ok();
    said.and_then(|said| said.parse::<u64>().ok())
        .map_or(PROCESSES, |processes| processes.div_ceil(12))
}

/// As a kernel comes from Kconfig, and as distributions ship it.
const ASLR: [&str; 2] = ["minimum", "maximum"];

const TABLE: &str = "target/promises-kernels.md";

/// The programs of one target that a kernel runs, and the profile that they have in it.
pub(crate) struct Programs {
    pub kernel: &'static Kernel,
    pub target: &'static str,
    pub profile: &'static str,
    /// How the table calls them.
    pub name: &'static str,
    /// In the image: the one that is linked to a fixed address may be missing.
    pub files: [&'static str; 2],
}

impl Programs {
    /// Those of the kernel's own architecture.
    fn of(kernel: &'static Kernel) -> Self {
        Self {
            kernel,
            target: kernel.architecture.target,
            profile: kernel.profile,
            name: kernel.profile,
            files: ["promises", "promises-static"],
        }
    }

    fn machine(&self, aslr: &str) -> Machine {
        Machine::new(self.target, self.profile, aslr).unwrap()
    }

    /// A command that starts some files.
    fn command(&self, aslr: &str, how: &str) -> String {
        let bits = self.machine(aslr).aslr_bits();
        let [program, fixed] = self.files;
        let (what, rest) = how.split_once(' ').unwrap();
        let profile = self.profile;
        format!("/{program} as {bits} {what} {profile} {aslr} {rest} /{fixed}")
    }

    /// Commands that start so many processes at each ASLR, which is named with each.
    pub(crate) fn cases(&self, processes: u64) -> Vec<(&'static str, String)> {
        let mut cases = Vec::new();
        for (aslr, files) in ASLR.into_iter().zip(0..) {
            for part in 0..processes.div_ceil(AT_ONCE) {
                let first = files * FILES + part * 1000;
                let processes = (processes - part * AT_ONCE).min(AT_ONCE);
                let how = format!("run {first} {processes} {SLOTS}");
                cases.push((aslr, self.command(aslr, &how)));
            }
        }
        cases
    }

    /// What came of the cases: lines of the table, and what failed.
    pub(crate) fn judge(
        &self,
        cases: &[(&'static str, String)],
        outcomes: &[Outcome],
    ) -> (String, String) {
        let mut table = String::new();
        let mut failures = String::new();
        for aslr in ASLR {
            let mut rows = Rows::default();
            let all = cases.iter().zip(outcomes);
            for ((_, command), outcome) in all.filter(|((of, _), _)| *of == aslr) {
                let said = outcome.succeeded();
                rows.merge(said.and_then(Rows::read).unwrap_or_else(|error| {
                    panic!("{}: {command}: {error}", self.name);
                }));
            }
            for failure in &rows.failures {
                let (seed, order) = (failure.seed, failure.order);
                let asked = Asked::new(seed, &self.machine(aslr));
                let _ = writeln!(
                    failures,
                    "{} {aslr} seed {seed} order {order}: {}\n{}",
                    self.name, failure.text, asked.text
                );
            }
            table += &rows.table(self.name, aslr);
        }
        (table, failures)
    }
}

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
    let profile = std::env::var("POOLCFG_PROMISES_KERNEL").unwrap();
    let (programs, image) = match profile == compat::PROFILE {
        true => (compat::programs(), compat::image()),
        false => {
            let kernel = kernel(&profile);
            (Programs::of(kernel), image(kernel))
        }
    };
    let commands = ASLR.map(|aslr| programs.command(aslr, &format!("seed {seed}")));
    let commands = commands.each_ref().map(String::as_str);
    let outcomes = commands::run(programs.kernel, "promises", image, &commands).unwrap();
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
        let programs = Programs::of(kernel);
        let cases = programs.cases(processes());
        let commands: Vec<&str> = cases.iter().map(|(_, command)| command.as_str()).collect();
        let outcomes = commands::run(kernel, "promises", image(kernel), &commands).unwrap();
        let (lines, failed) = programs.judge(&cases, &outcomes);
        table += &lines;
        failures += &failed;
    }
    fs::write(root().join(TABLE), table).unwrap();
    assert!(failures.is_empty(), "{failures}");
}
