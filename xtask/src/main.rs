//! `cargo xtask …`: what cargo alone cannot do.
//!
//! - `item`: the things that the set-up fetches or builds, each once
//! - `cache`: where what is fetched lies; `built`: what the tests build there
//! - `debian`: packages of Debian, unpacked into the cache
//! - `cross`, `qemu`, `kernels`: compilers, emulators and kernels of riscv64 and aarch64
//! - `amd64`: a kernel of x86_64 and its modules, for swap
//! - `dlltool`: what rustc needs for Windows
//! - `libraries`: C libraries of other architectures, for unit tests in an emulator
//! - `oldest`: the oldest rustc that builds what users compile
//! - `rust_src`: the standard library's source, to build for targets that have no prebuilt one here
//! - `server`: the server of the original report, with Wasmtime in it, for both
//! - `strace`: the program that shows the mappings that another one makes
//! - `wasmtime_bin`: the real `wasmtime` commands, and Wasmtime's C libraries; `wheel`: how they are fetched
//! - `kept`: what of a package with a lock file of its own is kept built
//! - `embedder_50`: a program with Wasmtime 50 in it
//! - `fuzz`: bounded runs of the fuzz targets
//! - `races`: the pool's tests under ThreadSanitizer
//! - `run`: running a command, and saying which
//! - `programs`: all test programs, built once
//! - `tools`: what judges files and pages that people read
//! - `test`: the whole test run, and what each suite needs
//! - `bench`: the benchmarks of docs/figures.md
//! - `dist`: the command `poolcfg` for machines without anything else; `musl`: the C library in it; `licences`: the terms
//!   of what it is made of
#![forbid(unsafe_code)]

mod amd64;
mod bench;
mod built;
mod cache;
mod cross;
mod debian;
mod dist;
mod dlltool;
mod embedder_50;
mod fuzz;
mod item;
mod kept;
mod kernels;
mod libraries;
mod licences;
mod musl;
mod oldest;
mod programs;
mod qemu;
mod races;
mod run;
mod rust_src;
mod server;
mod strace;
mod test;
mod tools;
mod wasm_files;
mod wasmtime_bin;
mod wheel;

use std::process::ExitCode;

use test::{Heavy, Promises};

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

Commands:
  setup    Say what is missing (bytes to fetch, disk, minutes), then fetch and build what the tests need, into the cache
           ($POOLCFG_CACHE, or ~/.cache/poolcfg)
  test     Set up, then run every test; what takes long to build is used only when it is there
  test --all
           The same, and build what takes long, too
  test [--all] SUITE... [-- WORD...]
           Set up and run these suites alone, or of them the tests with one of the words in their names
  fuzz     Replay the corpus of every fuzz target, and ask it as much more as the tests do
  kernels  Set up, boot kernels in emulation, and print what each has of what is promised
  promises Set up, start thousands of random files in fresh processes, here and in emulated kernels, and print what
           came of them
  promises --seed N [--kernel PROFILE]
           The same of one file, here or in the kernel of a VA profile
  dist     Set up, and make an archive of the command `poolcfg` for each target, in target/dist
  dist --twice
           The same in two folders, and fail when the bytes differ
  bench    Run every benchmark, and print the tables of docs/figures.md
  bench wasmtime
           Set up, and print the tables of docs/figures.md of real Wasmtime: its pool beside ours, and with and
           without our limits
  bench why
           Set up, and print what programs cost under `poolcfg why` beside what they cost without it
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["setup"] => test::setup(),
        ["test", "--all", suites @ ..] => test::test(Heavy::Built, suites),
        ["test", suites @ ..] => test::test(Heavy::LeftOut, suites),
        ["fuzz"] => test::fuzz(),
        ["kernels"] => test::kernels(),
        ["promises"] => test::promises(Promises::All),
        ["promises", "--seed", seed] => test::promises(Promises::Seed(seed, None)),
        ["promises", "--seed", seed, "--kernel", kernel] => {
            test::promises(Promises::Seed(seed, Some(kernel)))
        }
        ["dist"] => dist::dist(),
        ["dist", "--twice"] => dist::twice(),
        ["bench"] => bench::bench(),
        ["bench", "wasmtime"] => bench::wasmtime(),
        ["bench", "why"] => bench::why(),
        ["--help" | "-h" | "help"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
