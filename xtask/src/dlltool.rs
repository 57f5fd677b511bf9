//! dlltool, which makes the import libraries of Windows: rustc runs it for targets of its GNU kind.

use std::path::PathBuf;

use crate::cache;
use crate::cross::{libraries, script};
use crate::debian::{self, Packages, Part};
use crate::item::Item;

/// What GNU calls it.
const PROGRAM: &str = "x86_64-w64-mingw32-dlltool";

/// Debian's.
pub(crate) const DLLTOOL: Item = Item {
    name: "dlltool for Windows",
    megabytes: 7,
    minutes: 0,
    disk: 45,
    held: || Ok(folder()?.join("usr/bin").join(PROGRAM).exists()),
    make: || {
        let packages = Packages {
            names: &["binutils-mingw-w64-x86-64"],
            part: Part::WithDependencies,
            sources: &[&[&debian::known_suite()?]],
            version: "",
        };
        debian::unpack(&[packages], &folder()?)
    },
    unpacked: Some(folder),
};

fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join(format!("dlltool-{}", debian::known_suite()?)))
}

/// A script that runs it.
pub(crate) fn program() -> Result<PathBuf, String> {
    let folder = folder()?;
    let text = format!(
        "#!/bin/sh\n\
         LD_LIBRARY_PATH={} PATH={root}/usr/bin:$PATH exec {root}/usr/bin/{PROGRAM} \"$@\"\n",
        libraries(&folder),
        root = folder.display()
    );
    let bin = folder.join("bin");
    script(&bin, PROGRAM, &text)?;
    Ok(bin.join(PROGRAM))
}
