//! Compilers, linkers and C libraries for riscv64 and aarch64, in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::debian::{self, Packages, Part, STABLE_FIRST};
use crate::item::Item;
use crate::run::run;

/// What GNU calls the architectures.
const ARCHITECTURES: [&str; 2] = ["riscv64", "aarch64"];

/// Compilers, linkers and C libraries, and what builds a kernel.
pub(crate) const CROSS: Item = Item {
    name: "cross compilers",
    megabytes: 100,
    minutes: 0,
    disk: 350,
    held: || Ok(folder()?.join("usr/bin/xz").exists()),
    make: fetch,
    unpacked: Some(folder),
};

/// Where they are unpacked.
pub(crate) fn folder() -> Result<PathBuf, String> {
    let suite = debian::known_suite()?;
    Ok(cache::folder()?.join(format!("cross-{suite}")))
}

fn fetch() -> Result<(), String> {
    let suite = debian::known_suite()?;
    let sets = [
        Packages {
            names: &[
                "gcc-riscv64-linux-gnu",
                "gcc-aarch64-linux-gnu",
                // To build a kernel.
                "bc",
                "bison",
                "flex",
                "make",
                "xz-utils",
            ],
            part: Part::WithDependencies,
            sources: &[&[&suite]],
            version: "",
        },
        Packages {
            // For every machine: of the older ones, that of riscv64 has no `rcrt1.o` for static PIEs.
            names: &[
                "libc6-riscv64-cross",
                "libc6-dev-riscv64-cross",
                "libc6-arm64-cross",
                "libc6-dev-arm64-cross",
            ],
            part: Part::Alone,
            sources: &STABLE_FIRST,
            version: "",
        },
    ];
    debian::unpack(&sets, &folder()?)
}

/// The folder; its scripts `bin/ARCHITECTURE-cc` and `bin/ARCHITECTURE-static-pie-cc` compile and link programs,
/// and `bin/ARCHITECTURE-ar` makes archives of what was compiled.
pub(crate) fn scripts() -> Result<PathBuf, String> {
    let folder = folder()?;
    for architecture in ARCHITECTURES {
        scripts_of(&folder, architecture)?;
    }
    Ok(folder)
}

/// The folders of the libraries that the unpacked programs need.
pub(crate) fn libraries(folder: &Path) -> String {
    let machine = std::env::consts::ARCH;
    let folder = folder.display();
    format!("{folder}/usr/lib/{machine}-linux-gnu:{folder}/lib/{machine}-linux-gnu")
}

/// A command that finds the unpacked programs, to build a kernel.
pub(crate) fn command(folder: &Path, program: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    // The program itself is looked for in the path of this process.
    let unpacked = folder.join("usr/bin").join(program);
    let mut command = if unpacked.exists() {
        Command::new(unpacked)
    } else {
        Command::new(program)
    };
    command
        .env("PATH", format!("{}/usr/bin:{path}", folder.display()))
        .env("LD_LIBRARY_PATH", libraries(folder))
        .env("BISON_PKGDATADIR", folder.join("usr/share/bison"))
        .env("M4", folder.join("usr/bin/m4"));
    command
}

fn scripts_of(folder: &Path, architecture: &str) -> Result<(), String> {
    let libraries = libraries(folder);
    let root = folder.display();
    let unpacked = |program: &str| {
        format!(
            "#!/bin/sh\n\
             export LD_LIBRARY_PATH={libraries}\n\
             exec {root}/usr/bin/{architecture}-linux-gnu-{program} \"$@\"\n"
        )
    };
    let (ar, cc) = (unpacked("ar"), unpacked(&format!("gcc --sysroot={root}")));
    // rustc does not know that these targets have static PIEs and asks for `-static -no-pie`; gcc 12
    // does not know that riscv64 has, so the option goes to the linker directly.
    let static_pie = format!(
        "#!/bin/sh\n\
         for argument; do\n\
         \x20   shift\n\
         \x20   case $argument in -static | -no-pie) ;; *) set -- \"$@\" \"$argument\" ;; esac\n\
         done\n\
         exec {root}/bin/{architecture}-cc -static-pie \
         -Wl,-static,-pie,--no-dynamic-linker,-ztext \"$@\"\n"
    );
    let bin = folder.join("bin");
    script(&bin, &format!("{architecture}-ar"), &ar)?;
    script(&bin, &format!("{architecture}-cc"), &cc)?;
    script(&bin, &format!("{architecture}-static-pie-cc"), &static_pie)
}

/// Writes a script that can be run.
pub(crate) fn script(folder: &Path, name: &str, text: &str) -> Result<(), String> {
    let file = folder.join(name);
    if fs::read_to_string(&file).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, text))
        .map_err(|error| format!("`{}`: {error}", file.display()))?;
    run(Command::new("chmod").arg("+x").arg(&file))
}
