//! Blocks of documents: what stands in them, and whether a command prints what is shown.

use std::process::Command;

use crate::{Package, programs};

/// The blocks of a document: the kind of each, and its text.
#[must_use]
pub fn blocks(text: &str) -> Vec<(String, String)> {
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

/// Behind this comment a project has no poolcfg.toml again.
const NEW_PROJECT: &str = "<!-- a new project -->";

/// Runs the `console` blocks of a document, and tells how many there were. A block runs in a new project, with the
/// `toml` block that stands before it as poolcfg.toml. A line `...` stands for any lines, and the comment `# exit status N`
/// behind a command for what it ends with, which is else 0.
///
/// # Panics
/// When a block prints other lines or ends otherwise than it shows.
pub fn run_console_blocks(document: &str) -> usize {
    document.split(NEW_PROJECT).map(run_blocks).sum()
}

#[expect(clippy::unwrap_used, reason = "a panic ends the test")]
fn run_blocks(part: &str) -> usize {
    let programs = programs();
    let path = std::env::join_paths(
        std::iter::once(programs).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let mut project = Package::new("project", "", "", "pub mod pool_limits;\n");
    let mut ran = 0;
    for (kind, block) in blocks(part) {
        if kind == "toml" {
            project = Package::new("project", "", &block, "pub mod pool_limits;\n");
        }
        if kind != "console" {
            continue;
        }
        let mut lines = block.lines();
        let command = lines.next().unwrap().strip_prefix("$ ").unwrap();
        let status = command.split_once("  # exit status ");
        let status = status.map_or(0, |(_, status)| status.parse().unwrap());
        let shown: Vec<_> = lines.collect();
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1; {command}")])
            .current_dir(project.path(""))
            .env("PATH", &path)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("POOLCFG_VA_PROFILE")
            .output()
            .unwrap();
        let seen = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(status), "{command}\n{seen}");
        let seen_lines: Vec<_> = seen.trim_end().lines().collect();
        assert!(matches(&shown, &seen_lines), "$ {command}\n{seen}");
        ran += 1;
    }
    ran
}
