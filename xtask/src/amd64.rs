//! Debian's kernel for x86_64 in the cache, with the modules of a compressed swap in memory.

use std::fs;
use std::path::{Path, PathBuf};

use crate::debian::{self, Packages, Part, STABLE_FIRST};
use crate::item::Item;
use crate::kernels;

/// The kernel `amd64` in the folder of the others, and its modules in the folder `amd64.modules` beside it.
pub(crate) const AMD64: Item = Item {
    name: "Debian's kernel for x86_64, with zram",
    megabytes: 110,
    minutes: 0,
    disk: 15,
    held: || Ok(image()?.is_file() && modules()?.is_dir()),
    make,
    unpacked: Some(image),
};

/// What a swap in memory may need, below `kernel` in the folder of the modules: which of them, and which are part
/// of the kernel, differs from one kernel to the next.
const FOLDERS: [&str; 6] = [
    "drivers/block/zram",
    "lib/842",
    "lib/lz4",
    "lib/lzo",
    "lib/zstd",
    "mm",
];

/// The file to boot.
pub(crate) fn image() -> Result<PathBuf, String> {
    Ok(kernels::folder()?.join("amd64"))
}

/// The folder with `NAME.ko.xz` for each module.
pub(crate) fn modules() -> Result<PathBuf, String> {
    Ok(kernels::folder()?.join("amd64.modules"))
}

fn make() -> Result<(), String> {
    let (image, modules) = (image()?, modules()?);
    kernels::create(&kernels::folder()?)?;
    let unpacked = image.with_added_extension("unpacked");
    let package = "linux-image-amd64:amd64";
    let packages = Packages {
        names: &[package],
        part: Part::DependenciesAndModules,
        sources: &STABLE_FIRST,
        version: "",
    };
    debian::unpack(&[packages], &unpacked)?;
    let releases = unpacked.join("usr/lib/modules");
    let release = kernels::find(&releases, "")?
        .ok_or_else(|| format!("`{}` has no release", releases.display()))?;
    let work = modules.with_added_extension("part");
    kernels::remove(&work)?;
    kernels::create(&work)?;
    for folder in FOLDERS {
        copy_modules(&release.join("kernel").join(folder), &work)?;
    }
    if kernels::find(&work, "zram.ko")?.is_none() {
        return Err(format!("package {package} has no zram"));
    }
    kernels::remove(&modules)?;
    kernels::rename(&work, &modules)?;
    let booted =
        kernels::image(&unpacked)?.ok_or_else(|| format!("package {package} has no kernel"))?;
    kernels::rename(&booted, &image)?;
    kernels::rename(&debian::record(&unpacked), &debian::record(&image))?;
    kernels::remove(&unpacked)
}

/// Copies the modules of a folder, if that is there.
fn copy_modules(from: &Path, to: &Path) -> Result<(), String> {
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        if name.to_string_lossy().contains(".ko") {
            fs::copy(entry.path(), to.join(&name))
                .map_err(|error| format!("`{}`: {error}", entry.path().display()))?;
        }
    }
    Ok(())
}
