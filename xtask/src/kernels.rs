//! Kernels to boot in emulation, in the cache: Debian's, and two that nobody packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use crate::cache;
use crate::cross;
use crate::debian::{self, Packages, Part};
use crate::item::Item;
use crate::run::{output, run};

/// Debian's kernels, each with what is kept of it: a file of our own name.
pub const PACKAGED: [Item; 3] = [
    packaged(
        "Debian's kernel for riscv64",
        || held("riscv64"),
        || fetch("linux-image-riscv64:riscv64", "riscv64"),
    ),
    packaged(
        "Debian's kernel for aarch64",
        || held("arm64"),
        || fetch("linux-image-arm64:arm64", "arm64"),
    ),
    packaged(
        "Debian's kernel for aarch64 with pages of 16 KiB",
        || held("arm64-16k"),
        || fetch("linux-image-arm64-16k:arm64", "arm64-16k"),
    ),
];

const fn packaged(
    name: &'static str,
    held: fn() -> Result<bool, String>,
    make: fn() -> Result<(), String>,
) -> Item {
    Item {
        name,
        megabytes: 100,
        minutes: 0,
        held,
        make,
    }
}

/// The kernels that nobody packages.
pub const BUILT: [Item; 2] = [
    built(
        "a kernel for aarch64 with 39 bits",
        || held("arm64-va39"),
        || build("arm64-va39", &["ARM64_4K_PAGES=y", "ARM64_VA_BITS_39=y"]),
    ),
    built(
        "a kernel for aarch64 with pages of 64 KiB",
        || held("arm64-64k"),
        || {
            // Kconfig's default for these pages, which the smallest configuration, made before, has for others.
            let aslr = "ARCH_MMAP_RND_BITS=14";
            build(
                "arm64-64k",
                &["ARM64_64K_PAGES=y", "ARM64_VA_BITS_48=y", aslr],
            )
        },
    ),
];

const fn built(
    name: &'static str,
    held: fn() -> Result<bool, String>,
    make: fn() -> Result<(), String>,
) -> Item {
    Item {
        name,
        megabytes: 150,
        minutes: 20,
        held,
        make,
    }
}

/// The series that the kernels are of.
const SERIES: &str = "6.12";

/// The suite that has it.
const SUITE: &str = "trixie";

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

/// The folder with the kernels `riscv64`, `arm64`, `arm64-16k`, `arm64-va39` and `arm64-64k`, as far as they are
/// there.
pub fn folder() -> Result<PathBuf, String> {
    Ok(cache::folder()?.join("kernels"))
}

fn held(name: &str) -> Result<bool, String> {
    Ok(folder()?.join(name).is_file())
}

fn fetch(package: &str, name: &str) -> Result<(), String> {
    let folder = folder()?;
    create(&folder)?;
    let unpacked = folder.join(format!("{name}.unpacked"));
    let packages = Packages {
        names: &[package],
        part: Part::Dependencies,
        suites: &[SUITE],
        version: "",
    };
    debian::unpack(&[packages], &unpacked)?;
    let image = entries(&unpacked.join("boot"))?
        .into_iter()
        .find(|path| {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().starts_with("vmlinu")
        })
        .ok_or_else(|| format!("package {package} has no kernel"))?;
    rename(&image, &folder.join(name))?;
    remove(&unpacked)
}

/// Builds a kernel from Debian's source. What a build that was broken off has compiled is used again.
fn build(name: &str, layout: &[&str]) -> Result<(), String> {
    let folder = folder()?;
    create(&folder)?;
    let tools = cross::folder()?;
    let source = folder.join(format!("{name}.source"));
    let tree = source.join(format!("linux-source-{SERIES}"));
    let unpacked = source.join("unpacked");
    if !unpacked.is_file() {
        remove(&source)?;
        let packages = Packages {
            names: &[&format!("linux-source-{SERIES}")],
            part: Part::Alone,
            suites: &[SUITE],
            version: "",
        };
        debian::unpack(&[packages], &source)?;
        let archive = source.join(format!("usr/src/linux-source-{SERIES}.tar.xz"));
        run(cross::command(&tools, "tar")
            .arg("-xJf")
            .arg(archive)
            .current_dir(&source))?;
        write(&unpacked, "")?;
    }
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
    // A gigabyte and a half.
    remove(&source)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        fs::read_dir(folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    Ok(entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect())
}

fn create(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("`{}`: {error}", folder.display()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("`{}`: {error}", file.display()))
}

fn rename(from: &Path, to: &Path) -> Result<(), String> {
    fs::rename(from, to).map_err(|error| format!("`{}`: {error}", from.display()))
}

fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("`{}`: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}
