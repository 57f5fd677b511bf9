//! strace, which shows the mappings that a real program makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cache;
use crate::debian::{self, Packages};
use crate::run::run;

/// The program: the machine's own, or Debian's in the cache.
pub fn setup() -> Result<PathBuf, String> {
    let machine = Path::new("strace");
    if runs(machine) {
        return Ok(machine.to_owned());
    }
    let folder = cache::folder()?.join("strace");
    let program = folder.join("strace");
    if runs(&program) {
        return Ok(program);
    }
    eprintln!("fetching strace (1 MB, once)");
    fetch(&folder, &program).map_err(|error| {
        format!("strace is not here and could not be fetched: {error}; install it")
    })?;
    if runs(&program) {
        Ok(program)
    } else {
        Err(format!(
            "`{}` does not run: install strace",
            program.display()
        ))
    }
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
fn fetch(folder: &Path, program: &Path) -> Result<(), String> {
    let packages = Packages {
        names: &["strace", "libunwind8"],
        suites: &[&suite()?],
        version: "",
    };
    debian::unpack(&packages, folder)?;
    let libraries = format!("{}/usr/lib/$(uname -m)-linux-gnu", folder.display());
    // The traced program gets its environment as it is.
    let script = format!(
        "#!/bin/sh\n\
         LD_LIBRARY_PATH={libraries} exec {}/usr/bin/strace -E LD_LIBRARY_PATH \"$@\"\n",
        folder.display()
    );
    fs::write(program, script).map_err(|error| format!("`{}`: {error}", program.display()))?;
    run(Command::new("chmod").arg("+x").arg(program))
}

/// The suite that the machine runs.
fn suite() -> Result<String, String> {
    let file = "/etc/os-release";
    let text = fs::read_to_string(file).map_err(|error| format!("`{file}`: {error}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(str::to_owned)
        .ok_or_else(|| format!("`{file}` names no suite"))
}
