//! README and guide: their console blocks print what they show, and the table of targets is the model's.

use std::fs;

use poolcfg_core::{Budget, Shape, Size, VaProfile};
use poolcfg_tests::console::run_console_blocks;
use poolcfg_tests::{checks, root, walk};
use tempfile::TempDir;

/// The documents with commands, and how many blocks each has.
const DOCUMENTS: [(&str, usize); 6] = [
    ("README.md", 4),
    ("docs/board.md", 5),
    ("docs/configuration.md", 3),
    ("docs/json.md", 1),
    ("docs/pool.md", 3),
    ("docs/wasmtime.md", 1),
];

fn text(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

#[test]
fn the_console_blocks_print_what_they_show() {
    for (document, blocks) in DOCUMENTS {
        assert_eq!(run_console_blocks(&text(document)), blocks, "{document}");
    }
}

/// The version and the rustc that a manifest states, or the workspace's for it.
fn stated(manifest: &str, key: &str) -> String {
    let text = text(manifest);
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let value = line.and_then(|rest| rest.trim_start().strip_prefix("= \""));
    let value = value.and_then(|rest| rest.split('"').next());
    value
        .unwrap_or_else(|| panic!("`{manifest}` has `{key}`"))
        .to_owned()
}

/// What README.md says outside of console blocks is what the manifests and the model say.
#[test]
fn the_numbers_of_the_readme_hold() {
    let readme = text("README.md");
    let own = stated("Cargo.toml", "rust-version");
    let built = stated("poolcfg-runtime/Cargo.toml", "rust-version");
    let version = stated("Cargo.toml", "version");
    let (minor, _) = version.rsplit_once('.').unwrap();
    let profiles = VaProfile::ALL.concat();
    let of = |name: &str| {
        let profile = profiles.iter().find(|profile| profile.name == name);
        let profile = profile.unwrap();
        let [hole, _] = Budget::new(profile, Shape::DEFAULT, None).holes();
        (profile.window.available(), hole.available())
    };
    let ((sv39, sv39_hole), (va39, va39_hole)) = (of("sv39"), of("va39"));
    for sentence in [
        format!("`cargo-poolcfg` needs Rust {own}."),
        format!("needs Rust {built}, which is Debian 13's"),
        format!("a fresh machine with Rust {own},"),
        format!("poolcfg is at {minor} and not published"),
        format!("the {sv39} of a VisionFive 2 (sv39) are {sv39_hole} in one"),
        format!("the {va39} of a Jetson or a Raspberry Pi (va39) {va39_hole}."),
    ] {
        assert!(readme.contains(&sentence), "{sentence}");
    }
}

/// Each row of the table names a floor with the numbers that the model has for it.
#[test]
fn the_table_of_targets_is_the_model() {
    let targets = text("docs/targets.md");
    let (_, table) = targets.split_once("| target | floor |").unwrap();
    let rows: Vec<_> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(rows.len() > 8);
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let known = VaProfile::ALL.concat().into_iter().any(|profile| {
            let budget = Budget::new(&profile, Shape::DEFAULT, None);
            let [first, second] = budget.holes();
            let all = Size::bytes(budget.room.total);
            let [second, all] = [second, all].map(|size| match size {
                Size::ZERO => "-".to_owned(),
                size => size.available().to_string(),
            });
            let numbers = [
                format!("`{}`", profile.name),
                profile.window.available().to_string(),
                first.available().to_string(),
                second,
                all,
                profile.known.to_string(),
            ];
            cells[2..8] == numbers.each_ref().map(String::as_str)
        });
        assert!(known, "{row}");
    }
}

/// How a command ends is what scripts go by, and what the documents say.
#[test]
fn commands_end_as_the_documents_say() {
    let readme = text("README.md").replace('\n', " ");
    let commands = text("docs/commands.md");
    for sentence in [
        "`cargo poolcfg check` ends with 0 if all pools fit, and `cargo poolcfg --check` if the generated file is current, too.",
        "Both end with 100 if not, and with 101 if the command fails.",
    ] {
        assert!(readme.contains(sentence), "{sentence}");
    }
    let statuses = "Exit status: 0 if the pools fit; 100 if they do not, or if --check finds a stale file; 101 if the command \
                    fails, for example because poolcfg.toml has errors; 2 for wrong usage.";
    assert!(commands.contains(statuses));
    let folder = TempDir::new().unwrap();
    let run = |command: &str, status: i32, says: &str| {
        walk::run(folder.path(), &checks(), command, status, says);
    };
    let write = |instances: &str| {
        let file = format!(
            "[pooling_allocator]\nmax_instances = {instances}\nmemory_reservation = \"4GiB\"\n"
        );
        fs::write(folder.path().join("poolcfg.toml"), file).unwrap();
    };
    let manifest = "[package]\nname = \"app\"\nedition = \"2024\"\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), "").unwrap();
    let target = "--target riscv64gc-unknown-linux-gnu";
    write("60");
    run(&format!("cargo poolcfg check {target}"), 0, "ok: ");
    run("cargo poolcfg --check", 100, "does not exist");
    run(
        &format!("cargo poolcfg {target}"),
        0,
        "wrote src/pool_limits.rs",
    );
    run("cargo poolcfg --check", 0, "is current");
    write("59");
    run("cargo poolcfg --check", 100, "is not current");
    write("61");
    for command in [
        &format!("cargo poolcfg check {target}")[..],
        "cargo poolcfg --check",
    ] {
        run(command, 100, "error[PC0001]");
    }
    write("no number");
    for command in ["cargo poolcfg check", "cargo poolcfg --check"] {
        run(command, 101, "poolcfg.toml:2:");
    }
    run("cargo poolcfg --chek", 2, "Usage: ");
}

/// The oldest Wasmtime that the documents speak of is the one that a program is built with in the tests.
#[test]
fn the_oldest_wasmtime_that_is_configured_is_the_same_everywhere() {
    let manifest = text("tests/wasmtime/embedder-28/Cargo.toml");
    let (_, version) = manifest.split_once("wasmtime = { version = \"=").unwrap();
    let (oldest, _) = version.split_once('.').unwrap();
    for (document, sentence) in [
        (
            "README.md",
            format!("your own `wasmtime`, any version from {oldest} on"),
        ),
        (
            "docs/wasmtime.md",
            format!("own `wasmtime`, any version from {oldest} on"),
        ),
        (
            "CHANGELOG.md",
            format!("configures Wasmtime {oldest} and later"),
        ),
        (
            "poolcfg-runtime/src/limits/wasmtime/settings.rs",
            format!("own `wasmtime`, from version {oldest} on"),
        ),
    ] {
        let said = text(document)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(said.contains(&sentence), "{document}: {sentence}");
    }
}
