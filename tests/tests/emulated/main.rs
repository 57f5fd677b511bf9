//! The tests of poolcfg-core and poolcfg-runtime, built for other architectures and run in emulators of
//! programs: pointers of 32 bits, the high byte first. Such an emulator has a layout of its own and the kernel
//! of the host, so it says nothing about holes: real kernels do.
//!
//! These need emulators, C libraries and the standard library's source: `cargo xtask test` fetches them.

mod skips;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::Command;

use poolcfg_tests::machine::{Confined, MACHINES, Machine};
use poolcfg_tests::program::{self, CRATES, Program};
use poolcfg_tests::verdict::{self, Verdict};
use poolcfg_tests::{in_parallel, root, variable};
use skips::{SKIPS, Skip};

/// Seconds that a program may take. Most take one; a slow machine is given more.
const LIMIT: &str = "900";

/// One start of a program.
struct Run<'a> {
    program: &'a Program,
    confined: Option<&'static Confined>,
}

impl Run<'_> {
    fn machine(&self) -> &'static Machine {
        self.program.machine
    }

    /// The row of the table that it counts in.
    fn row(&self) -> String {
        match self.confined {
            None => self.machine().triple.to_owned(),
            Some(confined) => format!("{} in {}", self.machine().triple, confined.name),
        }
    }

    fn skips(&self) -> Vec<&'static Skip> {
        let here = |skip: &&Skip| {
            skip.program == self.program.name && (skip.applies)(self.machine(), self.confined)
        };
        SKIPS.iter().filter(here).collect()
    }

    fn run(&self) -> Result<Verdict, String> {
        let emulator = variable("POOLCFG_QEMU")
            .join("bin")
            .join(self.machine().qemu);
        let libraries = variable("POOLCFG_LIBRARIES")
            .join("usr")
            .join(self.machine().gnu);
        let mut command = Command::new("timeout");
        command
            .current_dir(root().join(self.program.package))
            .args(["--kill-after", "10", LIMIT])
            .arg(&emulator)
            .arg(&self.program.file)
            .arg("--exact")
            .env("POOLCFG_TEST_RUNNER", &emulator)
            .env("POOLCFG_TEST_EMULATED", "1")
            .env("QEMU_LD_PREFIX", libraries)
            .env("PROPTEST_CASES", "8")
            .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true")
            .env("RUST_BACKTRACE", "0");
        if let Some(confined) = self.confined {
            command.env("QEMU_RESERVED_VA", confined.bytes);
        }
        let skips = self.skips();
        for skip in &skips {
            command.args(["--skip", skip.test]);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let fails = |error: String| {
            let stderr = String::from_utf8_lossy(&output.stderr);
            format!(
                "{} for {}: {error}; {}\n{said}{stderr}",
                self.program.name,
                self.row(),
                output.status
            )
        };
        if !output.status.success() {
            return Err(fails("it failed".to_owned()));
        }
        let verdict = verdict::read(&said).map_err(fails)?;
        if verdict.filtered == skips.len() {
            Ok(verdict)
        } else {
            Err(fails(format!("{} tests are to be left out", skips.len())))
        }
    }
}

/// What a row of the table counts.
#[derive(Default)]
struct Row {
    passed: BTreeMap<&'static str, usize>,
    ignored: usize,
    skipped: Vec<&'static Skip>,
}

fn table(rows: &BTreeMap<String, Row>) -> String {
    let mut text = String::from(
        "| target | poolcfg-core | poolcfg-runtime | run by others | left out |\n|---|---|---|---|---|\n",
    );
    for (name, row) in rows {
        let passed = |package| {
            row.passed
                .get(package)
                .map_or("-".to_owned(), usize::to_string)
        };
        let skipped: Vec<_> = row
            .skipped
            .iter()
            .map(|skip| format!("{} `{}`: {}", skip.program, skip.test, skip.reason))
            .collect();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} |",
            passed("poolcfg-core"),
            passed("poolcfg-runtime"),
            row.ignored,
            if skipped.is_empty() {
                "none".to_owned()
            } else {
                skipped.join("; ")
            }
        );
    }
    text
}

