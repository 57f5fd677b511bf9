//! What `cargo xtask dist` makes: archives with one program each that needs nothing of the machine that it runs on,
//! and the same bytes in whatever folder they are made.
//!
//! These need a C library, emulators and the standard library's source: `cargo xtask test` fetches them.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use poolcfg_tests::{in_parallel, programs, root, variable};
use serde_json::Value;
use tempfile::TempDir;

/// The targets, each with the emulator of programs that runs it here; `None` for the machine's own.
const TARGETS: [(&str, Option<&str>); 4] = [
    ("x86_64-unknown-linux-musl", None),
    ("aarch64-unknown-linux-musl", Some("qemu-aarch64")),
    ("armv7-unknown-linux-musleabihf", Some("qemu-arm")),
    ("riscv64gc-unknown-linux-musl", Some("qemu-riscv64")),
];

/// What each archive has, beside man pages.
const FILES: [&str; 9] = [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "LICENSES-OF-OTHERS",
    "README.md",
    "cargo-poolcfg",
    "completions/_poolcfg",
    "completions/poolcfg.bash",
    "completions/poolcfg.fish",
    "poolcfg",
];

/// What is asked of each program: nothing of it depends on the machine.
const COMMANDS: [&[&str]; 8] = [
    &["completions", "bash"],
    &["--version"],
    &["--help"],
    &["--explain", "PC0001"],
    &["profiles"],
    &[
        "--target",
        "riscv64gc-unknown-linux-gnu",
        "--engine",
        "wasmtime",
        "--engine-version",
        "48",
        "--emit",
        "wasmtime-toml",
    ],
    &["explain", "--target", "armv7-unknown-linux-gnueabihf"],
    &["check", "--target", "nonsense"],
];

fn name(target: &str) -> String {
    format!("poolcfg-{}-{target}", env!("CARGO_PKG_VERSION"))
}

/// Unpacks the archive of a target; the folder with its files.
fn unpack(target: &str, to: &Path) -> PathBuf {
    let archive = variable("POOLCFG_DIST").join(name(target) + ".tar.gz");
    let status = Command::new("tar")
        .current_dir(to)
        .args(["--extract", "--gzip", "--file"])
        .arg(&archive)
        .status();
    assert!(status.unwrap().success(), "{}", archive.display());
    to.join(name(target))
}

