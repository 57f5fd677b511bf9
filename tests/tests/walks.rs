//! Walks from nothing to something that runs, with the commands and the code of README.md: the author of a pool, and a
//! pipeline that notices another Wasmtime. The operator's walk and the embedder's are in tests/wasmtime.

use std::fs;
use std::path::Path;
use std::process::Command;

use poolcfg_tests::console::blocks;
use poolcfg_tests::{Package, checks, programs, root};

/// Runs a command in a folder, with the built programs on the path; it ends with this status, and says this.
fn run(folder: &Path, command: &str, status: i32, says: &str) {
    let programs = programs();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::iter::once(programs).chain(std::env::split_paths(&path));
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("CARGO_TARGET_DIR", checks())
        .env_remove("POOLCFG_VA_PROFILE")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(status), "{command}\n{said}");
    assert!(said.contains(says), "{command}\n{said}");
}

/// A program of the items and the statements of the block of README.md in which this stands.
fn program(what: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, block) = blocks(&readme)
        .into_iter()
        .find(|(kind, block)| kind.starts_with("rust") && block.contains(what))
        .expect("README.md shows it");
    let (items, statements) = block.split_at(block.find("let ").expect("statements"));
    format!(
        "mod pool_limits;\n{items}\nfn main() -> Result<(), Box<dyn std::error::Error>> {{\n{statements}\n\
         slot.memory_mut().as_mut_slice()[0] = 1;\n\
         println!(\"{{}} of {{}}\", POOL.guaranteed().max_instances, pool_limits::MAX_INSTANCES);\nOk(())\n}}\n"
    )
}

/// From `cargo new` to a pool that runs.
#[test]
fn an_author_of_a_pool_gets_one_that_runs() {
    let folder = tempfile::TempDir::new().unwrap();
    run(folder.path(), "cargo new --vcs none app", 0, "");
    let app = folder.path().join("app");
    run(&app, "cargo poolcfg init", 0, "wrote poolcfg.toml");
    run(
        &app,
        "cargo poolcfg check --target riscv64gc-unknown-linux-gnu",
        0,
        "100 of 100 instances × 2 GiB guaranteed",
    );
    let add = "add `mod pool_limits;` to src/main.rs to use it";
    run(&app, "cargo poolcfg", 0, add);
    // What `cargo add` would write for a crate that is published.
    let manifest = fs::read_to_string(app.join("Cargo.toml")).unwrap();
    let dependency = Package::runtime();
    fs::write(app.join("Cargo.toml"), format!("{manifest}{dependency}\n")).unwrap();
    fs::copy(root().join("Cargo.lock"), app.join("Cargo.lock")).unwrap();
    fs::write(app.join("src/main.rs"), program("PoolLimits, pool_limits")).unwrap();
    run(&app, "cargo run --quiet --offline", 0, "1000 of 1000");
    let misspelt = "POOLCFG_MAX_INSTANCE=2 cargo run --quiet --offline";
    run(&app, misspelt, 0, "POOLCFG_MAX_INSTANCE");
    run(&app, "cargo poolcfg --check", 100, "is not current");
    // The package depends on poolcfg-runtime now, which the file may use.
    run(
        &app,
        "cargo poolcfg && cargo poolcfg --check",
        0,
        "src/pool_limits.rs is current",
    );
    run(&app, "cargo run --quiet --offline", 0, "1000 of 1000");
    fs::write(
        app.join("poolcfg.toml"),
        "[pooling_allocator]\nmax_instances = 9000000\n",
    )
    .unwrap();
    run(&app, "cargo run --quiet --offline", 101, "PC0002");
    run(&app, "cargo poolcfg check", 100, "error[PC0002]");
}

/// Adds a dependency on a crate of Wasmtime's name, which nobody builds.
fn depend_on_wasmtime(package: &Package) {
    let manifest = fs::read_to_string(package.path("Cargo.toml")).unwrap();
    let excluded = "[workspace]\nexclude = [\"wasmtime\"]\n";
    let manifest = manifest.replace("[workspace]\n", excluded);
    let dependency = "wasmtime = { path = \"wasmtime\" }\n";
    package.write("Cargo.toml", &(manifest + dependency));
}

/// Makes this the version of that crate, here and in Cargo.lock.
fn lock_wasmtime(package: &Package, version: &str) {
    let manifest = format!("[package]\nname = \"wasmtime\"\nversion = \"{version}\"\n");
    package.write("wasmtime/Cargo.toml", &manifest);
    package.write("wasmtime/src/lib.rs", "");
    let update = "cargo update --quiet --offline --workspace";
    run(&package.path(""), update, 0, "");
}

/// A pipeline is green, goes red when Wasmtime is updated, and is green again after `sync`.
#[test]
fn a_pipeline_is_red_on_another_wasmtime_until_sync() {
    let package = Package::new("app", "", "", "");
    depend_on_wasmtime(&package);
    let pipeline = "cargo poolcfg check && cargo poolcfg sync --check";
    lock_wasmtime(&package, "48.0.2");
    run(
        &package.path(""),
        "cargo poolcfg init",
        0,
        "for the pools of the package's Wasmtime",
    );
    run(&package.path(""), pipeline, 0, "Wasmtime 48 pool");
    lock_wasmtime(&package, "49.0.1");
    run(
        &package.path(""),
        "cargo poolcfg check",
        100,
        "error[PC0032]",
    );
    run(
        &package.path(""),
        "cargo poolcfg sync --check",
        100,
        "error[PC0032]",
    );
    run(&package.path(""), "cargo poolcfg sync", 0, "49");
    run(&package.path(""), pipeline, 0, "Wasmtime 49 pool");
}

/// Who adds Wasmtime after `init` is told what to set, and `sync` fills in the table that `init` has commented out.
#[test]
fn sync_fills_in_what_init_has_left_out() {
    let package = Package::new("app", "", "", "");
    run(
        &package.path(""),
        "cargo poolcfg init",
        0,
        "wrote poolcfg.toml",
    );
    depend_on_wasmtime(&package);
    lock_wasmtime(&package, "48.0.2");
    let advice = "Cargo.lock has Wasmtime: for its pool, set `engine = \"wasmtime\"`";
    run(&package.path(""), "cargo poolcfg sync", 0, advice);
    let read = || fs::read_to_string(package.path("poolcfg.toml")).unwrap();
    let before = read();
    let with_engine = before.replacen("engine = \"native\"", "engine = \"wasmtime\"", 1);
    package.write("poolcfg.toml", &with_engine);
    run(
        &package.path(""),
        "cargo poolcfg sync",
        0,
        "wrote poolcfg.toml",
    );
    let after = read();
    assert_eq!(after.lines().count(), before.lines().count(), "{after}");
    let table = after.find("\n[pooling_allocator.wasmtime]\nversion = \"48\"");
    assert!(table.is_some(), "{after}");
    run(&package.path(""), "cargo poolcfg sync --check", 0, "");
}
