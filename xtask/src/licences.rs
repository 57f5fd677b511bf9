//! The terms of what `poolcfg` is made of: of each crate that is linked into it, and of the C library.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::musl;
use crate::run::{cargo, output};

/// What begins the name of a file with terms.
const FILES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "UNLICENSE"];

/// Of everything that others wrote, under which terms it is there, and each text of those once.
pub(crate) fn of_others(checkout: &Path) -> Result<String, String> {
    let mut text = String::from(
        "poolcfg is linked with code of others, under these terms.\n\n\
         musl: its copyright file is at the end.\n\
         The Rust standard library, by the Rust Project contributors: MIT OR Apache-2.0.\n",
    );
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, terms) in crates(checkout)? {
        text.push_str(&format!("{name}: {terms}\n"));
        let files = files(&sources(&name)?)?;
        if files.is_empty() {
            return Err(format!("the package {name} has no file with its terms"));
        }
        for file in files {
            let terms = read(&file)?;
            texts.entry(terms).or_default().push(name.clone());
        }
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|(_, of), (_, other)| of.cmp(other));
    let musl = (read(&musl::copyright()?)?, vec!["musl".to_owned()]);
    for (terms, mut of) in texts.into_iter().chain([musl]) {
        of.dedup();
        text.push_str(&format!("\n===== {}\n\n{}\n", of.join(", "), terms.trim()));
    }
    Ok(text)
}

/// `NAME-VERSION` of each crate of others with its terms, as its author wrote them.
fn crates(checkout: &Path) -> Result<BTreeSet<(String, String)>, String> {
    let tree = output(
        cargo()
            .current_dir(checkout)
            .args(["tree", "--locked", "--package", "cargo-poolcfg"])
            .args(["--edges", "normal", "--prefix", "none", "--no-dedupe"])
            .args(["--target", musl::TARGETS[0].triple])
            .args(["--format", "{p}|{l}"]),
    )?;
    let mut crates = BTreeSet::new();
    for line in tree.lines() {
        let (package, terms) = line
            .split_once('|')
            .ok_or_else(|| format!("`cargo tree` prints `{line}`"))?;
        let words: Vec<&str> = package.split(' ').collect();
        // Those of the checkout have a path behind the version.
        if let [name, version] | [name, version, "(proc-macro)"] = words[..] {
            let version = version.trim_start_matches('v');
            crates.insert((format!("{name}-{version}"), terms.to_owned()));
        }
    }
    Ok(crates)
}

/// The folder in which cargo has unpacked a crate.
fn sources(name: &str) -> Result<PathBuf, String> {
    let registries = cargo_home()?.join("registry/src");
    let found = entries(&registries)?
        .into_iter()
        .map(|registry| registry.join(name))
        .find(|folder| folder.is_dir());
    found.ok_or_else(|| format!("`{}` has no {name}", registries.display()))
}

/// Where cargo keeps what it has fetched.
pub(crate) fn cargo_home() -> Result<PathBuf, String> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(PathBuf::from(home));
    }
    match std::env::var_os("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".cargo")),
        None => Err("neither `CARGO_HOME` nor `HOME` is set: set one of them".to_owned()),
    }
}

/// The files of a crate that have its terms, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = entries(folder)?;
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_uppercase();
        file.is_file() && FILES.iter().any(|begin| name.starts_with(begin))
    });
    files.sort();
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        fs::read_dir(folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    Ok(entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect())
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("`{}`: {error}", file.display()))
}
