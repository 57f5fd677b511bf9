//! Programs: the crates' own test programs, built for all machines by one cargo.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose programs cannot be built ends here"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::machine::{MACHINES, Machine};
use crate::{root, variable};

/// The crates whose tests are run, and how many tests of each there are at least on every machine. It is a
/// bound against losing tests: more of them are welcome.
pub const CRATES: [(&str, usize); 2] = [("poolcfg-core", 53), ("poolcfg-runtime", 50)];

/// A test program of one crate for one machine.
#[derive(Debug)]
pub struct Program {
    /// What it runs on.
    pub machine: &'static Machine,
    /// The crate whose tests it has.
    pub package: &'static str,
    /// The crate and what cargo calls the program: `poolcfg-core/model`.
    pub name: String,
    /// The file.
    pub file: PathBuf,
}

/// Builds everything for these machines. One cargo builds for all of them, so that what runs on this one, such
/// as the macro, is built once, and both processors are busy to the end. What is built for more machines at
/// another time, in the same folder, is not built again.
///
/// # Panics
/// When they cannot be built: then there is no test.
#[must_use]
pub fn build(machines: &[&'static Machine]) -> Vec<Program> {
    let mut cargo = cargo("test", machines);
    cargo
        .args(["--no-run", "--all-features", "--lib", "--tests"])
        .args(["--message-format", "json"])
        // Tests unwind.
        .arg("-Zbuild-std=std,panic_unwind,test")
        .args(
            CRATES
                .iter()
                .flat_map(|(package, _)| ["--package", package]),
        );
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{cargo:?}: {}", output.status);
    let messages = String::from_utf8(output.stdout).unwrap();
    messages.lines().filter_map(program).collect()
}

/// Builds a program of a package of ours for one machine.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn build_binary(machine: &'static Machine, package: &str, binary: &str) -> PathBuf {
    let mut cargo = cargo("build", &[machine]);
    let status = cargo
        .args(["--package", package, "--bin", binary])
        .arg("-Zbuild-std=std,panic_unwind,test")
        .status()
        .unwrap();
    assert!(status.success(), "{cargo:?}: {status}");
    let folder = variable("POOLCFG_EMULATED_TARGET").join(machine.triple);
    folder.join("debug").join(binary)
}

/// A cargo command that builds for these machines.
fn cargo(command: &str, machines: &[&'static Machine]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(root())
        .args([command, "--quiet", "--locked"])
        .arg("--target-dir")
        .arg(variable("POOLCFG_EMULATED_TARGET"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", variable("POOLCFG_RUST_SRC"))
        // Ten times faster in an emulator than without, still with checks for overflow.
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0")
        // They would take the place of the linker's arguments.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("POOLCFG_VA_PROFILE")
        .stderr(Stdio::inherit());
    for machine in machines {
        let flags = Value::from(link_arguments(machine));
        cargo.args(["--target", machine.triple]).args([
            "--config",
            &format!("target.{}.rustflags={flags}", machine.triple),
        ]);
    }
    cargo
}

/// How rustc links for a machine without a compiler for it: with its own linker, the start code that a C
/// compiler would name, and the libraries that were fetched.
fn link_arguments(machine: &Machine) -> Vec<String> {
    let root = variable("POOLCFG_LIBRARIES");
    let libraries = root.join("usr").join(machine.gnu).join("lib");
    let (root, libraries) = (root.display(), libraries.display());
    let mut arguments = vec![
        "-Clinker=rust-lld".to_owned(),
        "-Clinker-flavor=ld.lld".to_owned(),
    ];
    arguments.extend(
        [
            format!("--sysroot={root}"),
            format!("--dynamic-linker={}", machine.loader),
            format!("-L{libraries}"),
            format!("{libraries}/Scrt1.o"),
            format!("{libraries}/crti.o"),
            format!("{libraries}/crtn.o"),
        ]
        .map(|argument| format!("-Clink-arg={argument}")),
    );
    arguments
}

/// The program that a message of cargo's tells of, if it tells of one.
fn program(message: &str) -> Option<Program> {
    let message: Value = serde_json::from_str(message).unwrap();
    let file = PathBuf::from(message["executable"].as_str()?);
    let package = message["package_id"].as_str().unwrap();
    let (package, _) = CRATES
        .iter()
        .find(|(name, _)| package.contains(&format!("/{name}#")))?;
    let machine = MACHINES
        .iter()
        .find(|machine| file.iter().any(|part| part == machine.triple))?;
    Some(Program {
        machine,
        package,
        name: format!("{package}/{}", message["target"]["name"].as_str().unwrap()),
        file,
    })
}
