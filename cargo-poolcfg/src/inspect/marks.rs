//! Marks: what of an ELF file tells the target that it was built for, and the C library that it needs.

use object::elf;
use target_lexicon::{
    Aarch64Architecture, Architecture, ArmArchitecture, BinaryFormat, Environment,
    Mips32Architecture, Mips64Architecture, OperatingSystem, Riscv32Architecture,
    Riscv64Architecture, Triple, Vendor, X86_32Architecture,
};

/// What of an ELF file tells the system that it is for.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) machine: u16,
    pub(super) flags: u32,
    pub(super) is_64_bit: bool,
    pub(super) is_big_endian: bool,
    pub(super) os_abi: u8,
    pub(super) interpreter: Option<String>,
    /// The names of the libraries that it needs.
    pub(super) libraries: Vec<String>,
    /// The newest version of glibc's symbols that it needs.
    pub(super) glibc: Option<(u32, u32)>,
    /// Whether it has the note of glibc's start files.
    pub(super) has_abi_tag: bool,
    /// Whether it has a note of one of these systems.
    pub(super) notes: Vec<String>,
}

/// The version that a symbol's, such as `GLIBC_2.34`, is of.
pub(super) fn glibc(name: &str) -> Option<(u32, u32)> {
    let (major, minor) = name.strip_prefix("GLIBC_")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

pub(super) fn is_musl(marks: &Marks) -> bool {
    let interpreter = marks.interpreter.as_deref().unwrap_or_default();
    interpreter.contains("ld-musl")
        || marks
            .libraries
            .iter()
            .any(|name| name.starts_with("libc.musl"))
}

pub(super) fn is_android(marks: &Marks) -> bool {
    let interpreter = marks.interpreter.as_deref().unwrap_or_default();
    interpreter.starts_with("/system/bin/linker")
        || marks.notes.iter().any(|note| note.contains("android"))
}

pub(super) fn c_library(marks: &Marks) -> Option<String> {
    if is_musl(marks) {
        return Some("musl".to_owned());
    }
    if is_android(marks) {
        return Some("bionic".to_owned());
    }
    if let Some((major, minor)) = marks.glibc {
        return Some(format!("glibc {major}.{minor}"));
    }
    let interpreter = marks.interpreter.as_deref().unwrap_or_default();
    interpreter
        .contains("/ld-linux")
        .then(|| "glibc".to_owned())
}

/// What programs of Linux have, which others have, too.
const OF_LINUX: [elf::OsAbi; 4] = [
    elf::ELFOSABI_SYSV,
    elf::ELFOSABI_LINUX,
    elf::ELFOSABI_ARM_AEABI,
    elf::ELFOSABI_ARM,
];

/// The target that the marks tell; `None` if they tell of none that is known.
pub(super) fn triple_of_elf(marks: &Marks) -> Option<Triple> {
    let architecture = architecture_of_elf(marks)?;
    let interpreter = marks.interpreter.as_deref().unwrap_or_default();
    let has_note = |of: &str| marks.notes.iter().any(|note| note.contains(of));
    let is_of_sun = architecture == Architecture::X86_64 && interpreter.ends_with("/amd64/ld.so.1");
    let operating_system = match marks.os_abi {
        abi if abi == elf::ELFOSABI_FREEBSD.0 => OperatingSystem::Freebsd,
        // Its mark is that of Solaris, or none.
        abi if is_of_sun && [elf::ELFOSABI_SOLARIS.0, elf::ELFOSABI_SYSV.0].contains(&abi) => {
            OperatingSystem::Illumos
        }
        abi if abi == elf::ELFOSABI_SOLARIS.0 => OperatingSystem::Solaris,
        abi if abi == elf::ELFOSABI_OPENBSD.0 => OperatingSystem::Openbsd,
        abi if abi == elf::ELFOSABI_NETBSD.0 => OperatingSystem::Netbsd,
        abi if !OF_LINUX.iter().any(|of_linux| of_linux.0 == abi) => return None,
        _ if has_note("openbsd") => OperatingSystem::Openbsd,
        _ if has_note("netbsd") => OperatingSystem::Netbsd,
        _ if interpreter.contains("ld-elf.so") => OperatingSystem::Freebsd,
        _ => OperatingSystem::Linux,
    };
    let is_hard = marks.flags & elf::EF_ARM_ABI_FLOAT_HARD != 0;
    let is_arm = matches!(architecture, Architecture::Arm(_));
    let is_mips64 = matches!(architecture, Architecture::Mips64(_));
    // A static program of glibc has the note of its start files, and one of musl has not.
    let is_gnu = !is_musl(marks) && (marks.interpreter.is_some() || marks.has_abi_tag);
    let environment = match operating_system {
        OperatingSystem::Linux => match (is_gnu, is_arm, is_hard) {
            _ if is_android(marks) && is_arm => Environment::Androideabi,
            _ if is_android(marks) => Environment::Android,
            (true, ..) if is_mips64 => Environment::Gnuabi64,
            (false, ..) if is_mips64 => Environment::Muslabi64,
            (true, true, true) => Environment::Gnueabihf,
            (true, true, false) => Environment::Gnueabi,
            (false, true, true) => Environment::Musleabihf,
            (false, true, false) => Environment::Musleabi,
            _ if architecture == Architecture::X86_64 && !marks.is_64_bit => Environment::Gnux32,
            (true, ..) => Environment::Gnu,
            (false, ..) => Environment::Musl,
        },
        OperatingSystem::Netbsd if is_arm => Environment::Eabihf,
        _ => Environment::Unknown,
    };
    let architecture = match (environment, architecture) {
        // rustc names no extensions there.
        (Environment::Android, Architecture::Riscv64(_)) => {
            Architecture::Riscv64(Riscv64Architecture::Riscv64)
        }
        (_, architecture) => architecture,
    };
    let vendor = match (operating_system, architecture) {
        (OperatingSystem::Solaris, Architecture::X86_64) => Vendor::Pc,
        _ => Vendor::Unknown,
    };
    Some(triple(
        architecture,
        vendor,
        operating_system,
        environment,
        BinaryFormat::Elf,
    ))
}

pub(super) fn architecture_of_elf(marks: &Marks) -> Option<Architecture> {
    Some(
        match (
            elf::Machine(marks.machine),
            marks.is_64_bit,
            marks.is_big_endian,
        ) {
            (elf::EM_X86_64, ..) => Architecture::X86_64,
            (elf::EM_386, ..) => Architecture::X86_32(X86_32Architecture::I686),
            (elf::EM_AARCH64, _, false) => Architecture::Aarch64(Aarch64Architecture::Aarch64),
            (elf::EM_AARCH64, _, true) => Architecture::Aarch64(Aarch64Architecture::Aarch64be),
            (elf::EM_ARM, _, false) => Architecture::Arm(ArmArchitecture::Armv7),
            (elf::EM_RISCV, true, _) => Architecture::Riscv64(Riscv64Architecture::Riscv64gc),
            (elf::EM_RISCV, false, _) => Architecture::Riscv32(Riscv32Architecture::Riscv32gc),
            (elf::EM_S390, true, _) => Architecture::S390x,
            (elf::EM_PPC64, _, false) => Architecture::Powerpc64le,
            (elf::EM_PPC64, _, true) => Architecture::Powerpc64,
            (elf::EM_PPC, ..) => Architecture::Powerpc,
            (elf::EM_LOONGARCH, true, _) => Architecture::LoongArch64,
            (elf::EM_MIPS, false, true) => Architecture::Mips32(Mips32Architecture::Mips),
            (elf::EM_MIPS, false, false) => Architecture::Mips32(Mips32Architecture::Mipsel),
            (elf::EM_MIPS, true, true) => Architecture::Mips64(Mips64Architecture::Mips64),
            (elf::EM_MIPS, true, false) => Architecture::Mips64(Mips64Architecture::Mips64el),
            _ => return None,
        },
    )
}

pub(super) const fn triple(
    architecture: Architecture,
    vendor: Vendor,
    operating_system: OperatingSystem,
    environment: Environment,
    binary_format: BinaryFormat,
) -> Triple {
    Triple {
        architecture,
        vendor,
        operating_system,
        environment,
        binary_format,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that rustc has, by its own list.
    #[test]
    fn targets_are_named_as_rustc_names_them() {
        let named = |machine: elf::Machine, marks: Marks| {
            let machine = machine.0;
            let triple = triple_of_elf(&Marks { machine, ..marks });
            triple.map(|triple| triple.to_string()).unwrap_or_default()
        };
        let interpreter = |path: &str| Some(path.to_owned());
        let of_64 = |path: &str| Marks {
            is_64_bit: true,
            interpreter: interpreter(path),
            ..Marks::default()
        };
        let android = Marks {
            interpreter: interpreter("/system/bin/linker"),
            ..Marks::default()
        };
        assert_eq!(named(elf::EM_ARM, android), "armv7-linux-androideabi");
        let android = || of_64("/system/bin/linker64");
        assert_eq!(named(elf::EM_RISCV, android()), "riscv64-linux-android");
        assert_eq!(named(elf::EM_AARCH64, android()), "aarch64-linux-android");
        for (is_big_endian, arch) in [(true, "mips64"), (false, "mips64el")] {
            let of = |path: &str| Marks {
                is_big_endian,
                ..of_64(path)
            };
            let gnu = named(elf::EM_MIPS, of("/lib64/ld.so.1"));
            assert_eq!(gnu, format!("{arch}-unknown-linux-gnuabi64"));
            let musl = named(elf::EM_MIPS, of("/lib/ld-musl-mips64.so.1"));
            assert_eq!(musl, format!("{arch}-unknown-linux-muslabi64"));
        }
        let netbsd = Marks {
            notes: vec!["netbsd".to_owned()],
            ..Marks::default()
        };
        assert_eq!(named(elf::EM_ARM, netbsd), "armv7-unknown-netbsd-eabihf");
        for (os_abi, path, triple) in [
            (
                elf::ELFOSABI_SOLARIS,
                "/lib/amd64/ld.so.1",
                "x86_64-unknown-illumos",
            ),
            (
                elf::ELFOSABI_SYSV,
                "/lib/amd64/ld.so.1",
                "x86_64-unknown-illumos",
            ),
            (elf::ELFOSABI_SOLARIS, "", "x86_64-pc-solaris"),
        ] {
            let os_abi = os_abi.0;
            let of_sun = Marks {
                os_abi,
                ..of_64(path)
            };
            assert_eq!(named(elf::EM_X86_64, of_sun), triple);
        }
    }
}
