//! What `--help` prints of the command and of each subcommand, in 100 columns.
//!
//! The texts stand in `help/`. `POOLCFG_BLESS=1 cargo test -p cargo-poolcfg --test help` writes them anew;
//! read the difference before it is committed.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

mod common;

use common::commands;

/// The help of a subcommand; of the command itself when it is empty.
fn help(subcommand: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-poolcfg"))
        .arg("poolcfg")
        .args((!subcommand.is_empty()).then_some(subcommand))
        .arg("--help")
        // The width is the terminal's where there is one.
        .stdin(Stdio::null())
        .env("COLUMNS", "100")
        .env_remove("CARGO_TERM_COLOR")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    // Lines between paragraphs have spaces of the indent, which an editor takes away.
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

#[test]
fn help_is_as_it_was_read() {
    let command = help("");
    let listed = commands(&command);
    let mut texts = vec![("poolcfg", command.clone())];
    texts.extend(listed.map(|name| (name, help(name))));
    assert!(texts.len() > 1, "{command}");

    for (name, text) in &texts {
        assert!(text.is_ascii(), "{name}: {text}");
        let (_, last) = text.trim_end().rsplit_once("\n\n").unwrap();
        let last = last.replace('\n', " ");
        assert!(last.starts_with("Exit status: "), "{name}: {last}");
        assert!(last.contains("2 for wrong usage"), "{name}: {last}");
        for status in ["125 ", "126 ", "127 "] {
            assert_eq!(last.contains(status), *name == "why", "{name}: {last}");
        }
    }

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    for (name, text) in texts {
        let golden = folder.join(format!("{name}.txt"));
        if env::var_os("POOLCFG_BLESS").is_some() {
            fs::write(&golden, &text).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(expected, text, "{}", golden.display());
    }
}
