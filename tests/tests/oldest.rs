//! What users compile, built by the oldest rustc that is promised to do: the three crates, the attribute in a
//! package, and a generated file with the runtime and without.
//!
//! This needs that rustc: `cargo xtask test oldest` fetches it.

use std::process::Command;

use poolcfg_tests::{Package, programs, root, variable};

/// The crates that a user's build compiles.
const CRATES: [&str; 3] = ["poolcfg-core", "poolcfg-macros", "poolcfg-runtime"];

const FILE: &str = "[pooling_allocator]\non_misfit = \"shrink\"\n";

fn passes(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A cargo that builds with the oldest rustc.
fn oldest() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .env("RUSTC", variable("POOLCFG_OLDEST_RUSTC"))
        .env("CARGO_TARGET_DIR", variable("POOLCFG_OLDEST_TARGET"))
        .env_remove("POOLCFG_VA_PROFILE");
    cargo
}

fn builds(package: &Package) {
    let manifest = package.path("Cargo.toml");
    passes(oldest().args(["build", "--manifest-path"]).arg(manifest));
}

#[test]
#[ignore = "needs the oldest rustc: cargo xtask test"]
fn the_oldest_rustc_is_the_one_that_the_crates_promise() {
    let said = passes(Command::new(variable("POOLCFG_OLDEST_RUSTC")).arg("--version"));
    for name in CRATES {
        let manifest = std::fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let promised = manifest
            .lines()
            .find_map(|line| line.strip_prefix("rust-version = "))
            .unwrap()
            .trim_matches('"');
        assert!(
            said.starts_with(&format!("rustc {promised}.")),
            "{name} promises {promised}; this is {said}"
        );
    }
}

#[test]
#[ignore = "needs the oldest rustc: cargo xtask test"]
fn the_oldest_rustc_builds_what_users_compile() {
    passes(
        oldest()
            .current_dir(root())
            .args(["build", "--locked", "--all-features"])
            .args(CRATES.iter().flat_map(|name| ["-p", name])),
    );
    let attribute = "
        use poolcfg_runtime::{PoolLimits, pool_limits};
        #[pool_limits]
        pub const POOL: PoolLimits;
    ";
    builds(&Package::new(
        "attribute",
        &Package::runtime(),
        FILE,
        attribute,
    ));
    let program = programs().join("cargo-poolcfg");
    for dependencies in [Package::runtime(), String::new()] {
        let source = "pub mod pool_limits;\n";
        let package = Package::new("generated", &dependencies, FILE, source);
        passes(
            Command::new(&program)
                .current_dir(package.path(""))
                .args([
                    "poolcfg",
                    "generate",
                    "--target",
                    "x86_64-unknown-linux-gnu",
                ])
                .env_remove("POOLCFG_VA_PROFILE"),
        );
        assert!(package.path("src/pool_limits.rs").exists());
        builds(&package);
    }
}