/// The files of a folder and of those in it, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let inner = files(&path).into_iter();
            found.extend(inner.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
#[ignore = "needs a C library and the standard library's source: cargo xtask test"]
fn two_folders_make_the_same_bytes() {
    let again = files(&variable("POOLCFG_DIST_AGAIN"));
    let (target, _) = TARGETS[3];
    let archive = name(target) + ".tar.gz";
    assert!(
        again.keys().eq(["SHA256SUMS", &archive]),
        "{:?}",
        again.keys()
    );
    let made = files(&variable("POOLCFG_DIST"));
    assert!(made[&archive] == again[&archive], "{archive} differs");
}

#[test]
#[ignore = "needs a C library and the standard library's source: cargo xtask test"]
fn there_is_an_archive_of_each_target_and_its_sum() {
    let made = files(&variable("POOLCFG_DIST"));
    let names: Vec<_> = made.keys().map(String::as_str).collect();
    let archives = TARGETS.map(|(target, _)| name(target) + ".tar.gz");
    let mut expected: Vec<_> = archives.iter().map(String::as_str).collect();
    expected.push("SHA256SUMS");
    expected.sort_unstable();
    assert_eq!(names, expected);
    let check = Command::new("sha256sum")
        .current_dir(variable("POOLCFG_DIST"))
        .args(["--check", "--strict", "SHA256SUMS"])
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
    assert_eq!(String::from_utf8_lossy(&check.stdout).lines().count(), 4);
}

#[test]
#[ignore = "needs a C library and the standard library's source: cargo xtask test"]
fn an_archive_has_the_program_and_its_terms_and_nothing_of_this_machine() {
    let home = std::env::var("HOME").unwrap();
    // A folder is named before a file in it: `/root` by itself is a part of a path in /proc, too.
    let folders = [root().display().to_string(), home].map(|folder| folder + "/");
    for (target, _) in TARGETS {
        let work = TempDir::new().unwrap();
        let mut files = files(&unpack(target, work.path()));
        let pages: Vec<_> = files
            .extract_if(.., |name, _| name.starts_with("man/"))
            .collect();
        assert!(pages.iter().any(|(name, _)| name == "man/poolcfg-check.1"));
        assert!(files.keys().eq(&FILES), "{:?}", files.keys());
        let program = &files["poolcfg"];
        assert!(*program == files["cargo-poolcfg"]);
        assert!(has(
            &files["completions/poolcfg.bash"],
            "complete -F _poolcfg"
        ));
        for folder in &folders {
            assert!(!has(program, folder), "{target}: {folder}");
        }
        let terms = String::from_utf8_lossy(&files["LICENSES-OF-OTHERS"]);
        for part in ["\nclap-", "\nwasmparser-", "\nmusl: ", "Rich Felker"] {
            assert!(terms.contains(part), "{part}");
        }
    }
}

/// Runs a program in a folder that becomes its whole file system.
fn confined(folder: &Path, program: &[&str], arguments: &[&str]) -> Output {
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--root"])
        .arg(folder)
        .args(program)
        .args(arguments)
        .env_clear()
        .env("COLUMNS", "100");
    command.output().unwrap()
}

#[test]
#[ignore = "needs a C library, emulators and the standard library's source: cargo xtask test"]
fn each_program_answers_in_a_file_system_without_anything_else() {
    let built = programs().join("poolcfg");
    let empty = TempDir::new().unwrap();
    let told = COMMANDS.map(|arguments| {
        let mut command = Command::new(&built);
        command
            .current_dir(empty.path())
            .args(arguments)
            .env_clear()
            .env("COLUMNS", "100");
        command.output().unwrap()
    });
    assert!(has(&told[5].stdout, "pooling-total-memories = 42"));
    in_parallel(TARGETS.iter(), |(target, emulator)| {
        let work = TempDir::new().unwrap();
        let folder = unpack(target, work.path());
        for file in FILES.iter().filter(|file| **file != "poolcfg") {
            fs::remove_file(folder.join(file)).unwrap();
        }
        let mut program = vec!["/poolcfg"];
        if let Some(emulator) = emulator {
            // It is a static program, too. Another process writes it: what this one has open to write, a child that is
            // made meanwhile has open, too, and then it cannot be run.
            let file = variable("POOLCFG_QEMU").join("usr/bin").join(emulator);
            let status = Command::new("cp")
                .arg(file)
                .arg(folder.join("emulator"))
                .status();
            assert!(status.unwrap().success());
            program.insert(0, "/emulator");
        }
        for (arguments, told) in COMMANDS.iter().zip(&told) {
            let output = confined(&folder, &program, arguments);
            assert_eq!(&output, told, "{target}: {arguments:?}");
        }
    });
}

#[test]
#[ignore = "needs a C library and the standard library's source: cargo xtask test"]
fn each_program_is_one_static_file_for_its_machine() {
    let work = TempDir::new().unwrap();
    let own = unpack(TARGETS[0].0, work.path()).join("poolcfg");
    let files = TARGETS.map(|(target, _)| unpack(target, work.path()).join("poolcfg"));
    let output = Command::new(own)
        .args(["inspect", "--message-format", "json"])
        .args(&files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    for ((target, _), of) in TARGETS.iter().zip(document["results"].as_array().unwrap()) {
        assert_eq!(of["kind"], "program", "{of}");
        assert_eq!(of["linkage"], "static", "{of}");
        let machine = of["target"].as_str().unwrap().split('-').next().unwrap();
        assert!(target.starts_with(machine), "{target}: {of}");
    }
}
