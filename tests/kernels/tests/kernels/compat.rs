//! Programs of armv7 in a kernel of aarch64: they start with whatever is promised above 2 GiB.

use std::fs;

use poolcfg_tests::machine::{MACHINES, Machine};
use poolcfg_tests::{program, root, variable, verdict};
use poolcfg_tests_promises::{Failure, HEAD, Row, Rows};

use crate::commands::{self, Outcome};
use crate::initramfs::Image;
use crate::kernel::kernel;
use crate::promises::{Programs, processes};

/// What an armv7 program has there.
pub(crate) const PROFILE: &str = "4g";

const TABLE: &str = "target/promises-armv7.md";

/// The tests of poolcfg-runtime that map more than 2 GiB, with Kconfig's ASLR. Each in a process of its own: the threads
/// of other tests would lie in the middle of the hole. With each, how many regions it has in use.
const LARGE: [(&str, u64); 4] = [
    ("one_memory_above_2_gib_starts", 1),
    ("the_largest_memory_that_is_promised_starts", 1),
    ("many_memories_above_2_gib_in_one_mapping_start", 240),
    ("a_pool_of_wasmtime_above_2_gib_is_found", 0),
];

fn machine() -> &'static Machine {
    let mut machines = MACHINES.iter();
    machines
        .find(|machine| machine.triple.starts_with("armv7"))
        .unwrap()
}

/// The kernel's programs of 32 bits. None is linked to a fixed address: there is no static C library of it here.
pub(crate) fn programs() -> Programs {
    Programs {
        kernel: kernel("va48"),
        target: machine().triple,
        profile: PROFILE,
        name: "4g (armv7 on va48)",
        files: ["promises-armv7", "-"],
    }
}

/// The program that starts random files, and the libraries that it loads.
pub(crate) fn image() -> Image {
    let machine = machine();
    let folder = variable("POOLCFG_LIBRARIES")
        .join("usr")
        .join(machine.gnu)
        .join("lib");
    let own = format!("lib/{}", machine.gnu);
    let mut image = Image::new(kernel("va48").architecture).folder(&own);
    let loader = machine.loader.trim_start_matches("/lib/");
    for name in [loader, "libc.so.6", "libgcc_s.so.1", "libm.so.6"] {
        let place = match name == loader {
            true => format!("lib/{name}"),
            false => format!("{own}/{name}"),
        };
        image = image.file(&place, &fs::read(folder.join(name)).unwrap());
    }
    let program = program::build_binary(machine, "poolcfg-tests-promises", "promises");
    image.file("promises-armv7", &fs::read(program).unwrap())
}

/// Starts each of [`LARGE`] so often.
fn large_commands(starts: u64) -> Vec<(u64, String)> {
    let each = |(test, slots)| (slots, format!("/large --exact {test}"));
    let all = LARGE.into_iter().map(each);
    let often = (0..starts).map(|_| all.clone());
    often.flatten().collect()
}

/// What came of them, as a line of the table.
fn judge_large(cases: &[(u64, String)], outcomes: &[Outcome]) -> Rows {
    let mut rows = Rows::default();
    let row = Row {
        order: "file".to_owned(),
        program: "pie".to_owned(),
        start: "finite".to_owned(),
    };
    for ((slots, command), outcome) in cases.iter().zip(outcomes) {
        let passed = outcome.succeeded().and_then(|said| {
            let verdict = verdict::read(said)?;
            match verdict.passed.len() {
                1 => Ok(*slots),
                _ => Err(format!("one test should have run: {said}")),
            }
        });
        let failed = |error| Failure {
            seed: 0,
            order: 0,
            text: format!("{command}: {error}"),
        };
        rows.add(row.clone(), 1, passed.map_err(failed));
    }
    rows
}

#[test]
#[ignore = "needs emulators, kernels and C libraries: cargo xtask kernels"]
fn programs_of_armv7_start_with_whatever_is_promised_above_2_gib() {
    let programs = programs();
    let built = program::build(&[machine()]);
    let file = built
        .iter()
        .find(|program| program.name == "poolcfg-runtime/large")
        .unwrap();
    let image = image().file("large", &fs::read(&file.file).unwrap());
    let large = large_commands(processes() / 12);
    let cases = programs.cases(processes() / 3);
    // The first cases set the least ASLR, which is what the tests are promised.
    let first = cases.partition_point(|(aslr, _)| *aslr == "minimum");
    let (least, most) = cases.split_at(first);
    let of_files = |cases: &'_ [(&str, String)]| -> Vec<String> {
        cases.iter().map(|(_, command)| command.clone()).collect()
    };
    let of_large = large.iter().map(|(_, command)| command.clone()).collect();
    let commands: Vec<String> = [of_files(least), of_large, of_files(most)].concat();
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let mut outcomes = commands::run(programs.kernel, "armv7", image, &commands).unwrap();
    let of_large: Vec<_> = outcomes.drain(first..first + large.len()).collect();
    let rows = judge_large(&large, &of_large);
    let (lines, mut failures) = programs.judge(&cases, &outcomes);
    failures.extend(rows.failures.iter().map(|failure| failure.text.as_str()));
    let above = rows.table(&format!("{}, above 2 GiB", programs.name), "minimum");
    fs::write(root().join(TABLE), format!("{HEAD}{above}{lines}")).unwrap();
    assert!(failures.is_empty(), "{failures}");
}
