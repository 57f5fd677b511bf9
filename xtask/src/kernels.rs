//! Kernels to boot in emulation, in the cache: Debian's, and two that nobody packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use crate::cache;
use crate::cross;
use crate::debian::{self, NEWEST_FIRST, Packages, Part, STABLE_FIRST};
use crate::item::Item;
use crate::run::{output, run};

/// An item that fetches a [`Packaged`] kernel. A macro, since the functions of an item capture nothing.
macro_rules! packaged {
    ($about:literal, $kernel:ident) => {
        Item {
            name: $about,
            megabytes: 100,
            minutes: 0,
            disk: 40,
            held: || held($kernel.name),
            make: || fetch(&$kernel),
            unpacked: Some(|| Ok(folder()?.join($kernel.name))),
        }
    };
}

/// An item that builds a kernel with options of its own.
macro_rules! built {
    ($about:literal, $name:literal, $layout:expr) => {
        Item {
            name: $about,
            megabytes: 150,
            minutes: 20,
            disk: 5,
            held: || held($name),
            make: || build($name, $layout),
            unpacked: Some(|| Ok(folder()?.join($name))),
        }
    };
}

/// Debian's kernels, each with what is kept of it: a file of our own name.
pub(crate) const PACKAGED: [Item; 5] = [
    packaged!("Debian's kernel for riscv64", RISCV64),
    packaged!("Debian's kernel for aarch64", ARM64),
    packaged!(
        "Debian's kernel for aarch64 with pages of 16 KiB",
        ARM64_16K
    ),
    packaged!("Debian's newest kernel for riscv64", RISCV64_NEWEST),
    packaged!("Debian's newest kernel for aarch64", ARM64_NEWEST),
];

/// A kernel that Debian packages.
struct Packaged {
    /// Our name for its file.
    name: &'static str,
    /// The package that stands for the newest version that a suite has.
    package: &'static str,
    /// The suites to look in.
    sources: &'static [&'static [&'static str]],
}

const RISCV64: Packaged = Packaged {
    name: "riscv64",
    package: "linux-image-riscv64:riscv64",
    sources: &STABLE_FIRST,
};
const ARM64: Packaged = Packaged {
    name: "arm64",
    package: "linux-image-arm64:arm64",
    sources: &STABLE_FIRST,
};
const ARM64_16K: Packaged = Packaged {
    name: "arm64-16k",
    package: "linux-image-arm64-16k:arm64",
    sources: &STABLE_FIRST,
};
// Users run both what a distribution released and what is newest.
const RISCV64_NEWEST: Packaged = Packaged {
    name: "riscv64-newest",
    sources: &NEWEST_FIRST,
    ..RISCV64
};
const ARM64_NEWEST: Packaged = Packaged {
    name: "arm64-newest",
    sources: &NEWEST_FIRST,
    ..ARM64
};

/// The kernels that nobody packages.
pub(crate) const BUILT: [Item; 2] = [
    built!(
        "a kernel for aarch64 with 39 bits",
        "arm64-va39",
        &["ARM64_4K_PAGES=y", "ARM64_VA_BITS_39=y"]
    ),
    built!(
        "a kernel for aarch64 with pages of 64 KiB",
        "arm64-64k",
        // The last is Kconfig's default for these pages; the smallest configuration, which is made before, has the
        // default for others.
        &[
            "ARM64_64K_PAGES=y",
            "ARM64_VA_BITS_48=y",
            "ARCH_MMAP_RND_BITS=14"
        ]
    ),
];

/// The options that every kernel that is built has on top of the smallest one: what a program of ours needs, and what decides its layout as in a distribution's kernel.
const OPTIONS: [&str; 30] = [
    "ADVISE_SYSCALLS",
    "BINFMT_ELF",
    "BINFMT_SCRIPT",
    "BLK_DEV_INITRD",
    "CGROUPS",
    "EPOLL",
    "EVENTFD",
    "FUTEX",
    "INET",
    "MEMBARRIER",
    "MEMCG",
    "MULTIUSER",
    "NET",
    "POSIX_TIMERS",
    "PRINTK",
    "PROC_FS",
    "PROC_PAGE_MONITOR",
    "PROC_SYSCTL",
    "RD_GZIP",
    "SECCOMP",
    "SECCOMP_FILTER",
    "SERIAL_AMBA_PL011",
    "SERIAL_AMBA_PL011_CONSOLE",
    "SHMEM",
    "SYSFS",
    "TMPFS",
    "TRANSPARENT_HUGEPAGE",
    "TRANSPARENT_HUGEPAGE_ALWAYS",
    "TTY",
    "UNIX",
];

/// The folder with the kernels `riscv64`, `arm64`, `arm64-16k`, `riscv64-newest`, `arm64-newest`, `arm64-va39` and
/// `arm64-64k`, as far as they are there. `NAME.from` beside each says which packages it was taken from.
pub(crate) fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("kernels"))
}

