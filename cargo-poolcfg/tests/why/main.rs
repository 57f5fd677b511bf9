//! `why`: each limit is named by what it refuses, and a command runs as it does without it. The programs that meet limits
//! are in `victim.py`, and those that are killed in `killed.py`.
//!
//! - `limits`: which limit is named
//! - `survived`: failures that did not end the command
//! - `output`: streams, status, and the object
//! - `followed`: programs that are hard to follow
//! - `retry`: what is run again
//! - `signals`: signals and stops
#![cfg(all(
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
))]

#[path = "../common/mod.rs"]
mod common;
mod followed;
mod limits;
mod output;
mod retry;
mod signals;
mod survived;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{Ran, program, ran};
use serde_json::Value;

/// A wrapper that sets a limit of 1 GiB.
const ADDRESS_SPACE: &[&str] = &["prlimit", "--as=1073741824"];
const DATA: &[&str] = &["prlimit", "--data=1073741824"];
/// Without the capability to lock any memory.
const MEMLOCK: &[&str] = &[
    "prlimit",
    "--memlock=65536",
    "setpriv",
    "--bounding-set=-ipc_lock",
    "--inh-caps=-ipc_lock",
];

/// The program that `python3` is, without a wrapper around it.
fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let mut command = Command::new("python3");
        let ran = ran(command.args(["-c", "import sys; print(sys.executable)"]));
        ran.ends(0).stdout.trim().to_owned()
    })
}

fn victim() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/why/victim.py")
}

/// The words that start a program of `victim.py`.
fn words<'a>(wrapper: &[&'a str], what: &'a str) -> Vec<String> {
    let mut words: Vec<String> = wrapper.iter().map(|word| (*word).to_owned()).collect();
    words.extend([python().to_owned(), victim().to_str().unwrap().to_owned()]);
    words.push(what.to_owned());
    words
}

/// `why` with these flags, of a command.
fn why(flags: &[&str], command: &[String]) -> Command {
    let mut why = program("poolcfg", &std::env::temp_dir());
    why.arg("why").args(flags).arg("--").args(command);
    why
}

/// The result of a run of a program of `victim.py`, which prints nothing on stdout.
fn result(wrapper: &[&str], what: &str, status: i32) -> Value {
    let flags = ["--message-format", "json"];
    let ran = ran(&mut why(&flags, &words(wrapper, what)));
    let mut json = ran.ends(status).json();
    json["results"][0].take()
}

fn run(what: &str) -> Ran {
    ran(&mut why(&[], &words(&[], what)))
}

/// Waits until something is so.
#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "{what}: waited in vain");
        sleep(Duration::from_millis(20));
    }
}
