//! QEMU for riscv64 and aarch64, in the cache.

use std::path::PathBuf;

use crate::cache;
use crate::cross::{libraries, script};
use crate::debian::{self, Packages, Part};

/// The folder; its scripts `bin/qemu-…` run the emulators.
pub fn setup() -> Result<PathBuf, String> {
    let suite = debian::suite()?;
    let folder = cache::folder()?.join(format!("qemu-{suite}"));
    if !folder.join("usr/bin/qemu-system-riscv64").exists() {
        eprintln!("fetching QEMU (110 MB, once)");
        let backports = format!("{suite}-backports");
        // 7.2 of Debian 12 cannot say which mode of riscv's a processor has.
        let suites: &[&str] = if suite == "bookworm" {
            &[&backports, &suite]
        } else {
            &[&suite]
        };
        let packages = Packages {
            names: &["qemu-system-riscv", "qemu-system-arm", "qemu-user"],
            part: Part::WithDependencies,
            suites,
            version: "",
        };
        debian::unpack(&[packages], &folder)?;
    }
    let (root, libraries) = (folder.display(), libraries(&folder));
    for (program, arguments) in [
        ("qemu-system-riscv64", format!("-L {root}/usr/share/qemu ")),
        ("qemu-system-aarch64", format!("-L {root}/usr/share/qemu ")),
        ("qemu-riscv64", String::new()),
        ("qemu-aarch64", String::new()),
    ] {
        // By the loader, so that the emulated program finds its environment as it is.
        let text = format!(
            "#!/bin/sh\n\
             loader=$(ls /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* 2>/dev/null | head -n 1)\n\
             exec \"$loader\" --library-path {libraries} {root}/usr/bin/{program} {arguments}\"$@\"\n"
        );
        script(&folder.join("bin"), program, &text)?;
    }
    Ok(folder)
}
