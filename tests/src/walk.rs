//! Walks: what a new user types, and the program that README.md has them write.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::console::blocks;
use crate::{programs, root};

/// Runs a command line in a folder, with the built programs on the path and with `target` as cargo's target folder. It
/// has to end with `status`, and to say `says`.
///
/// # Panics
/// When it does not.
#[expect(clippy::unwrap_used, reason = "a panic ends the test")]
pub fn run(folder: &Path, target: &Path, command: &str, status: i32, says: &str) {
    let path = std::env::var_os("PATH").unwrap();
    let path = std::iter::once(programs()).chain(std::env::split_paths(&path));
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("LC_ALL", "C.UTF-8")
        .env("CARGO_TARGET_DIR", target);
    // What `cargo xtask` tells the tests, no user has.
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"POOLCFG_") {
            bash.env_remove(name);
        }
    }
    let output = bash.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(status), "{command}\n{said}");
    assert!(said.contains(says), "{command}\n{said}");
}

/// A program of the block of Rust in README.md that has `what` in it: its items, and its statements with `further` ones
/// in `main`.
///
/// # Panics
/// When README.md has no such block.
#[must_use]
#[expect(clippy::expect_used, reason = "a panic ends the test")]
pub fn program_of_readme(what: &str, further: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let (_, block) = blocks(&readme)
        .into_iter()
        .find(|(kind, block)| kind.starts_with("rust") && block.contains(what))
        .expect("README.md shows it");
    let (items, statements) = block.split_at(block.find("let ").expect("statements"));
    format!(
        "{items}\nfn main() -> Result<(), Box<dyn std::error::Error>> {{\n{statements}\n{further}\nOk(())\n}}\n"
    )
}
