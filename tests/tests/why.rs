//! `why` of the example: it works out what fits before it maps its pool, and names the limit itself; `why` names the same
//! one or none. A hole that is too small does not occur in 47 bits: a kernel of riscv64 has it (`tests/kernels`).
#![cfg(target_os = "linux")]

use std::process::{Command, Output};

use poolcfg_tests::programs;
use serde_json::Value;

/// The example under `why`, behind a wrapper, with so many slots at least; its result, and what came of it.
fn why(wrapper: &[&str], slots: u32) -> (Value, Output) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("why.json");
    let mut why = Command::new(programs().join("poolcfg"));
    why.args(["why", "--message-format", "json", "--output"])
        .arg(&file)
        .arg("--")
        .args(wrapper)
        .arg(programs().join("slot-server"))
        .args(["--self-test", "20"])
        .env("POOLCFG_MAX_INSTANCES", slots.to_string())
        .env("POOLCFG_MIN_INSTANCES", slots.to_string())
        // Each heap of a thread is 128 MiB of addresses.
        .env("MALLOC_ARENA_MAX", "1");
    let output = why.output().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    (json["results"][0].take(), output)
}

const ADDRESS_SPACE: &[&str] = &["prlimit", "--as=68719476736"];
const DATA: &[&str] = &["prlimit", "--data=268435456"];

/// The limits of calls that failed, and were not survived.
fn limits(result: &Value) -> Vec<&str> {
    let failures = result["failures"].as_array().unwrap().iter();
    let ended = failures.filter(|failure| failure["survived"] == false);
    let mut limits: Vec<&str> = ended
        .filter_map(|failure| failure["limit"].as_str())
        .collect();
    limits.dedup();
    limits
}

#[test]
fn a_limit_that_the_example_meets_is_named_and_no_other() {
    for (wrapper, slots, limit, own) in [
        // It tries how large a pool may be.
        (
            ADDRESS_SPACE,
            1000,
            Some("rlimit_as"),
            "`RLIMIT_AS` allows `64 GiB`",
        ),
        // It counts, and maps nothing.
        (DATA, 1000, None, "`RLIMIT_DATA` allows `256 MiB`"),
    ] {
        let (result, output) = why(wrapper, slots);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains(own), "{said}");
        assert_eq!(result["verdict"]["limit"].as_str(), limit, "{said}");
        assert_eq!(limits(&result), Vec::from_iter(limit), "{result:#}");
    }
}

#[test]
fn the_example_serves_under_each_limit_with_what_fits() {
    for wrapper in [ADDRESS_SPACE, DATA, &[]] {
        let (result, output) = why(wrapper, 4);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        assert!(said.ends_with("20 requests answered\n"), "{said}");
        assert_eq!(result["verdict"], Value::Null, "{result:#}");
    }
}
