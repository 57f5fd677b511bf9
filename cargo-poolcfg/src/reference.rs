//! What is made from the tables of the code and committed: the schema of poolcfg.toml, and the
//! pages of docs/ that list commands, keys, hosts and versions.
//!
//! `POOLCFG_BLESS=1 cargo test -p cargo-poolcfg --lib reference` writes it anew; read the difference before it is
//! committed.

mod commands;
mod hosts;
mod keys;
mod schema;
mod template;
mod versions;

use std::env;
use std::fs;
use std::path::PathBuf;

/// A file of the checkout.
fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

/// Compares a committed file with what it is made from, or writes it.
#[track_caller]
fn is_current(path: &str, text: &str) {
    let file = file(path);
    if env::var_os("POOLCFG_BLESS").is_some() {
        fs::write(&file, text).expect("the file can be written");
        return;
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == text,
        "`{path}` is not current: `POOLCFG_BLESS=1 cargo test -p cargo-poolcfg --lib reference` writes\n{text}"
    );
}

/// A page of docs/: its title, what it is made from, and its text.
fn page(title: &str, from: &str, text: &str) -> String {
    format!(
        "<!-- Made from {from}: `POOLCFG_BLESS=1 cargo test -p cargo-poolcfg --lib reference` -->\n# {title}\n\n{}\n",
        text.trim_end()
    )
}

/// A table with these columns.
fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: [String; N]| {
        // What stands between two of them is a cell, in code too.
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = line([const { String::new() }; N].map(|_| "---".to_owned())).replace(' ', "");
    let rows: String = rows.into_iter().map(line).collect();
    line(head.map(str::to_owned)) + &rule + &rows
}
