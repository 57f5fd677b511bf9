//! What `--here` says under a limit, started by the example server under the same limit, in every one of many fresh
//! processes.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use poolcfg_tests::{in_parallel, processes, programs, root};
use serde_json::Value;
use tempfile::TempDir;

/// Limits that a process may put on itself without being root, and what is to be named.
const LIMITS: [(&str, Option<&str>); 6] = [
    ("ulimit -v 67108864", Some("rlimit_as")),
    ("ulimit -v 1073741824", Some("rlimit_as")),
    ("ulimit -d 524288", Some("rlimit_data")),
    ("ulimit -d 786432", Some("rlimit_data")),
    // Nothing of what the example asks for is cut by these.
    ("ulimit -s unlimited", None),
    ("ulimit -s 1048576", None),
];

fn under(limit: &str, program: &Path) -> Command {
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")])
        .arg(program)
        .env_remove("POOLCFG_VA_PROFILE");
    shell
}

/// Fresh processes of the server, each with exactly so many slots.
fn servers(limit: &str, server: &Path, instances: u64) -> Vec<Output> {
    let done = in_parallel(0..processes(), |_| {
        under(limit, server)
            .args(["--self-test", "20"])
            .env("POOLCFG_MAX_INSTANCES", instances.to_string())
            .env("POOLCFG_MIN_INSTANCES", instances.to_string())
            .output()
            .unwrap()
    });
    done.into_iter().map(|(_, output)| output).collect()
}

#[test]
fn what_is_said_under_a_limit_starts_under_it() {
    let programs = programs();
    let server = programs.join("slot-server");
    let folder = TempDir::new().unwrap();
    fs::copy(
        root().join("examples/slot-server/poolcfg.toml"),
        folder.path().join("poolcfg.toml"),
    )
    .unwrap();
    for (limit, bound) in LIMITS {
        let output = under(limit, &programs.join("poolcfg"))
            .args(["--here", "--emit", "json"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{limit}: {output:?}");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let result = &json["results"][0];
        let number = |pointer: &str| result.pointer(pointer).and_then(Value::as_u64).unwrap();
        let instances = number("/limits/max_instances");
        for output in servers(limit, &server, instances) {
            assert!(output.status.success(), "{limit}, {instances}: {output:?}");
        }
        let named = result.pointer("/bound/limit").and_then(Value::as_str);
        assert_eq!(named, bound, "{limit}: {result}");
        if bound.is_none() {
            println!(
                "{limit}: all {instances} slots start in {} processes",
                processes()
            );
            continue;
        }
        let one_more = servers(limit, &server, instances + 1);
        let one_more = one_more
            .iter()
            .filter(|output| output.status.success())
            .count();
        // What is left to the rest of the process is named, and more slots may take of it; more than that do not go in.
        let (have, headroom) = (number("/bound/have"), number("/budget/headroom_bytes"));
        let beyond = ((instances + 1) * (have + headroom)).div_ceil(have);
        // Some is needed once, whatever the slots.
        let beyond = beyond + beyond / 64 + 2;
        for output in servers(limit, &server, beyond) {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{limit}, {beyond}: {output:?}");
            assert!(said.contains("RLIMIT_"), "{limit}, {beyond}: {said}");
        }
        println!(
            "{limit}: {instances} slots start in {} processes, {} in {one_more}, {beyond} in none",
            processes(),
            instances + 1
        );
    }
}

/// Few kilobytes of stack are a limit like any other: the command answers, and is not killed.
#[test]
fn the_command_answers_under_a_small_stack_limit() {
    let program = programs().join("poolcfg");
    let folder = TempDir::new().unwrap();
    for kib in [32, 64, 128] {
        let output = under(&format!("ulimit -s {kib}"), &program)
            .args(["--here", "--emit", "json"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{kib} KiB: {output:?}");
    }
}
