//! The standard library's source, to build code for targets that have no prebuilt library here.
//!
//! `rustup component add rust-src` is the ordinary way and is looked for first. A machine that reaches
//! only Debian's packages has the same source in the package `rust-src` of the suite of backports.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::debian::{self, Packages};
use crate::run::output;

/// The folder `library` of the standard library's source, fetched if need be.
pub fn setup() -> Result<PathBuf, String> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let component = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    if component.join("Cargo.lock").is_file() {
        return Ok(component);
    }
    let version = version()?;
    let folder = cache::folder()?.join(format!("rust-src-{version}"));
    let library = folder.join(format!("usr/src/rustc-{version}/library"));
    if library.join("Cargo.lock").is_file() {
        return Ok(library);
    }
    eprintln!("fetching the standard library's source {version} (45 MB, once)");
    let packages = Packages {
        names: &["rust-src"],
        // Suites of Debian that have carried a `rust-src` of the toolchain's version.
        suites: &["trixie-backports", "sid"],
        version: &format!("{version}+"),
    };
    debian::unpack(&packages, &folder).map_err(|error| {
        format!(
            "the standard library's source {version} is not here and could not be fetched: {error}; \
             with rustup, `rustup component add rust-src` brings it"
        )
    })?;
    if library.join("Cargo.lock").is_file() {
        Ok(library)
    } else {
        Err(format!("package rust-src has no `{}`", library.display()))
    }
}

/// The version of rustc, such as `1.95.0`.
fn version() -> Result<String, String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("release: "))
        .map(str::to_owned)
        .ok_or_else(|| "`rustc -vV` names no release".to_owned())
}
