//! Random files on this machine's own kernel: every pool gets what the build guarantees.
#![forbid(unsafe_code)]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use poolcfg_tests::{in_parallel, root, variable};
use poolcfg_tests_promises::{Asked, HEAD, Rows};

/// How many processes there are where `POOLCFG_PROMISES` does not say so: about a minute.
const PROCESSES: u64 = 500;

/// So many in one run.
const AT_ONCE: u64 = 50;

/// A live slot takes up to seven mappings, of which a process may have 65,530.
const SLOTS: [&str; 2] = ["100000", "2000"];

const TABLE: &str = "target/promises-here.md";

/// The program, linked to a fixed address.
fn fixed() -> PathBuf {
    let folder = variable("POOLCFG_PROMISES_TARGET");
    let machine = common::here();
    let triple = machine.facts.triple();
    let status = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["rustc", "--quiet", "--locked", "--target", triple])
        .args(["--package", "poolcfg-tests-promises", "--bin", "promises"])
        .arg("--target-dir")
        .arg(&folder)
        .args([
            "--",
            "-Ctarget-feature=+crt-static",
            "-Crelocation-model=static",
        ])
        .status()
        .unwrap();
    assert!(status.success());
    folder.join(triple).join("debug/promises")
}

#[test]
fn every_pool_of_a_random_file_gets_its_guarantee() {
    let processes = common::processes().unwrap_or(PROCESSES);
    let machine = common::here();
    let aslr = machine.aslr.text();
    let (profile, aslr) = (machine.profile.name, aslr.as_str());
    let fixed = fixed();
    if let Ok(seed) = std::env::var("POOLCFG_PROMISES_SEED") {
        let status = Command::new(env!("CARGO_BIN_EXE_promises"))
            .args(["seed", profile, aslr, &seed])
            .arg(&fixed)
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let parts = in_parallel(0..processes.div_ceil(AT_ONCE), |part| {
        let output = Command::new(env!("CARGO_BIN_EXE_promises"))
            .args(["run", profile, aslr])
            .args([(part * 1000).to_string(), AT_ONCE.to_string()])
            .args(SLOTS)
            .arg(&fixed)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        Rows::read(&String::from_utf8_lossy(&output.stdout)).unwrap()
    });
    let mut rows = Rows::default();
    parts.into_iter().for_each(|(_, part)| rows.merge(part));
    let table = rows.table(profile, aslr);
    fs::write(root().join(TABLE), format!("{HEAD}{table}")).unwrap();
    let mut failures = String::new();
    for failure in &rows.failures {
        let (seed, order) = (failure.seed, failure.order);
        let _ = writeln!(
            failures,
            "seed {seed}, order {order}: {}\n{}",
            failure.text,
            Asked::new(seed, &machine).text
        );
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(rows.processes() >= processes);
}
