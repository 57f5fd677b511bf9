//! Walks from nothing to something that runs, with the commands and the code of README.md: the author of a pool, a
//! pipeline that notices another Wasmtime, and a workspace with one file. The operator's walk and the embedder's are in
//! tests/wasmtime.

use std::fs;
use std::path::Path;

use poolcfg_tests::{Package, checks, root, walk};

/// Runs a command line as `poolcfg_tests::walk` does, with one target folder for all walks.
fn run(folder: &Path, command: &str, status: i32, says: &str) {
    walk::run(folder, &checks(), command, status, says);
}

/// What the author's program does with its slot, and what it prints.
const USE: &str = "slot.memory_mut().as_mut_slice()[0] = 1;
println!(\"{} of {}\", POOL.guaranteed().max_instances, pool_limits::MAX_INSTANCES);";

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
    let program = walk::program_of_readme("PoolLimits, pool_limits", USE);
    let program = format!("mod pool_limits;\n{program}");
    fs::write(app.join("src/main.rs"), program).unwrap();
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
    let with_engine = before.replacen("# engine = \"native\"", "engine = \"wasmtime\"", 1);
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

/// The code of a package that says how many instances its pool may have.
const MEMBER: &str = "use poolcfg_runtime::{PoolLimits, pool_limits};
#[pool_limits]
pub const POOL: PoolLimits;
fn main() {
    println!(\"{}\", POOL.guaranteed().max_instances);
}
";

/// Three packages take their limits from one file at the root of their workspace, in the command and in the compiler.
#[test]
fn a_workspace_of_three_packages_has_one_file() {
    const NAMES: [&str; 3] = ["api", "worker", "cron"];
    let folder = tempfile::TempDir::new().unwrap();
    let root_toml = "[workspace]\nresolver = \"3\"\nmembers = []\n\
                     [workspace.metadata.poolcfg]\nconfig = \"poolcfg.toml\"\n";
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    let run = |command: &str, status: i32, says: &str| run(folder.path(), command, status, says);
    write("Cargo.toml", root_toml);
    for name in NAMES {
        run(&format!("cargo new --vcs none {name}"), 0, "");
        let dependency = Package::runtime();
        run(&format!("echo '{dependency}' >> {name}/Cargo.toml"), 0, "");
        write(&format!("{name}/src/main.rs"), MEMBER);
    }
    fs::copy(root().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    let file = |instances: u64| {
        let text = format!("[pooling_allocator]\nmax_instances = {instances}\n");
        write("poolcfg.toml", &text);
    };
    file(12);
    let check = "cargo poolcfg check --workspace";
    run(check, 0, "ok: native pool, 12 of 12 instances");
    for name in NAMES {
        let says = format!(
            "package `{name}`: read `poolcfg.toml`, where `[workspace.metadata.poolcfg]` points"
        );
        run(&format!("{check} -v"), 0, &says);
        run(&format!("cargo run --quiet --offline -p {name}"), 0, "12\n");
    }
    file(13);
    for name in NAMES {
        run(&format!("cargo run --quiet --offline -p {name}"), 0, "13\n");
    }
    file(9_000_000);
    run(check, 100, "error[PC0002]");
    run("cargo build --quiet --offline --workspace", 101, "PC0002");
}
