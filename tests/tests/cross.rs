//! Cross builds: the limits are right for the target and not for the host, and the compiler refuses what
//! the target's floor cannot hold.
//!
//! These need the standard library's source, since there is no prebuilt library for the targets here:
//! `cargo xtask test` fetches it and runs them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use poolcfg_tests::{Package, programs, root, variable};

const RISCV64: &str = "riscv64gc-unknown-linux-gnu";
const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// A cargo command that builds the standard library for `target` from source. One target folder serves
/// all tests, outside the checkout, so that a clean clone finds the library built.
fn cargo(command: &str, target: &str, folder: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(folder)
        .args([command, "-Zbuild-std=std,panic_abort", "--target", target])
        .arg("--target-dir")
        .arg(variable("POOLCFG_CROSS_TARGET"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", variable("POOLCFG_RUST_SRC"))
        .env(
            "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS",
            format!("-Cdlltool={}", variable("POOLCFG_DLLTOOL").display()),
        )
        .env_remove("POOLCFG_VA_PROFILE");
    cargo
}

fn passes(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn fails(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?} succeeds");
    String::from_utf8(output.stderr).unwrap()
}

fn package(name: &str, poolcfg_toml: &str, source: &str) -> Package {
    Package::new(name, &Package::runtime(), poolcfg_toml, source)
}

const TOO_LARGE: &str = r#"[pooling_allocator]
max_instances = 1000
memory_reservation = "4GiB"
guard_size = "32MiB"
on_misfit = "error"
"#;

const ATTRIBUTE: &str = "
    use poolcfg_runtime::{PoolLimits, pool_limits};
    #[pool_limits]
    pub const POOL: PoolLimits;
";

#[test]
#[ignore = "needs the standard library's source: cargo xtask test"]
fn the_example_compiles_for_riscv64_and_aarch64() {
    for target in [RISCV64, AARCH64] {
        let mut check = cargo("check", target, root());
        check.args(["--package", "slot-server"]);
        passes(check);
    }
}

#[test]
#[ignore = "needs the standard library's source: cargo xtask test"]
fn the_runtime_compiles_for_other_systems() {
    for target in [
        "x86_64-pc-windows-gnu",
        "x86_64-pc-windows-msvc",
        "x86_64-apple-darwin",
        "x86_64-unknown-freebsd",
        "i686-unknown-linux-gnu",
    ] {
        let mut check = cargo("check", target, root());
        check.args(["--package", "poolcfg-runtime"]);
        passes(check);
    }
}

#[test]
#[ignore = "needs the standard library's source: cargo xtask test"]
fn a_pool_that_the_floor_cannot_hold_fails_its_cross_build_only() {
    let package = package("too-large", TOO_LARGE, ATTRIBUTE);
    for (target, sentence) in [
        (
            RISCV64,
            "pool needs 3.94 TiB in slots of 4.04 GiB; riscv64 sv39 (pie, measured profile) has 252.87 GiB in \
             three holes: max_instances = 60 fits",
        ),
        (
            AARCH64,
            "pool needs 3.94 TiB in slots of 4.04 GiB; aarch64 va39 (pie, measured profile) has 508.87 GiB in \
             three holes: max_instances = 124 fits",
        ),
    ] {
        let error = fails(cargo("check", target, &package.path("")));
        assert!(error.contains(sentence), "{error}");
    }
    passes(cargo(
        "check",
        "x86_64-unknown-linux-gnu",
        &package.path(""),
    ));
}

#[test]
#[ignore = "needs the standard library's source: cargo xtask test"]
fn the_compiler_takes_the_suggested_number_and_refuses_the_next() {
    for (number, fits) in [(60, true), (61, false)] {
        let file = TOO_LARGE.replace("1000", &number.to_string());
        let package = package("suggested", &file, ATTRIBUTE);
        let mut check = cargo("check", RISCV64, &package.path(""));
        assert_eq!(check.output().unwrap().status.success(), fits, "{number}");
    }
}

#[test]
#[ignore = "needs the standard library's source: cargo xtask test"]
fn one_file_gives_each_target_its_own_constants() {
    let source = format!(
        "{ATTRIBUTE}
        const _: () = assert!(POOL.asked().max_instances == 1000);
        #[cfg(target_arch = \"riscv64\")]
        const _: () = assert!(POOL.guaranteed().max_instances == 60);
        #[cfg(target_arch = \"aarch64\")]
        const _: () = assert!(POOL.guaranteed().max_instances == 124);
        #[cfg(target_arch = \"x86_64\")]
        const _: () = assert!(POOL.guaranteed().max_instances == 1000);
        "
    );
    let file = TOO_LARGE.replace("\"error\"", "\"shrink\"");
    let package = package("constants", &file, &source);
    for target in [RISCV64, AARCH64, "x86_64-unknown-linux-gnu"] {
        passes(cargo("check", target, &package.path("")));
    }
}

#[test]
#[ignore = "needs the standard library's source: cargo xtask test"]
fn wasmtime_gets_its_own_constants_on_each_target_too() {
    let source = "
        use poolcfg_runtime::{WasmtimeLimits, pool_limits};
        #[pool_limits]
        pub const POOL: WasmtimeLimits;
        #[cfg(target_arch = \"riscv64\")]
        const SLOTS: u32 = 42;
        #[cfg(target_arch = \"aarch64\")]
        const SLOTS: u32 = 84;
        #[cfg(target_arch = \"x86_64\")]
        const SLOTS: u32 = 1000;
        const _: () = assert!(POOL.settings().total_memories == SLOTS);
        const _: () = assert!(POOL.settings().memory_reservation == 4 << 30);
    ";
    let file = "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime.version = \"48\"\n";
    let fitted = package("wasmtime", file, source);
    for target in [RISCV64, AARCH64, "x86_64-unknown-linux-gnu"] {
        passes(cargo("check", target, &fitted.path("")));
    }
    let too_many = package(
        "wasmtime-43",
        &format!("{file}max_instances = 43\n"),
        source,
    );
    let error = fails(cargo("check", RISCV64, &too_many.path("")));
    assert!(error.contains("max_instances = 42 fits"), "{error}");
}

#[test]
#[ignore = "needs the standard library's source: cargo xtask test"]
fn the_generated_file_holds_for_its_target_only() {
    let file = TOO_LARGE.replace("\"error\"", "\"shrink\"");
    let package = package("generated", &file, "pub mod pool_limits;");
    let mut generate = Command::new(programs().join("cargo-poolcfg"));
    generate
        .env_remove("POOLCFG_VA_PROFILE")
        .args(["--target", RISCV64, "--manifest-path"])
        .arg(package.path("Cargo.toml"));
    passes(generate);
    passes(cargo("check", RISCV64, &package.path("")));
    let error = fails(cargo("check", AARCH64, &package.path("")));
    assert!(error.contains("cargo poolcfg"), "{error}");

    let path = package.path("src/pool_limits.rs");
    let current = fs::read_to_string(&path).unwrap();
    let guaranteed = " MAX_INSTANCES: u32 = 60;";
    assert!(current.contains(guaranteed), "{current}");
    fs::write(
        &path,
        current.replace(guaranteed, " MAX_INSTANCES: u32 = 61;"),
    )
    .unwrap();
    let error = fails(cargo("check", RISCV64, &package.path("")));
    assert!(error.contains("pool_limits.rs"), "{error}");
}
