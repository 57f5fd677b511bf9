//! C libraries of the architectures that unit tests run for in an emulator, in the cache. The linker is the
//! one of the toolchain, so no compiler is fetched.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::cache;
use crate::debian::{self, Packages, Part, STABLE_FIRST};
use crate::item::Item;

/// What Debian calls the architectures in the names of packages, and what GNU calls them in those of folders.
const ARCHITECTURES: [(&str, &str); 7] = [
    ("riscv64", "riscv64-linux-gnu"),
    ("arm64", "aarch64-linux-gnu"),
    ("armhf", "arm-linux-gnueabihf"),
    ("i386", "i686-linux-gnu"),
    ("ppc64el", "powerpc64le-linux-gnu"),
    ("s390x", "s390x-linux-gnu"),
    ("loong64", "loongarch64-linux-gnu"),
];

/// The libraries, and what a program is linked with.
pub(crate) const LIBRARIES: Item = Item {
    name: "C libraries of seven architectures",
    megabytes: 24,
    minutes: 0,
    disk: 140,
    held: || {
        let folder = folder()?;
        Ok(ARCHITECTURES
            .iter()
            .all(|(_, gnu)| folder.join(link(gnu)).exists()))
    },
    make: fetch,
    unpacked: Some(folder),
};

/// Where they are unpacked: `usr/GNU/lib` for each architecture.
pub(crate) fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("libraries-trixie"))
}

/// The name by which a linker looks for the library that unwinds.
fn link(gnu: &str) -> String {
    format!("usr/{gnu}/lib/libgcc_s.so")
}

fn fetch() -> Result<(), String> {
    let names: Vec<String> = ARCHITECTURES
        .iter()
        .flat_map(|(debian, _)| {
            ["libc6", "libc6-dev", "libgcc-s1"].map(|name| format!("{name}-{debian}-cross"))
        })
        .collect();
    let folder = folder()?;
    let packages = Packages {
        names: &names.iter().map(String::as_str).collect::<Vec<_>>(),
        part: Part::Alone,
        // On every machine: the packages hold nothing that runs on it, and those of Debian 12 lack loong64.
        sources: &STABLE_FIRST,
        version: "",
    };
    debian::unpack(&[packages], &folder)?;
    // Only the package of a compiler has this name.
    for (_, gnu) in ARCHITECTURES {
        let link = folder.join(link(gnu));
        symlink("libgcc_s.so.1", &link)
            .map_err(|error| format!("`{}`: {error}", link.display()))?;
    }
    Ok(())
}
