//! The README: its console blocks print what they show, and its table of targets is the model's.
//!
//! A block runs in a new project, with the `toml` block that stands before it as poolcfg.toml. A line
//! `...` stands for any lines, and `? N` behind a command for its exit status, which is else 0.

use std::fs;
use std::process::Command;

use poolcfg_core::{Budget, Shape, VaProfile};
use poolcfg_tests::{Package, programs, root};

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The blocks of one kind and those of another, in order.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((kind.to_owned(), block.join("\n")));
        }
    }
    blocks
}

/// Whether lines are as shown, where `...` stands for any of them.
fn matches(shown: &[&str], seen: &[&str]) -> bool {
    match (shown, seen) {
        ([], []) => true,
        (["...", rest @ ..], _) => (0..=seen.len()).any(|skipped| matches(rest, &seen[skipped..])),
        ([first, shown @ ..], [line, seen @ ..]) => {
            first.trim_end() == line.trim_end() && matches(shown, seen)
        }
        _ => false,
    }
}

#[test]
fn the_console_blocks_print_what_they_show() {
    let programs = programs();
    let path = std::env::join_paths(
        std::iter::once(programs).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let mut project = Package::new("project", "", "", "pub mod pool_limits;\n");
    let mut ran = 0;
    for (kind, block) in blocks(&readme()) {
        if kind == "toml" {
            project = Package::new("project", "", &block, "pub mod pool_limits;\n");
        }
        if kind != "console" {
            continue;
        }
        let mut lines = block.lines();
        let command = lines.next().unwrap().strip_prefix("$ ").unwrap();
        let shown: Vec<_> = lines.collect();
        let (status, shown) = match shown.as_slice() {
            [first, rest @ ..] if first.starts_with("? ") => (first[2..].parse().unwrap(), rest),
            all => (0, all),
        };
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1; {command}")])
            .current_dir(project.path(""))
            .env("PATH", &path)
            .env_remove("POOLCFG_VA_PROFILE")
            .output()
            .unwrap();
        let seen = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(status), "{command}\n{seen}");
        let seen_lines: Vec<_> = seen.trim_end().lines().collect();
        assert!(matches(shown, &seen_lines), "$ {command}\n{seen}");
        ran += 1;
    }
    assert_eq!(ran, 14, "console blocks");
}

/// Each row of the table names a floor with the numbers that the model has for it.
#[test]
fn the_table_of_targets_is_the_model() {
    let readme = readme();
    let (_, table) = readme.split_once("| target | floor |").unwrap();
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