fn held(name: &str) -> Result<bool, String> {
    Ok(folder()?.join(name).is_file())
}

fn fetch(kernel: &Packaged) -> Result<(), String> {
    let Packaged {
        name,
        package,
        sources,
    } = kernel;
    let folder = folder()?;
    create(&folder)?;
    let unpacked = folder.join(format!("{name}.unpacked"));
    let packages = Packages {
        names: &[package],
        part: Part::Dependencies,
        sources,
        version: "",
    };
    debian::unpack(&[packages], &unpacked)?;
    let image = image(&unpacked)?.ok_or_else(|| format!("package {package} has no kernel"))?;
    rename(&image, &folder.join(name))?;
    rename(
        &debian::record(&unpacked),
        &debian::record(&folder.join(name)),
    )?;
    remove(&unpacked)
}

/// The file to boot: `boot/vmlinu…` up to Debian 13, `usr/lib/modules/RELEASE/vmlinuz` later.
pub(crate) fn image(unpacked: &Path) -> Result<Option<PathBuf>, String> {
    let boot = unpacked.join("boot");
    if boot.is_dir() {
        return find(&boot, "vmlinu");
    }
    match find(&unpacked.join("usr/lib/modules"), "")? {
        Some(release) => find(&release, "vmlinu"),
        None => Ok(None),
    }
}

/// Builds a kernel from Debian's source. What a build that was broken off has compiled is used again.
fn build(name: &str, layout: &[&str]) -> Result<(), String> {
    let folder = folder()?;
    create(&folder)?;
    let tools = cross::folder()?;
    let source = folder.join(format!("{name}.source"));
    let unpacked = source.join("unpacked");
    if !unpacked.is_file() {
        remove(&source)?;
        let packages = Packages {
            names: &["linux-source"],
            part: Part::Dependencies,
            sources: &STABLE_FIRST,
            version: "",
        };
        debian::unpack(&[packages], &source)?;
        let archives = source.join("usr/src");
        let archive = find(&archives, "linux-source-")?
            .ok_or_else(|| format!("`{}` has no source of a kernel", archives.display()))?;
        run(cross::command(&tools, "tar")
            .arg("-xJf")
            .arg(archive)
            .current_dir(&source))?;
        write(&unpacked, "")?;
    }
    let tree = find(&source, "linux-source-")?
        .ok_or_else(|| format!("`{}` has no source of a kernel", source.display()))?;
    let jobs = available_parallelism().map_or(1, usize::from);
    let make = || {
        let mut make = cross::command(&tools, "make");
        make.current_dir(&tree)
            .args(["--quiet", "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"]);
        make
    };
    let options: Vec<String> = OPTIONS
        .iter()
        .map(|option| format!("CONFIG_{option}=y"))
        .chain(layout.iter().map(|option| format!("CONFIG_{option}")))
        .collect();
    let fragment = tree.join("kernel/configs/poolcfg.config");
    write(&fragment, &format!("{}\n", options.join("\n")))?;
    output(make().args(["tinyconfig", "poolcfg.config"]))?;
    let config = tree.join(".config");
    let chosen =
        fs::read_to_string(&config).map_err(|error| format!("`{}`: {error}", config.display()))?;
    for option in options {
        if !chosen.lines().any(|line| line == option) {
            return Err(format!("the kernel's configuration has no `{option}`"));
        }
    }
    run(make()
        .arg(format!("--jobs={jobs}"))
        .arg("Image")
        .stdout(std::io::stderr()))?;
    rename(&tree.join("arch/arm64/boot/Image"), &folder.join(name))?;
    rename(
        &debian::record(&source),
        &debian::record(&folder.join(name)),
    )?;
    // A gigabyte and a half.
    remove(&source)
}

/// The entry of a folder whose name begins with a word.
pub(crate) fn find(folder: &Path, word: &str) -> Result<Option<PathBuf>, String> {
    let entries =
        fs::read_dir(folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    Ok(entries
        .filter_map(Result::ok)
        .find(|entry| entry.file_name().to_string_lossy().starts_with(word))
        .map(|entry| entry.path()))
}

pub(crate) fn create(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("`{}`: {error}", folder.display()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("`{}`: {error}", file.display()))
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), String> {
    fs::rename(from, to).map_err(|error| format!("`{}`: {error}", from.display()))
}

pub(crate) fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("`{}`: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}
