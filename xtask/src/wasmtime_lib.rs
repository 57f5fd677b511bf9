//! Wasmtime's C libraries: the Python package `wasmtime` carries upstream's own builds.

use std::path::PathBuf;

use crate::cache;
use crate::item::Item;
use crate::wheel::{self, Requirement};

/// The newest library of the list.
pub const WASMTIME_LIB: Item = Item {
    name: "Wasmtime's C library",
    megabytes: 10,
    minutes: 0,
    held: || held(&requirements()?.split_off(older()?)),
    make: || make(&requirements()?.split_off(older()?)),
    unpacked: None,
};

/// The others, for who tests everything.
pub const WASMTIME_LIBS_OLDER: Item = Item {
    name: "older C libraries of Wasmtime",
    megabytes: 30,
    minutes: 0,
    held: || held(&requirements()?[..older()?]),
    make: || make(&requirements()?[..older()?]),
    unpacked: None,
};

/// The folder with `VERSION/libwasmtime.so` for the versions of the list that are there.
pub fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("wasmtime-lib"))
}

fn requirements() -> Result<Vec<Requirement>, String> {
    wheel::requirements("tests/wasmtime/wasmtime-lib.txt", "wasmtime")
}

/// How many versions come before the newest.
fn older() -> Result<usize, String> {
    Ok(requirements()?.len().saturating_sub(1))
}

fn library(requirement: &Requirement) -> Result<PathBuf, String> {
    let folder = folder()?.join(&requirement.version);
    Ok(folder.join("libwasmtime.so"))
}

fn held(requirements: &[Requirement]) -> Result<bool, String> {
    for requirement in requirements {
        if !library(requirement)?.is_file() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn make(requirements: &[Requirement]) -> Result<(), String> {
    let inside = format!("wasmtime/linux-{}", std::env::consts::ARCH);
    for requirement in requirements {
        let library = library(requirement)?;
        if library.is_file() {
            continue;
        }
        let folder = folder()?.join(&requirement.version);
        wheel::fetch(requirement, &inside, &folder, |unpacked| {
            // The package's own name for it.
            let from = unpacked.join("_libwasmtime.so");
            let to = unpacked.join("libwasmtime.so");
            std::fs::rename(&from, to).map_err(|error| format!("`{}`: {error}", from.display()))
        })
        .map_err(|error| format!("{}: {error}", requirement.version))?;
    }
    Ok(())
}
