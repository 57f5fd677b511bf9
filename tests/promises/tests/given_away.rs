//! What is given away, found by brute force: what is guaranteed holds in every position of ASLR that is tried, and a pool
//! that asks for more than fits is guaranteed nearly all that holds. The table has every pool.
#![forbid(unsafe_code)]

#[expect(dead_code, reason = "this machine is none of those here")]
mod common;

use std::fmt::Write as _;
use std::fs;

use poolcfg_core::Aslr;
use poolcfg_tests::{in_parallel, root};
use poolcfg_tests_promises::{Asked, Given, Machine, given_away, judge};

/// Layouts of every kind.
const MACHINES: [(&str, &str); 9] = [
    ("riscv64gc-unknown-linux-gnu", "sv39"),
    ("riscv64gc-unknown-linux-gnu", "sv48"),
    ("aarch64-unknown-linux-gnu", "va39"),
    ("aarch64-unknown-linux-gnu", "va48"),
    ("x86_64-unknown-linux-gnu", "va47"),
    ("loongarch64-unknown-linux-gnu", "va39-16k"),
    ("powerpc64le-unknown-linux-gnu", "va46"),
    ("s390x-unknown-linux-gnu", "va42"),
    ("armv7-unknown-linux-gnueabihf", "3g"),
];

/// How many files of each machine and ASLR where `POOLCFG_PROMISES` does not say how many processes all tests start.
const FILES: u64 = 4;

const TABLE: &str = "target/promises-given-away.md";

/// The shares of what there is that are not guaranteed, as a line of a table.
fn line(table: &mut String, machine: &Machine, given: &[Given]) {
    let mut shares: Vec<f64> = given.iter().map(Given::share).collect();
    shares.sort_by(f64::total_cmp);
    let at = |hundredths: usize| {
        let index = (shares.len().max(1) - 1) * hundredths / 100;
        let share = shares.get(index).copied().unwrap_or(0.0);
        format!("{:.2} %", share * 100.0)
    };
    let _ = writeln!(
        table,
        "| {} | {} | {} | {} | {} | {} | {} |",
        machine.profile.name,
        machine.aslr.text().as_str(),
        given.len(),
        at(50),
        at(90),
        at(100),
        given.iter().filter(|of| !of.is_little()).count(),
    );
}

#[test]
fn what_is_given_away_is_little() {
    let files = common::processes().map_or(FILES, |processes| processes / 100);
    let machines = MACHINES.iter().flat_map(|(triple, profile)| {
        let each = Aslr::NAMED.iter();
        each.map(|aslr| Machine::new(triple, profile, aslr.text().as_str()).unwrap())
    });
    let judged = in_parallel(machines, |machine| {
        let mut given = Vec::new();
        let mut faults = String::new();
        let mut count = 0;
        for seed in 20_000_000.. {
            if count == files {
                break;
            }
            let asked = Asked::new(seed, machine);
            let Ok(judged) = judge(&asked.text, machine) else {
                continue;
            };
            let (name, aslr) = (machine.profile.name, machine.aslr.text());
            let aslr = aslr.as_str();
            let found = match given_away(machine, &asked, &judged, seed) {
                Ok(found) => found,
                Err(error) => {
                    let _ = writeln!(faults, "{name} {aslr} seed {seed}: {error}\n{}", asked.text);
                    continue;
                }
            };
            count += u64::from(!found.is_empty());
            for given in found
                .iter()
                .filter(|given| !given.is_excused && !given.is_little())
            {
                let _ = writeln!(
                    faults,
                    "{name} {aslr} seed {seed}: {given:?}\n{}\n{}",
                    judged.summary(),
                    asked.text
                );
            }
            given.extend(found);
        }
        (given, faults)
    });
    let mut table = String::from(
        "| profile | ASLR | pools | half give away at most | nine of ten | all | more than little |\n\
         |---|---|--:|--:|--:|--:|--:|\n",
    );
    let mut faults = String::new();
    for (machine, (given, found)) in &judged {
        line(&mut table, machine, given);
        faults += found;
    }
    fs::write(root().join(TABLE), &table).unwrap();
    assert!(faults.is_empty(), "{table}{faults}");
}
