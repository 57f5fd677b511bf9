//! QEMU in the cache: for machines of riscv64, aarch64 and x86_64, and for programs of those and others.

use std::path::{Path, PathBuf};

use crate::cache;
use crate::cross::{libraries, script};
use crate::debian::{self, Packages, Part};
use crate::item::Item;

/// The emulators of whole machines and of programs.
pub(crate) const QEMU: Item = Item {
    name: "QEMU",
    megabytes: 110,
    minutes: 0,
    disk: 550,
    held: || Ok(folder()?.join("usr/bin/qemu-system-riscv64").exists()),
    make: || {
        let names = ["qemu-system-riscv", "qemu-system-arm", "qemu-user"];
        fetch(&names, &folder()?)
    },
    unpacked: Some(folder),
};

/// The emulator of a machine of x86_64, with the system's help where that is to be had. It is apart from the others,
/// since only one suite of tests needs it.
pub(crate) const QEMU_AMD64: Item = Item {
    name: "QEMU for x86_64",
    megabytes: 40,
    minutes: 0,
    disk: 150,
    held: || Ok(amd64()?.join("usr/bin/qemu-system-x86_64").exists()),
    make: || fetch(&["qemu-system-x86"], &amd64()?),
    unpacked: Some(amd64),
};

fn folder() -> Result<PathBuf, String> {
    let suite = debian::known_suite()?;
    Ok(cache::folder()?.join(format!("qemu-{suite}")))
}

fn amd64() -> Result<PathBuf, String> {
    let suite = debian::known_suite()?;
    Ok(cache::folder()?.join(format!("qemu-amd64-{suite}")))
}

fn fetch(names: &[&str], folder: &Path) -> Result<(), String> {
    let suite = debian::known_suite()?;
    let backports = format!("{suite}-backports");
    // 7.2 of Debian 12 cannot say which mode of riscv's a processor has.
    let suites: &[&str] = if suite == "bookworm" {
        &[&backports, &suite]
    } else {
        &[&suite]
    };
    let packages = Packages {
        names,
        part: Part::WithDependencies,
        sources: &[suites],
        version: "",
    };
    debian::unpack(&[packages], folder)
}

/// The folder; its scripts `bin/qemu-…` run the emulators.
pub(crate) fn scripts() -> Result<PathBuf, String> {
    let folder = folder()?;
    let (root, libraries) = (folder.display(), libraries(&folder));
    let data = format!("-L {root}/usr/share/qemu");
    // The emulated program finds its environment without what is the emulator's.
    let environment = "-U LD_LIBRARY_PATH";
    for (program, arguments) in [
        ("qemu-system-riscv64", data.as_str()),
        ("qemu-system-aarch64", &data),
        ("qemu-riscv64", environment),
        ("qemu-aarch64", environment),
        ("qemu-arm", environment),
        ("qemu-i386", environment),
        ("qemu-ppc64le", environment),
        ("qemu-s390x", environment),
        ("qemu-loongarch64", environment),
    ] {
        let text = format!(
            "#!/bin/sh\n\
             LD_LIBRARY_PATH={libraries} exec {root}/usr/bin/{program} {arguments} \"$@\"\n"
        );
        script(&folder.join("bin"), program, &text)?;
    }
    Ok(folder)
}

/// The script that runs the emulator of a machine of x86_64.
pub(crate) fn amd64_script() -> Result<PathBuf, String> {
    let folder = amd64()?;
    let (root, libraries) = (folder.display(), libraries(&folder));
    let text = format!(
        "#!/bin/sh\n\
         LD_LIBRARY_PATH={libraries} exec {root}/usr/bin/qemu-system-x86_64 -L {root}/usr/share/qemu \
         -L {root}/usr/share/seabios \"$@\"\n"
    );
    let bin = folder.join("bin");
    script(&bin, "qemu-system-x86_64", &text)?;
    Ok(bin.join("qemu-system-x86_64"))
}
