//! musl, the C library that a program can be linked with whole, for the targets of `cargo xtask dist`.
//!
//! rustc's own linker links it, so no compiler of another architecture is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::cross::script;
use crate::debian::{self, Packages, Part, STABLE_FIRST};
use crate::item::Item;
use crate::run::output;

/// A target.
pub(crate) struct Target {
    /// As rustc calls it.
    pub triple: &'static str,
    /// What the folder of its C library is called.
    gnu: &'static str,
    /// What Debian calls the architecture.
    debian: &'static str,
    /// The start code: rustc makes static PIEs for x86_64 alone.
    start: &'static str,
}

/// What `poolcfg` is distributed for.
pub(crate) static TARGETS: [Target; 4] = [
    Target {
        triple: "x86_64-unknown-linux-musl",
        gnu: "x86_64-linux-musl",
        debian: "amd64",
        start: "rcrt1.o",
    },
    Target {
        triple: "aarch64-unknown-linux-musl",
        gnu: "aarch64-linux-musl",
        debian: "arm64",
        start: "crt1.o",
    },
    Target {
        triple: "armv7-unknown-linux-musleabihf",
        gnu: "arm-linux-musleabihf",
        debian: "armhf",
        start: "crt1.o",
    },
    Target {
        triple: "riscv64gc-unknown-linux-musl",
        gnu: "riscv64-linux-musl",
        debian: "riscv64",
        start: "crt1.o",
    },
];

/// The library, and its start code.
pub(crate) const MUSL: Item = Item {
    name: "musl for four architectures",
    megabytes: 3,
    minutes: 0,
    disk: 20,
    held: || {
        let folder = folder()?;
        Ok(TARGETS
            .iter()
            .all(|target| target.libraries(&folder).join("libc.a").is_file()))
    },
    make: || {
        let names = TARGETS
            .each_ref()
            .map(|target| format!("musl-dev:{}", target.debian));
        let packages = Packages {
            names: &names.each_ref().map(String::as_str),
            part: Part::Alone,
            sources: &STABLE_FIRST,
            version: "",
        };
        debian::unpack(&[packages], &folder()?)
    },
    unpacked: Some(folder),
};

fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("musl-trixie"))
}

/// Under which terms it may be passed on.
pub(crate) fn copyright() -> Result<PathBuf, String> {
    Ok(folder()?.join("usr/share/doc/musl-dev/copyright"))
}

impl Target {
    fn libraries(&self, folder: &Path) -> PathBuf {
        folder.join("usr/lib").join(self.gnu)
    }

    /// A script that links for it. What it is called is part of no program, unlike an argument of rustc's.
    pub(crate) fn linker(&self) -> Result<PathBuf, String> {
        let folder = folder()?;
        let libraries = self.libraries(&folder);
        // The standard library asks for an unwinder. A program that aborts uses of it only what walks the frames of a
        // backtrace: its place takes a function that does nothing, so that a backtrace has no frames.
        let bin = folder.join("bin");
        let unwinder = bin.join("libunwind.a");
        fs::create_dir_all(&bin)
            .and_then(|()| fs::write(&unwinder, "!<arch>\n"))
            .map_err(|error| format!("`{}`: {error}", unwinder.display()))?;
        let text = format!(
            "#!/bin/sh\n\
             exec {} \"$@\" -L{libraries} -L{} {libraries}/{} {libraries}/crti.o {libraries}/crtn.o \
             --defsym=_Unwind_Backtrace=abs --defsym=_Unwind_GetIP=abs \
             --defsym=_Unwind_VRS_Get=abs --build-id=none\n",
            lld()?.display(),
            bin.display(),
            self.start,
            libraries = libraries.display(),
        );
        let name = format!("{}-ld", self.triple);
        script(&bin, &name, &text)?;
        Ok(bin.join(name))
    }
}

/// The linker that comes with rustc.
fn lld() -> Result<PathBuf, String> {
    let libraries = output(Command::new("rustc").args(["--print", "target-libdir"]))?;
    Ok(Path::new(libraries.trim()).with_file_name("bin/rust-lld"))
}