/// A kernel of x86_64 runs programs of i686 itself, in the layout that the model promises of.
#[test]
#[ignore = "needs C libraries: cargo xtask test"]
fn programs_of_i686_start_with_what_is_promised_above_2_gib() {
    // The promises are for Kconfig's ASLR.
    let bits = fs::read_to_string("/proc/sys/vm/mmap_rnd_compat_bits").unwrap_or_default();
    if std::env::consts::ARCH != "x86_64" || bits.trim() != "8" {
        eprintln!("left out: this kernel runs no programs of i686 with 8 bits of ASLR");
        return;
    }
    let machines: Vec<_> = MACHINES.iter().collect();
    let program = program::build(&machines)
        .into_iter()
        .find(|program| {
            program.machine.triple.starts_with("i686") && program.name == "poolcfg-runtime/large"
        })
        .expect("the program is built");
    let libraries = variable("POOLCFG_LIBRARIES")
        .join("usr")
        .join(program.machine.gnu)
        .join("lib");
    let loader = program.machine.loader.trim_start_matches("/lib/");
    for test in [
        "one_memory_above_2_gib_starts",
        "the_largest_memory_that_is_promised_starts",
        "many_memories_above_2_gib_in_one_mapping_start",
        "a_pool_of_wasmtime_above_2_gib_is_found",
    ] {
        for _ in 0..20 {
            // Each in a process of its own: the threads of other tests would lie in the middle of the hole.
            let output = Command::new(libraries.join(loader))
                .arg("--library-path")
                .arg(&libraries)
                .arg(&program.file)
                .args(["--exact", test])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{test}: {said}");
            assert_eq!(verdict::read(&said).unwrap().passed.len(), 1, "{said}");
        }
    }
}

/// Random files in the same layout, most of them with a mapping above 2 GiB.
#[test]
#[ignore = "needs C libraries: cargo xtask test"]
fn every_pool_of_a_random_file_for_i686_gets_its_guarantee() {
    let bits = fs::read_to_string("/proc/sys/vm/mmap_rnd_compat_bits").unwrap_or_default();
    if std::env::consts::ARCH != "x86_64" || bits.trim() != "8" {
        eprintln!("left out: this kernel runs no programs of i686 with 8 bits of ASLR");
        return;
    }
    let machine = MACHINES
        .iter()
        .find(|machine| machine.triple.starts_with("i686"))
        .unwrap();
    let libraries = variable("POOLCFG_LIBRARIES")
        .join("usr")
        .join(machine.gnu)
        .join("lib");
    let package = "poolcfg-tests-promises";
    let program = program::build_binary(machine, package, "promises");
    let loader = machine.loader.trim_start_matches("/lib/");
    let processes = std::env::var("POOLCFG_PROMISES").unwrap_or_else(|_| "60".to_owned());
    let output = Command::new(libraries.join(loader))
        .arg("--library-path")
        .arg(&libraries)
        .arg(&program)
        .args(["run", "4g", "minimum", "0", &processes, "3000", "300", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("\nrow "), "{said}");
    assert!(!said.contains("failed "), "{said}");
}

#[test]
#[ignore = "needs emulators and C libraries: cargo xtask test"]
fn the_tests_of_both_crates_pass_on_other_architectures() {
    let machines: Vec<_> = MACHINES.iter().collect();
    let programs = program::build(&machines);
    let confined = programs.iter().filter_map(|program| {
        // The model maps nothing.
        let confined = program.machine.confined.as_ref();
        (program.package == "poolcfg-runtime").then_some(Run {
            program,
            confined: Some(confined?),
        })
    });
    let free = programs.iter().map(|program| Run {
        program,
        confined: None,
    });
    let mut failures = Vec::new();
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for (run, verdict) in in_parallel(free.chain(confined), Run::run) {
        let row = rows.entry(run.row()).or_default();
        row.skipped.extend(run.skips());
        match verdict {
            Ok(verdict) => {
                *row.passed.entry(run.program.package).or_default() += verdict.passed.len();
                row.ignored += verdict.ignored.len();
            }
            Err(error) => failures.push(error),
        }
    }
    for machine in &MACHINES {
        for (package, least) in CRATES {
            let passed = rows
                .get(machine.triple)
                .and_then(|row| row.passed.get(package));
            if passed.is_none_or(|passed| *passed < least) {
                failures.push(format!(
                    "{}: {passed:?} tests of {package} passed, of at least {least}",
                    machine.triple
                ));
            }
        }
    }
    for skip in &SKIPS {
        let used = rows.values().flat_map(|row| &row.skipped);
        if !used.clone().any(|used| std::ptr::eq(*used, skip)) {
            failures.push(format!(
                "{} `{}` is left out nowhere",
                skip.program, skip.test
            ));
        }
    }
    let text = table(&rows);
    fs::write(root().join("target/emulated.md"), &text).unwrap();
    // Past what catches the output of tests: what is left out is always told.
    std::io::stderr().write_all(text.as_bytes()).unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
