//! The embedder's walk: from `cargo new` to a real Wasmtime that runs an instance in a pool of poolcfg's limits, with the
//! commands and the code of README.md. What it depends on is the embedder's, so that cargo has that built already.

use std::fs;
use std::path::Path;

use poolcfg_tests::root;
use poolcfg_tests::walk::{program_of_readme, run};
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::setup::target;

/// What is run, and what it answers.
const APP: &str = "(module (memory 1) (func (export \"answer\") (result i32) i32.const 42))";

/// What the program does with its engine. Cranelift would take minutes to build: the `wasmtime` command compiles.
const USE: &str = r#"println!("{} instances", checked.instances());
let module = unsafe { wasmtime::Module::deserialize_file(&engine, "app.cwasm")? };
let mut store = wasmtime::Store::new(&engine, ());
let instance = wasmtime::Instance::new(&mut store, &module, &[])?;
let answer = instance.get_typed_func::<(), i32>(&mut store, "answer")?;
println!("answer: {}", answer.call(&mut store, ())?);"#;

/// With this the command compiles for an engine that has no threads.
const COMPILE: &str =
    "compile --config wasmtime.toml -W threads=n,concurrency-support=n -o app.cwasm app.wat";

/// The oldest version of which README.md speaks has every setter that `configure_wasmtime!` calls, and takes the limits.
#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn the_oldest_wasmtime_takes_the_limits() {
    let package = root().join("tests/wasmtime/embedder-28");
    let target = target().join("embedder-28");
    run(&package, &target, "cargo run --quiet --locked", 0, "10\n");
}

#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn an_embedder_gets_a_pool_that_runs() {
    let folder = tempfile::TempDir::new().unwrap();
    let target = target();
    let type_in = |folder: &Path, command: &str, status: i32, says: &str| {
        run(folder, &target, command, status, says);
    };
    type_in(folder.path(), "cargo new --vcs none host", 0, "");
    let host = folder.path().join("host");
    let host = |command: &str, status: i32, says: &str| type_in(&host, command, status, says);
    let release = Release::of_embedder();
    add_dependencies(&host, release.version);
    // The versions that are built already.
    let lock = root().join("tests/wasmtime/embedder/Cargo.lock");
    fs::copy(lock, folder.path().join("host/Cargo.lock")).unwrap();
    host("cargo update --quiet --offline --workspace", 0, "");

    let wrote = "wrote poolcfg.toml, for the pools of the package's Wasmtime";
    host("cargo poolcfg init", 0, wrote);
    let major = release.version.split('.').next().unwrap();
    let fits = format!("ok: Wasmtime {major} pool, 1000 of 1000 instances × 4 GiB guaranteed");
    host("cargo poolcfg check", 0, &fits);
    let on_a_board = "42 of 1000 instances × 4 GiB guaranteed";
    let check = "cargo poolcfg check --target riscv64gc-unknown-linux-gnu";
    host(check, 0, on_a_board);

    let program = program_of_readme("WasmtimeLimits, configure_wasmtime", USE);
    fs::write(folder.path().join("host/src/main.rs"), program).unwrap();
    fs::write(folder.path().join("host/app.wat"), APP).unwrap();
    let emit = "cargo poolcfg --emit wasmtime-toml -o wasmtime.toml";
    host(emit, 0, "wrote wasmtime.toml");
    let compile = format!("'{}' {COMPILE}", release.program.display());
    host(&compile, 0, "");
    let start = "cargo run --quiet --offline";
    host(start, 0, "1000 instances\nanswer: 42\n");

    // An operator lowers the limit, and misspells the variable.
    let lowered = format!("POOLCFG_MAX_INSTANCES=7 {start}");
    host(&lowered, 0, "7 instances\nanswer: 42\n");
    let misspelt = format!("POOLCFG_MAX_INSTANCE=7 {start}");
    let unknown = "warning: unknown environment variable `POOLCFG_MAX_INSTANCE`";
    host(&misspelt, 0, unknown);

    // Where there is less, the error says what to start it with, and that starts it.
    let program = target.join("debug/host");
    let within = format!("prlimit --as=183609851904 -- '{}'", program.display());
    let advice = "start with `POOLCFG_MAX_INSTANCES=42`";
    host(&within, 1, advice);
    let advised = format!("POOLCFG_MAX_INSTANCES=42 {within}");
    host(&advised, 0, "42 instances\nanswer: 42\n");
}

/// What README.md has a new user add, of which a version and its features are given here.
fn add_dependencies(host: &dyn Fn(&str, i32, &str), version: &str) {
    let features = "pooling-allocator,runtime,std,async,component-model,gc,gc-copying";
    let wasmtime = format!(
        "cargo add --offline wasmtime@={version} --no-default-features --features {features}"
    );
    host(&wasmtime, 0, "Adding wasmtime");
    let runtime = root().join("poolcfg-runtime");
    let runtime = format!("cargo add --offline --path '{}'", runtime.display());
    host(&runtime, 0, "Adding poolcfg-runtime");
}
