//! The standard library's source, to build code for targets that have no prebuilt library here.
//!
//! `rustup component add rust-src` is the ordinary way and is looked for first. A machine that reaches
//! only Debian's packages has the same source in the package `rust-src` of the suite of backports.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::debian::{self, Packages, Part};
use crate::item::Item;
use crate::run::output;

/// The source; with rustup's component there is nothing to fetch.
pub(crate) const RUST_SRC: Item = Item {
    name: "the standard library's source",
    megabytes: 45,
    minutes: 0,
    disk: 440,
    held: || Ok(library()?.join("Cargo.lock").is_file()),
    make: fetch,
    unpacked: Some(folder),
};

/// The folder `library` of the standard library's source.
pub(crate) fn library() -> Result<PathBuf, String> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let component = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    if component.join("Cargo.lock").is_file() {
        return Ok(component);
    }
    let version = version()?;
    Ok(folder()?.join(format!("usr/src/rustc-{version}/library")))
}

fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join(format!("rust-src-{}", version()?)))
}

/// Suites of Debian that have carried a `rust-src` of the toolchain's version.
const SOURCES: [&[&str]; 2] = [&["trixie-backports"], &["sid"]];

fn fetch() -> Result<(), String> {
    let version = version()?;
    let folder = folder()?;
    let packages = Packages {
        names: &["rust-src"],
        part: Part::Alone,
        sources: &SOURCES,
        version: &format!("{version}+"),
    };
    debian::unpack(&[packages], &folder).map_err(|error| {
        format!(
            "{version} could not be fetched: {error}; with rustup, `rustup component add rust-src` brings it"
        )
    })
}

/// The version of rustc, such as `1.95.0`.
fn version() -> Result<String, String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("release: "))
        .map(str::to_owned)
        .ok_or_else(|| "`rustc -vV` names no release".to_owned())
}
