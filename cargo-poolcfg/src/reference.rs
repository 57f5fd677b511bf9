//! What is made from the tables of the code and committed: the schema of poolcfg.toml.
//!
//! `POOLCFG_BLESS=1 cargo test -p cargo-poolcfg --lib reference` writes it anew; read the difference before it is
//! committed.

mod schema;
mod template;

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
