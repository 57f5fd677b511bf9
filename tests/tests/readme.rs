//! README and guide: their console blocks print what they show, and the table of targets is the model's.

use std::fs;

use poolcfg_core::{Budget, Shape, VaProfile};
use poolcfg_tests::console::run_console_blocks;
use poolcfg_tests::root;

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
    let sv39 = profiles.iter().find(|profile| profile.name == "sv39");
    let sv39 = sv39.unwrap();
    let [hole, _] = Budget::new(sv39, Shape::DEFAULT, None).holes();
    let (window, hole) = (sv39.window.available(), hole.available());
    for sentence in [
        format!("`cargo-poolcfg` needs Rust {own}."),
        format!("needs Rust {built}, which is Debian 13's"),
        format!("a fresh machine with Rust {own},"),
        format!("poolcfg is at {minor} and not published"),
        format!("the {window} of such a board are {hole} in one"),
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
            let [first, second] = Budget::new(&profile, Shape::DEFAULT, None).holes();
            let second = match second.available().to_string().as_str() {
                "0 bytes" => "-".to_owned(),
                size => size.to_owned(),
            };
            let numbers = [
                format!("`{}`", profile.name),
                profile.window.available().to_string(),
                first.available().to_string(),
                second,
                profile.known.to_string(),
            ];
            cells[2..7] == numbers.each_ref().map(String::as_str)
        });
        assert!(known, "{row}");
    }
}
