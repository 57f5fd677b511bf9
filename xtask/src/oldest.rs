//! The oldest rustc that builds what users compile: Debian 13's, in the cache.

use std::path::{Path, PathBuf};

use crate::cache;
use crate::cross::script;
use crate::debian::{self, Packages, Part};
use crate::item::Item;

/// How its version begins; `rust-version` of the crates that users compile.
const VERSION: &str = "1.85.";

/// The compiler, the standard library, and the C library and others that it was made for.
pub(crate) const OLDEST_RUSTC: Item = Item {
    name: "the oldest rustc",
    megabytes: 100,
    minutes: 0,
    disk: 440,
    held: || Ok(folder()?.join("usr/bin/rustc").exists()),
    make: fetch,
    unpacked: Some(folder),
};

fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("oldest-rustc"))
}

fn fetch() -> Result<(), String> {
    let from_trixie = |names, version| Packages {
        names,
        part: Part::Alone,
        sources: &[&["trixie"]],
        version,
    };
    let sets = [
        from_trixie(&["rustc", "libstd-rust-1.85", "libstd-rust-dev"], VERSION),
        from_trixie(&LIBRARIES, ""),
    ];
    debian::unpack(&sets, &folder()?)
}

/// What its programs are linked with, and what that is.
const LIBRARIES: [&str; 15] = [
    "libbsd0",
    "libc6",
    "libedit2",
    "libffi8",
    "libgcc-s1",
    "libgmp10",
    "libllvm19",
    "liblzma5",
    "libmd0",
    "libstdc++6",
    "libtinfo6",
    "libxml2",
    "libz3-4",
    "libzstd1",
    "zlib1g",
];

/// A script that runs it through its own loader, because Debian 12's C library is older than the one that it
/// needs.
pub(crate) fn program() -> Result<PathBuf, String> {
    let folder = folder()?;
    let root = folder.display();
    let machine = std::env::consts::ARCH;
    let libraries = format!("{root}/usr/lib/{machine}-linux-gnu");
    let loader = loader(&folder)?;
    let text = format!(
        "#!/bin/sh\n\
         exec {} --library-path {libraries} {root}/usr/bin/rustc --sysroot {root}/usr \"$@\"\n",
        loader.display()
    );
    let bin = folder.join("bin");
    script(&bin, "rustc", &text)?;
    Ok(bin.join("rustc"))
}

/// The loader of the C library that was unpacked.
fn loader(folder: &Path) -> Result<PathBuf, String> {
    let (machine, name) = match std::env::consts::ARCH {
        "x86_64" => ("x86_64", "ld-linux-x86-64.so.2"),
        "aarch64" => ("aarch64", "ld-linux-aarch64.so.1"),
        other => return Err(format!("the loader of {other} is not known")),
    };
    Ok(folder.join(format!("usr/lib/{machine}-linux-gnu/{name}")))
}
