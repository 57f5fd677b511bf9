//! The programs that run in a kernel, cross-compiled as a user builds a release.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use poolcfg_tests::{root, variable};
use poolcfg_tests_kernels::Program;

use crate::kernel::Architecture;

/// A program of this package.
pub(crate) fn build(architecture: &Architecture, binary: &str, program: Program) -> Vec<u8> {
    build_of("poolcfg-tests-kernels", architecture, binary, program)
}

/// A program of a package, linked in one of three ways.
pub(crate) fn build_of(
    package: &str,
    architecture: &Architecture,
    binary: &str,
    program: Program,
) -> Vec<u8> {
    let _one = one();
    let mut cargo = cargo(architecture, "rustc");
    cargo
        .current_dir(root())
        .args(["--quiet", "--release", "--locked"])
        .args(["--package", package, "--bin", binary])
        .arg("--");
    match program {
        Program::Pie => {}
        Program::StaticPie => {
            cargo.arg("-Ctarget-feature=+crt-static");
            // The machine's own rustc links one by itself.
            if !architecture.native {
                let linker = linker(architecture, "static-pie-cc");
                cargo.arg(format!("-Clinker={}", linker.display()));
            }
        }
        Program::Static => {
            cargo.args(["-Ctarget-feature=+crt-static", "-Crelocation-model=static"]);
        }
    }
    let status = cargo.status().unwrap();
    assert!(status.success(), "{cargo:?}");
    let bytes = release(architecture, binary);
    assert_eq!(
        (kind(&bytes), has_interpreter(&bytes)),
        match program {
            Program::Pie => (ET_DYN, true),
            Program::StaticPie => (ET_DYN, false),
            Program::Static => (ET_EXEC, false),
        },
        "{binary} is not linked as {}",
        program.word()
    );
    bytes
}

/// Held from before a program is built until it is read: cargo gives every way of linking it the same name, and the
/// tests, which run at the same time, share the folder.
fn one() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A cargo command that builds for an architecture, as a user sets it up: by its target and its linker. There
/// is no prebuilt standard library of it here, unless it is the machine's own.
pub(crate) fn cargo(architecture: &Architecture, command: &str) -> Command {
    let target = architecture.target;
    if architecture.native {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args([command, "--target", target])
            .arg("--target-dir")
            .arg(variable("POOLCFG_KERNELS_TARGET"))
            .env_remove("POOLCFG_VA_PROFILE");
        return cargo;
    }
    let variable_of_linker = format!(
        "CARGO_TARGET_{}_LINKER",
        target.to_uppercase().replace('-', "_")
    );
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([command, "-Zbuild-std=std,panic_abort", "--target", target])
        .arg("--target-dir")
        .arg(variable("POOLCFG_KERNELS_TARGET"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", variable("POOLCFG_RUST_SRC"))
        .env(variable_of_linker, linker(architecture, "cc"))
        .env_remove("POOLCFG_VA_PROFILE");
    cargo
}

/// A program of a release that was built.
pub(crate) fn release(architecture: &Architecture, binary: &str) -> Vec<u8> {
    let folder = variable("POOLCFG_KERNELS_TARGET").join(architecture.target);
    read(&folder.join("release").join(binary))
}

/// A release of the example.
pub(crate) fn example(architecture: &Architecture) -> Vec<u8> {
    let _one = one();
    let mut build = cargo(architecture, "build");
    build
        .current_dir(root().join("examples/slot-server"))
        .arg("--release");
    assert!(build.status().unwrap().success(), "{build:?}");
    release(architecture, "slot-server")
}

/// The command `poolcfg` out of the archive that is distributed.
pub(crate) fn distributed(architecture: &Architecture) -> Vec<u8> {
    let folder = variable("POOLCFG_DIST");
    let begin = format!(
        "poolcfg-{}-{}",
        env!("CARGO_PKG_VERSION"),
        architecture.name
    );
    let archive = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name.starts_with(&begin))
        .unwrap();
    let output = Command::new("tar")
        .current_dir(&folder)
        .args(["--extract", "--gzip", "--to-stdout", "--file", &archive])
        .arg(archive.replace(".tar.gz", "/poolcfg"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn linker(architecture: &Architecture, name: &str) -> PathBuf {
    let bin = variable("POOLCFG_CROSS").join("bin");
    bin.join(format!("{}-{name}", architecture.name))
}

const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;

/// The type in the header of a little-endian program of 64 bits; see elf(5).
fn kind(bytes: &[u8]) -> u16 {
    assert_eq!(bytes[..6], *b"\x7fELF\x02\x01");
    u16::from_le_bytes([bytes[16], bytes[17]])
}

/// Whether a program header is of the type `PT_INTERP`, which is 3.
fn has_interpreter(bytes: &[u8]) -> bool {
    let offset = u64::from_le_bytes(bytes[32..40].try_into().unwrap());
    let offset = usize::try_from(offset).unwrap();
    let entry = usize::from(u16::from_le_bytes([bytes[54], bytes[55]]));
    let count = usize::from(u16::from_le_bytes([bytes[56], bytes[57]]));
    bytes[offset..offset + entry * count]
        .chunks(entry)
        .any(|header| header[..4] == 3u32.to_le_bytes())
}

/// What a PIE loads, by its name in the archive.
pub(crate) fn libraries(architecture: &Architecture) -> Vec<(&'static str, Vec<u8>)> {
    let names = [
        architecture.interpreter,
        "libc.so.6",
        "libgcc_s.so.1",
        "libm.so.6",
    ];
    if architecture.native {
        // Two of which the C library has had everything since 2.34, and programs still name them.
        let names = names.into_iter().chain(["libpthread.so.0", "libdl.so.2"]);
        return names.map(|name| (name, read(&of_machine(name)))).collect();
    }
    let folder = variable("POOLCFG_CROSS").join(format!("usr/{}/lib", architecture.gnu));
    let files = names
        .into_iter()
        .map(|name| (name, read(&folder.join(name))));
    files.collect()
}

/// A library of the machine's own, where its compiler finds it.
fn of_machine(name: &str) -> PathBuf {
    let mut compiler = Command::new("cc");
    let output = compiler.arg(format!("-print-file-name={name}")).output();
    let path = String::from_utf8(output.unwrap().stdout).unwrap();
    PathBuf::from(path.trim_end())
}

fn read(file: &Path) -> Vec<u8> {
    match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => panic!("`{}`: {error}", PathBuf::from(file).display()),
    }
}
