//! `why` on programs that are not ours, where the machine has them: Node.js and a JVM. Real `wasmtime` commands are
//! judged in `tests/wasmtime`.
#![cfg(all(
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
))]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Folder, program, ran};

/// Whether a program can be had.
fn has(name: &str, flag: &str) -> bool {
    let ran = Command::new(name).arg(flag).output();
    let has = ran.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("no {name} here");
    }
    has
}

/// The limits that `why` names among failures that were not survived, and that of the verdict.
fn limits(words: &[&str]) -> (Vec<String>, Option<String>) {
    // What the program prints is not in it.
    let folder = Folder::new();
    let file = folder.path("why.json");
    let mut why = program("poolcfg", folder.root());
    why.args(["why", "--message-format", "json", "--output"])
        .arg(&file)
        .arg("--")
        .args(words);
    assert_ne!(ran(&mut why).status, 125);
    let json = common::json(&folder.read("why.json"));
    let result = &json["results"][0];
    let name = |failure: &serde_json::Value| failure["limit"].as_str().map(str::to_owned);
    let mut named: Vec<String> = result["failures"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|failure| failure["survived"] == false)
        .filter_map(name)
        .collect();
    named.sort();
    named.dedup();
    (named, name(&result["verdict"]))
}

#[track_caller]
fn names(words: &[&str], limit: &str) {
    let found = limits(words);
    let expected = (vec![limit.to_owned()], Some(limit.to_owned()));
    assert_eq!(found, expected, "{words:?}");
}

/// A program of `victim.py` that runs another.
fn under<'a>(rule: &'a str, words: &[&'a str]) -> Vec<&'a str> {
    const VICTIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/why/victim.py");
    assert!(Path::new(VICTIM).exists());
    [&["python3", VICTIM, rule], words].concat()
}

/// Whether the kernel has the rule.
fn has_rule() -> bool {
    let ruled = under("ruled", &["true"]);
    let status = Command::new(ruled[0]).args(&ruled[1..]).status().unwrap();
    status.success()
}

#[test]
fn limits_of_node_are_named() {
    if !has("node", "--version") {
        return;
    }
    // It reserves 10 GiB.
    let memory = ["node", "-e", "new WebAssembly.Memory({initial: 1})"];
    let buffer = ["node", "-e", "Buffer.alloc(1 << 28)"];
    names(
        &[&["prlimit", "--as=4294967296"], &memory[..]].concat(),
        "rlimit_as",
    );
    names(
        &[&["prlimit", "--data=67108864"], &buffer[..]].concat(),
        "rlimit_data",
    );
    names(&under("filtered", &memory), "seccomp");
    if has_rule() {
        names(&under("ruled", &memory), "write_and_execute");
    }
}

#[test]
fn limits_of_a_jvm_are_named() {
    if !has("java", "-version") {
        return;
    }
    let large = ["java", "-Xmx8g", "-version"];
    names(
        &[&["prlimit", "--as=4294967296"], &large[..]].concat(),
        "rlimit_as",
    );
    names(
        &["prlimit", "--data=67108864", "java", "-version"],
        "rlimit_data",
    );
    names(&["java", "-Xmx200000g", "-version"], "hole");
    names(&under("filtered", &large), "seccomp");
    if has_rule() {
        names(&under("ruled", &large), "write_and_execute");
    }
}
