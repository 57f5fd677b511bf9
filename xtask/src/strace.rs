//! strace, which shows the mappings that a real program makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cache;
use crate::debian::{self, Packages, Part};
use crate::item::Item;
use crate::run::run;

/// The machine's own, or Debian's in the cache.
pub(crate) const STRACE: Item = Item {
    name: "strace",
    megabytes: 1,
    minutes: 0,
    disk: 3,
    held: || Ok(runs(&program()?)),
    make: || {
        fetch(&folder()?).map_err(|error| format!("could not be fetched: {error}; install it"))
    },
    unpacked: Some(folder),
};

/// The program.
pub(crate) fn program() -> Result<PathBuf, String> {
    let machine = Path::new("strace");
    if runs(machine) {
        return Ok(machine.to_owned());
    }
    Ok(folder()?.join("strace"))
}

fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("strace"))
}

fn runs(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Unpacks strace and the libraries that a small installation lacks, and writes a script that runs it.
fn fetch(folder: &Path) -> Result<(), String> {
    let packages = Packages {
        names: &["strace", "libunwind8"],
        part: Part::Alone,
        sources: &[&[&debian::suite()?]],
        version: "",
    };
    debian::unpack(&[packages], folder)?;
    let program = folder.join("strace");
    let libraries = format!("{}/usr/lib/$(uname -m)-linux-gnu", folder.display());
    // The traced program gets its environment as it is.
    let script = format!(
        "#!/bin/sh\n\
         LD_LIBRARY_PATH={libraries} exec {}/usr/bin/strace -E LD_LIBRARY_PATH \"$@\"\n",
        folder.display()
    );
    fs::write(&program, script).map_err(|error| format!("`{}`: {error}", program.display()))?;
    run(Command::new("chmod").arg("+x").arg(program))
}
